/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Integration test of uprobes and uretprobes: traces the globals when a user
 * function is entered or left. The attach request names binary and function.
 * No register is read, so one object serves all architectures of an endianness.
 */
#include "globals.h"

SEC("uprobe/my_uprobe")
int my_uprobe(void *ctx)
{
	(void)ctx;
	trace_globals(" UP");
	return 0;
}

SEC("uretprobe/my_uretprobe")
int my_uretprobe(void *ctx)
{
	(void)ctx;
	trace_globals("URP");
	return 0;
}
