/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the counter examples have in common: how a map entry is incremented,
 * and the licence. The maps and programs are in the examples themselves.
 *
 * The maps are per-CPU arrays: every CPU has its own copy of an entry, so a
 * plain `+=` loses nothing to other CPUs. User space adds up the copies.
 */
#ifndef COUNTER_H
#define COUNTER_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* The value of the maps that count packets. User space reads the same layout. */
struct packet_count {
	__u64 packets;
	__u64 bytes;
};

/*
 * Counts one packet of `bytes` bytes under `key`; returns -1 if there is no
 * such entry. The verifier demands the test for NULL, as any lookup may fail.
 */
static __always_inline int count_packet(void *map, __u32 key, __u64 bytes)
{
	struct packet_count *count = bpf_map_lookup_elem(map, &key);

	if (!count)
		return -1;
	count->packets += 1;
	count->bytes += bytes;
	return 0;
}

/* Counts one event in the first entry of a map of __u64. */
static __always_inline void count_event(void *map)
{
	__u32 key = 0;
	__u64 *count = bpf_map_lookup_elem(map, &key);

	if (count)
		*count += 1;
}

/* The kernel lends some helpers, bpf_trace_printk() among them, to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";

#endif
