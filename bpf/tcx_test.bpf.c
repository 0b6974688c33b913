/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Integration test of TCX: one program for each verdict, so that a test can
 * chain them and see which still run after which. TCX_* are in <linux/bpf.h>
 * since Linux 6.6; the loader chooses the attach point, not the section.
 */
#include "globals.h"

/* Traces the globals and returns `verdict`. */
#define TCX_PROGRAM(name, verdict)                \
	SEC("classifier")                         \
	int name(struct __sk_buff *skb)           \
	{                                         \
		(void)skb;                        \
		trace_globals(" TCX");            \
		return verdict;                   \
	}

TCX_PROGRAM(tcx_pass, TCX_PASS)
TCX_PROGRAM(tcx_next, TCX_NEXT)
TCX_PROGRAM(tcx_drop, TCX_DROP)
TCX_PROGRAM(tcx_redirect, TCX_REDIRECT)
