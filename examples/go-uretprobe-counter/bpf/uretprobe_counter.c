/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts the returns of a function of a user-space program or library. The
 * attach request names the binary and the function. A call that never returns,
 * because the process ends in it, is not counted: that is the difference from a
 * uprobe.
 */
#include "../../bpf/counter.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} uretprobe_stats_map SEC(".maps");

SEC("uretprobe/uretprobe_counter")
int uretprobe_counter(void *ctx)
{
	(void)ctx;
	count_event(&uretprobe_stats_map);
	return 0;
}
