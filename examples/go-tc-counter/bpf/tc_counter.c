/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts the packets and bytes of one direction of an interface, in TC. Every
 * packet is accepted, which also ends the chain of TC programs.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "../../bpf/counter.h"

/* One entry for each TC verdict from 0 on; TC_ACT_VALUE_MAX is the last. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct packet_count);
	__uint(max_entries, TC_ACT_VALUE_MAX + 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} tc_stats_map SEC(".maps");

/* Plain `classifier`: libbpf refuses a suffix, aya refuses `tc`. */
SEC("classifier")
int stats(struct __sk_buff *skb)
{
	if (count_packet(&tc_stats_map, TC_ACT_OK, skb->len))
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}
