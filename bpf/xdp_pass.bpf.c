/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Integration test of XDP: passes every packet and traces the globals.
 * It looks at no packet.
 */
#include "globals.h"

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	(void)ctx;
	trace_globals("XDP");
	return XDP_PASS;
}
