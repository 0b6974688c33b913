/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the integration-test programs have in common: two globals that a test
 * sets at load time, and the trace line by which it sees that they arrived.
 * It holds no program; include it once per object.
 */
#ifndef BPFMAN_TEST_GLOBALS_H
#define BPFMAN_TEST_GLOBALS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/*
 * `const` puts them in .rodata, which the loader fills before the kernel
 * freezes it. `volatile` keeps clang from compiling the zeros in. They must
 * not be `static`: cilium/ebpf sets only symbols with external linkage.
 */
const volatile __u8 GLOBAL_u8 = 0;
const volatile __u32 GLOBAL_u32 = 0;

/* Tests search trace_pipe for exactly this line, spaces of the tag included. */
#define trace_globals(tag) \
	bpf_printk(tag ": GLOBAL_u8: 0x%02X, GLOBAL_u32: 0x%08X", GLOBAL_u8, GLOBAL_u32)

/* Both licences of this file; bpf_trace_printk() needs one that is GPL. */
char _license[] SEC("license") = "Dual BSD/GPL";

#endif
