/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts the SIGUSR1 signals sent with kill(2), at the tracepoint
 * syscalls/sys_enter_kill. Signals sent in other ways are not seen.
 */
#include "../../bpf/counter.h"

/* From asm-generic/signal.h; only alpha, mips, parisc and sparc number it differently. */
#define SIGUSR1 10

/*
 * What the tracepoint hands over, on 64-bit kernels. The kernel describes it in
 * /sys/kernel/tracing/events/syscalls/sys_enter_kill/format: the arguments of a
 * system call come as one long each, whatever their type; the 8 bytes in front
 * are those of every tracepoint.
 */
struct kill_args {
	__u64 common;
	int syscall_nr;
	long pid;
	long sig;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 8);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} tracepoint_stats_map SEC(".maps");

SEC("tracepoint/tracepoint_kill_recorder")
int tracepoint_kill_recorder(struct kill_args *ctx)
{
	if (ctx->sig != SIGUSR1)
		return 0;

	bpf_printk("tracepoint_kill_recorder: SIGUSR1 to process %d", (int)ctx->pid);
	count_event(&tracepoint_stats_map);
	return 0;
}
