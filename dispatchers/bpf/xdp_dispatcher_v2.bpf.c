/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The XDP dispatcher: lets up to ten XDP programs share one interface.
 *
 * An interface takes one XDP program, and this is it. It calls ten stubs in
 * order; for each program to run, the loader replaces one stub (freplace). The
 * configuration says how many slots are in use and which verdicts let the next
 * one run. The loader freezes it before the kernel verifies the program, so the
 * verifier removes the calls of unused slots, and a packet never pays for them.
 *
 * The layout, names and numbers are libxdp's dispatcher protocol, version 2;
 * tools that speak it recognise this dispatcher. Nothing may be added: libxdp
 * wants a dispatcher to have exactly one map, the one that holds `conf`.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "slots.h"

/* From libxdp's protocol. The magic is the sum of 'X', 'D' and 'P'. */
#define XDP_DISPATCHER_MAGIC 236
#define XDP_DISPATCHER_VERSION 2
#define XDP_DISPATCHER_RETVAL 31

struct xdp_dispatcher_conf {
	__u8 magic;
	__u8 dispatcher_version;
	__u8 num_progs_enabled;
	__u8 is_xdp_frags;                                 /* 1 if every program takes multi-buffer packets */
	__u32 chain_call_actions[MAX_DISPATCHER_ACTIONS];  /* bit r: go on after verdict r */
	__u32 run_prios[MAX_DISPATCHER_ACTIONS];           /* for tools; not used here */
	__u32 program_flags[MAX_DISPATCHER_ACTIONS];       /* for tools; not used here */
};

_Static_assert(sizeof(struct xdp_dispatcher_conf) == 124, "the size is part of the protocol");

/*
 * `const` puts it in .rodata, which the loader may write and then freezes;
 * `volatile` keeps clang from compiling the initial values in. It must not be
 * `static`: cilium/ebpf sets only symbols with external linkage.
 */
const volatile struct xdp_dispatcher_conf conf = {
	.magic = XDP_DISPATCHER_MAGIC,
	.dispatcher_version = XDP_DISPATCHER_VERSION,
};

/*
 * A stub, whose place an XDP program takes. Three things in it look idle:
 *
 * - The return value is volatile. If clang knew it, it would fold it into the
 *   caller, which could then not see what the replacing program returns.
 * - The test for NULL makes the context an argument that is used.
 * - Since Linux 6.13 a program that moves packet pointers may only replace a
 *   function that does so too. Adjusting the tail by 0 bytes counts as that,
 *   and changes nothing.
 */
#define STUB(name)                                          \
	__noinline int name(struct xdp_md *ctx)             \
	{                                                   \
		volatile int ret = XDP_DISPATCHER_RETVAL;   \
                                                            \
		if (!ctx)                                   \
			return XDP_ABORTED;                 \
		bpf_xdp_adjust_tail(ctx, 0);                \
		return ret;                                 \
	}

STUB(prog0)
STUB(prog1)
STUB(prog2)
STUB(prog3)
STUB(prog4)
STUB(prog5)
STUB(prog6)
STUB(prog7)
STUB(prog8)
STUB(prog9)

/* Not a slot: loaders check here that a program can replace a stub at all. */
STUB(compat_test)

/* Bit r stands for verdict r. */
#define RUN_SLOT(slot)                                              \
	do {                                                        \
		if (num_progs_enabled < (slot) + 1)                 \
			goto out;                                   \
		ret = prog##slot(ctx);                              \
		if (!goes_on(conf.chain_call_actions[slot], ret))   \
			return ret;                                 \
	} while (0)

SEC("xdp")
int xdp_dispatcher(struct xdp_md *ctx)
{
	__u8 num_progs_enabled = conf.num_progs_enabled;
	int ret;

	RUN_SLOT(0);
	RUN_SLOT(1);
	RUN_SLOT(2);
	RUN_SLOT(3);
	RUN_SLOT(4);
	RUN_SLOT(5);
	RUN_SLOT(6);
	RUN_SLOT(7);
	RUN_SLOT(8);
	RUN_SLOT(9);

	/* The call keeps compat_test in the program when a loader asks for 11. */
	if (num_progs_enabled < MAX_DISPATCHER_ACTIONS + 1)
		goto out;
	compat_test(ctx);
out:
	return XDP_PASS;
}

/* The version again, where version 1 has it: in BTF, as the length of this array type. */
__uint(dispatcher_version, XDP_DISPATCHER_VERSION) SEC("xdp_metadata");

/* The licence the kernel is told; this source is under either of the first line. */
char _license[] SEC("license") = "GPL";
