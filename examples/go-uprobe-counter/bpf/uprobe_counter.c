/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts the calls of a function of a user-space program or library. The attach
 * request names the binary and the function, so the name in the section is only
 * a label. All processes that run the binary are counted, unless the request
 * names one.
 */
#include "../../bpf/counter.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} uprobe_stats_map SEC(".maps");

SEC("uprobe/uprobe_counter")
int uprobe_counter(void *ctx)
{
	(void)ctx;
	bpf_printk("uprobe_counter: called");
	count_event(&uprobe_stats_map);
	return 0;
}
