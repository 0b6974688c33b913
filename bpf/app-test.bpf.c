/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Integration test of an application: one object with a program of every type
 * that bpfman attaches, loaded and set up in one request. Each program traces
 * the globals and lets its packet or call go on, but for the TCX verdicts.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_tracing.h>

#include "globals.h"

struct filename;

/* The arguments are those of do_unlinkat() in fs/namei.c. */
SEC("fentry/do_unlinkat")
int BPF_PROG(fentry_test, int dfd, struct filename *name)
{
	(void)ctx, (void)dfd, (void)name;
	trace_globals("FEN");
	return 0;
}

SEC("fexit/do_unlinkat")
int BPF_PROG(fexit_test, int dfd, struct filename *name, int ret)
{
	(void)ctx, (void)dfd, (void)name, (void)ret;
	trace_globals("FEX");
	return 0;
}

/* A program that traces the globals, ignores its context and returns `verdict`. */
#define PROGRAM(section, name, context, tag, verdict) \
	SEC(section)                                  \
	int name(context *ctx)                        \
	{                                             \
		(void)ctx;                            \
		trace_globals(tag);                   \
		return verdict;                       \
	}

PROGRAM("kprobe/my_kprobe", kprobe_test, void, " KP", 0)
PROGRAM("kretprobe/my_kretprobe", kretprobe_test, void, "KRP", 0)
PROGRAM("uprobe/my_uprobe", uprobe_test, void, " UP", 0)
PROGRAM("uretprobe/my_uretprobe", uretprobe_test, void, "URP", 0)
PROGRAM("tracepoint/sys_enter_openat", tracepoint_test, void, " TP", 0)

PROGRAM("xdp", xdp_pass_test, struct xdp_md, "XDP", XDP_PASS)

/* TC and TCX share a program type, and so a section. */
PROGRAM("classifier", tc_pass_test, struct __sk_buff, " TC", TC_ACT_OK)
PROGRAM("classifier", tcx_pass_test, struct __sk_buff, "TCX", TCX_PASS)
PROGRAM("classifier", tcx_next_test, struct __sk_buff, "TCX", TCX_NEXT)
PROGRAM("classifier", tcx_drop_test, struct __sk_buff, "TCX", TCX_DROP)
PROGRAM("classifier", tcx_redirect_test, struct __sk_buff, "TCX", TCX_REDIRECT)
