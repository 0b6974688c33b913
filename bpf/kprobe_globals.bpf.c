/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Integration test of globals that are many and of different widths, laid out
 * with gaps: a loader that gets a size or an offset wrong shows it in the
 * trace. The names are those of a network observer's settings; nothing here
 * observes a network. No image is made of it.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile __u32 sampling = 0;
const volatile __u8 trace_messages = 0;
const volatile __u8 enable_rtt = 0;
const volatile __u8 enable_pca = 0;
const volatile __u8 enable_dns_tracking = 0;
const volatile __u8 enable_flows_filtering = 0;
const volatile __u16 dns_port = 0;
const volatile __u8 enable_network_events_monitoring = 0;
const volatile __u8 network_events_monitoring_groupid = 0;

/* Three values a line: more would need bpf_trace_vprintk(), new in Linux 5.16. */
static __always_inline int trace_settings(void)
{
	bpf_printk("sampling: %u, dns_port: %u, trace_messages: %u",
		   sampling, dns_port, trace_messages);
	bpf_printk("enable_rtt: %u, enable_pca: %u, enable_dns_tracking: %u",
		   enable_rtt, enable_pca, enable_dns_tracking);
	bpf_printk("enable_flows_filtering: %u, enable_network_events_monitoring: %u, "
		   "network_events_monitoring_groupid: %u",
		   enable_flows_filtering, enable_network_events_monitoring,
		   network_events_monitoring_groupid);
	return 0;
}

SEC("kprobe/kprobe_globals")
int kprobe_globals(void *ctx)
{
	(void)ctx;
	return trace_settings();
}

SEC("kretprobe/kretprobe_globals")
int kretprobe_globals(void *ctx)
{
	(void)ctx;
	return trace_settings();
}

/* Both licences of this file; bpf_trace_printk() needs one that is GPL. */
char _license[] SEC("license") = "Dual BSD/GPL";
