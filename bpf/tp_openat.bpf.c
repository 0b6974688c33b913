/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Integration test of tracepoints: traces the globals on every openat(2).
 * It does not read the arguments of the call.
 */
#include "globals.h"

SEC("tracepoint/sys_enter_openat")
int enter_openat(void *ctx)
{
	(void)ctx;
	trace_globals(" TP");
	return 0;
}
