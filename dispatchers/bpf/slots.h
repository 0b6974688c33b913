/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What both dispatchers do alike: how many slots there are, and how a verdict
 * decides whether the next slot runs. Their configurations, stubs and entry
 * functions are in the dispatchers themselves.
 */
#ifndef BPFMAN_SLOTS_H
#define BPFMAN_SLOTS_H

#include <linux/types.h>

#include <bpf/bpf_helpers.h>

/* libxdp's protocol, which bpfman's TC dispatcher follows. */
#define MAX_DISPATCHER_ACTIONS 10

/*
 * Says whether `actions` has the bit. It must shift the set, not the bit: of
 * an empty set the verifier knows what `actions & (1 << bit)` gives, and would
 * remove the slots behind this one, compat_test with them. Without the barrier
 * clang turns the first form into the second.
 *
 * There are 32 bits; a verdict that would have another has none.
 */
static __always_inline int goes_on(__u32 actions, __u32 bit)
{
	if (bit > 31)
		return 0;
	actions >>= bit;
	barrier_var(actions);
	return actions & 1;
}

#endif
