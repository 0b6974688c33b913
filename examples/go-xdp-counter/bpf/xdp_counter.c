/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts the packets and bytes that reach an interface, in XDP: before the
 * kernel has made a socket buffer of them. Every packet passes.
 */
#include "../../bpf/counter.h"

/* One entry for each XDP verdict; XDP_REDIRECT is the last. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct packet_count);
	__uint(max_entries, XDP_REDIRECT + 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} xdp_stats_map SEC(".maps");

SEC("xdp")
int xdp_stats(struct xdp_md *ctx)
{
	__u64 bytes = ctx->data_end - ctx->data;

	if (count_packet(&xdp_stats_map, XDP_PASS, bytes))
		return XDP_ABORTED;
	return XDP_PASS;
}
