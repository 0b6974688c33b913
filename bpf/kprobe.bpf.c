/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Integration test of kprobes and kretprobes: traces the globals when a kernel
 * function is entered or left. The attach request names the function. No
 * register is read, so one object serves all architectures of an endianness.
 */
#include "globals.h"

SEC("kprobe/my_kprobe")
int my_kprobe(void *ctx)
{
	(void)ctx;
	trace_globals(" KP");
	return 0;
}

SEC("kretprobe/my_kretprobe")
int my_kretprobe(void *ctx)
{
	(void)ctx;
	trace_globals("KRP");
	return 0;
}
