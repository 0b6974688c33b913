/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Integration test of TC: accepts every packet and traces the globals.
 * It looks at no packet.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "globals.h"

/* Plain `classifier`: libbpf refuses a suffix, aya refuses `tc`. */
SEC("classifier")
int pass(struct __sk_buff *skb)
{
	(void)skb;
	trace_globals(" TC");
	return TC_ACT_OK;
}
