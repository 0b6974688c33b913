/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts the calls of a kernel function. The attach request names it, so the
 * name in the section is only a label. The context holds the registers at the
 * call, laid out differently on every architecture; this program reads none,
 * so it needs no build per architecture.
 */
#include "../../bpf/counter.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} kprobe_stats_map SEC(".maps");

SEC("kprobe/kprobe_counter")
int kprobe_counter(void *ctx)
{
	(void)ctx;
	bpf_printk("kprobe_counter: called");
	count_event(&kprobe_stats_map);
	return 0;
}
