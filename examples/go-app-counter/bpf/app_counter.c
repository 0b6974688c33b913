/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Several programs in one object, so that one request loads an application.
 *
 * Each is the program of another example, which explains it; this file only
 * gathers them. They may share an object because every map and function has
 * its own name, and because counter.h gives the one licence they all need.
 */
#include "../../go-kprobe-counter/bpf/kprobe_counter.c"
#include "../../go-tc-counter/bpf/tc_counter.c"
#include "../../go-tcx-counter/bpf/tcx_counter.c"
#include "../../go-tracepoint-counter/bpf/tracepoint_counter.c"
#include "../../go-uprobe-counter/bpf/uprobe_counter.c"
#include "../../go-xdp-counter/bpf/xdp_counter.c"
