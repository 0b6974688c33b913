/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts the packets and bytes of one direction of an interface, in TCX: the
 * kernel's own chain of TC programs, since Linux 6.6. TCX_NEXT hands every
 * packet on to the next program of the chain.
 */
#include "../../bpf/counter.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct packet_count);
	__uint(max_entries, 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} tcx_stats_map SEC(".maps");

/* To the kernel this is a TC program; where it is attached makes it TCX. */
SEC("classifier")
int tcx_stats(struct __sk_buff *skb)
{
	count_packet(&tcx_stats_map, 0, skb->len);
	return TCX_NEXT;
}
