/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The TC dispatcher: lets up to ten TC programs share one direction of one
 * interface, in an order and with conditions that bpfman decides.
 *
 * It is attached as a direct-action filter and calls ten stubs in order; for
 * each program to run, the loader replaces one stub (freplace). The
 * configuration says how many slots are in use and which verdicts let the next
 * one run. The loader freezes it before the kernel verifies the program, so the
 * verifier removes the calls of unused slots, and a packet never pays for them.
 *
 * It follows the XDP dispatcher beside it, with two differences: the
 * configuration has no magic number, and bit r + 1 stands for verdict r,
 * because TC's verdicts begin at -1. Add no other map or global here: bpfman
 * expects the one map that holds `CONFIG`.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "slots.h"

/* bpfman's protocol. The stubs' value is 30, so that its bit is the last one. */
#define TC_DISPATCHER_VERSION 1
#define TC_DISPATCHER_RETVAL 30

struct tc_dispatcher_config {
	__u8 num_progs_enabled;
	__u32 chain_call_actions[MAX_DISPATCHER_ACTIONS];  /* bit r + 1: go on after verdict r */
	__u32 run_prios[MAX_DISPATCHER_ACTIONS];           /* for tools; not used here */
};

_Static_assert(sizeof(struct tc_dispatcher_config) == 84, "the size is part of the protocol");

/*
 * `const` puts it in .rodata, which the loader may write and then freezes;
 * `volatile` keeps clang from compiling the zeros in. It must not be
 * `static`: cilium/ebpf sets only symbols with external linkage.
 */
const volatile struct tc_dispatcher_config CONFIG = {};

/*
 * A stub, whose place a TC program takes. Three things in it look idle:
 *
 * - The return value is volatile. If clang knew it, it would fold it into the
 *   caller, which could then not see what the replacing program returns.
 * - The test for NULL makes the context an argument that is used.
 * - Since Linux 6.13 a program that moves packet pointers may only replace a
 *   function that does so too. Pulling 0 bytes counts as that, and asks only
 *   that the part of the packet which is already linear be writable.
 */
#define STUB(name)                                         \
	__noinline int name(struct __sk_buff *skb)         \
	{                                                  \
		volatile int ret = TC_DISPATCHER_RETVAL;   \
                                                           \
		if (!skb)                                  \
			return TC_ACT_UNSPEC;              \
		bpf_skb_pull_data(skb, 0);                 \
		return ret;                                \
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

/* Bit r + 1 stands for verdict r: TC's begin at -1. */
#define RUN_SLOT(slot)                                                    \
	do {                                                              \
		if (num_progs_enabled < (slot) + 1)                       \
			goto out;                                         \
		ret = prog##slot(skb);                                    \
		if (!goes_on(CONFIG.chain_call_actions[slot], 1U + ret))  \
			return ret;                                       \
	} while (0)

/* Plain `classifier`: libbpf refuses a suffix, aya refuses `tc`. */
SEC("classifier")
int tc_dispatcher(struct __sk_buff *skb)
{
	__u8 num_progs_enabled = CONFIG.num_progs_enabled;
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
	compat_test(skb);
out:
	return TC_ACT_OK;
}

/* The version, readable from BTF alone: it is the length of this array type. */
__uint(dispatcher_version, TC_DISPATCHER_VERSION) SEC("tc_metadata");

/* The licence the kernel is told; this source is under either of the first line. */
char _license[] SEC("license") = "GPL";
