/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Integration test of fentry and fexit: traces the kernel's do_unlinkat(),
 * which every unlink(2) enters. Unlike probes, these name their function at
 * compile time, because the kernel checks it when the program is loaded.
 *
 * There are no globals here: the test looks for the two fixed lines.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct filename;

/* The arguments are those of do_unlinkat() in fs/namei.c. */
SEC("fentry/do_unlinkat")
int BPF_PROG(test_fentry, int dfd, struct filename *name)
{
	(void)ctx, (void)dfd, (void)name;
	bpf_printk("fentry: do_unlinkat ENTER");
	return 0;
}

/* An fexit program gets the arguments again, and then the return value. */
SEC("fexit/do_unlinkat")
int BPF_PROG(test_fexit, int dfd, struct filename *name, int ret)
{
	(void)ctx, (void)dfd, (void)name, (void)ret;
	bpf_printk("fexit: do_unlinkat EXIT");
	return 0;
}

/* Both licences of this file; bpf_trace_printk() needs one that is GPL. */
char _license[] SEC("license") = "Dual BSD/GPL";
