// The six programs. Those of one type each, in the other directories, are
// explained there.

package main

import (
	"fmt"
	"time"

	v1 "github.com/bpfman/bpfman/clients/gobpfman/v1"

	"bpfman.io/examples/internal/counts"
	"bpfman.io/examples/internal/example"
	"bpfman.io/examples/internal/options"
	"bpfman.io/examples/internal/signaller"
)

// interval is the time from one reading of a map to the next. Each counter has
// a goroutine of its own; they share nothing that changes.
const interval = 2 * time.Second

// The keys under which the programs count; 0 where there is no other.
const (
	tcActOk = 0
	xdpPass = 2
)

var kprobe = example.Counter{
	Program: &v1.LoadInfo{Name: "kprobe_counter", ProgramType: v1.BpfmanProgramType_KPROBE},
	Attach: func(options.Options) *v1.AttachInfo {
		kprobe := &v1.KprobeAttachInfo{FnName: "try_to_wake_up"}
		return &v1.AttachInfo{Info: &v1.AttachInfo_KprobeAttachInfo{KprobeAttachInfo: kprobe}}
	},
	Map:      "kprobe_stats_map",
	Interval: interval,
	Read:     events("Kprobe: count: %d"),
}

var tracepoint = example.Counter{
	Program: &v1.LoadInfo{Name: "tracepoint_kill_recorder", ProgramType: v1.BpfmanProgramType_TRACEPOINT},
	Attach: func(options.Options) *v1.AttachInfo {
		tracepoint := &v1.TracepointAttachInfo{Tracepoint: "syscalls/sys_enter_kill"}
		return &v1.AttachInfo{Info: &v1.AttachInfo_TracepointAttachInfo{TracepointAttachInfo: tracepoint}}
	},
	Map:       "tracepoint_stats_map",
	Interval:  interval,
	Read:      events("Tracepoint: SIGUSR1 signal count: %d"),
	Meanwhile: signaller.Run,
}

var tc = example.Counter{
	Program: &v1.LoadInfo{Name: "stats", ProgramType: v1.BpfmanProgramType_TC},
	Attach: func(o options.Options) *v1.AttachInfo {
		tc := &v1.TCAttachInfo{Iface: o.Iface, Priority: o.Priority, Direction: string(o.Direction)}
		return &v1.AttachInfo{Info: &v1.AttachInfo_TcAttachInfo{TcAttachInfo: tc}}
	},
	Map:      "tc_stats_map",
	Interval: interval,
	Read: func(path string, o options.Options) ([]string, error) {
		return packets("TC", o.Direction.Verb(), path, tcActOk)
	},
}

var tcx = example.Counter{
	Program: &v1.LoadInfo{Name: "tcx_stats", ProgramType: v1.BpfmanProgramType_TCX},
	Attach: func(o options.Options) *v1.AttachInfo {
		tcx := &v1.TCXAttachInfo{Iface: o.Iface, Priority: o.Priority, Direction: string(o.Direction)}
		return &v1.AttachInfo{Info: &v1.AttachInfo_TcxAttachInfo{TcxAttachInfo: tcx}}
	},
	Map:      "tcx_stats_map",
	Interval: interval,
	Read: func(path string, o options.Options) ([]string, error) {
		return packets("TCX", o.Direction.Verb(), path, 0)
	},
}

var uprobe = example.Counter{
	Program: &v1.LoadInfo{Name: "uprobe_counter", ProgramType: v1.BpfmanProgramType_UPROBE},
	Attach: func(options.Options) *v1.AttachInfo {
		function := "malloc"
		uprobe := &v1.UprobeAttachInfo{FnName: &function, Target: "libc"}
		return &v1.AttachInfo{Info: &v1.AttachInfo_UprobeAttachInfo{UprobeAttachInfo: uprobe}}
	},
	Map:      "uprobe_stats_map",
	Interval: interval,
	Read:     events("Uprobe: count: %d"),
}

var xdp = example.Counter{
	Program: &v1.LoadInfo{Name: "xdp_stats", ProgramType: v1.BpfmanProgramType_XDP},
	Attach: func(o options.Options) *v1.AttachInfo {
		xdp := &v1.XDPAttachInfo{Iface: o.Iface, Priority: o.Priority}
		return &v1.AttachInfo{Info: &v1.AttachInfo_XdpAttachInfo{XdpAttachInfo: xdp}}
	},
	Map:      "xdp_stats_map",
	Interval: interval,
	// XDP sees only what arrives.
	Read: func(path string, _ options.Options) ([]string, error) {
		return packets("XDP", "received", path, xdpPass)
	},
}

// events returns a function that reads a map of events; format has a place for
// their number.
func events(format string) func(string, options.Options) ([]string, error) {
	return func(path string, _ options.Options) ([]string, error) {
		total, err := counts.Total[counts.Events](path, 0)
		return []string{fmt.Sprintf(format, total)}, err
	}
}

// packets reads a map of packets.
func packets(name, verb, path string, key uint32) ([]string, error) {
	total, err := counts.Total[counts.Packets](path, key)
	return []string{fmt.Sprintf("%s: %s %d packets / %d bytes", name, verb, total.Packets, total.Bytes)}, err
}
