// Command go-uretprobe-counter counts the returns from a function of a library,
// in whichever process they happen.
//
// It shows how a program is attached to them with a uretprobe. What counts is
// bpf/uretprobe_counter.c; how programs are loaded, watched and unloaded is in
// internal/example.
package main

import (
	"fmt"
	"time"

	v1 "github.com/bpfman/bpfman/clients/gobpfman/v1"

	"bpfman.io/examples/internal/counts"
	"bpfman.io/examples/internal/example"
	"bpfman.io/examples/internal/options"
)

func main() {
	example.Main(example.Example{
		Command: options.Command{
			Name: "go-uretprobe-counter",
			About: `go-uretprobe-counter logs how often malloc of the C library returned to the
machine's processes.

It has bpfman load an eBPF program and attach it there with a uretprobe. (In
Kubernetes it is attached to the function main.getCount of go-target.)`,
		},
		MapDir: "/run/uretprobe/maps",
		Counters: []example.Counter{{
			// To bpfman it is a uprobe: the section of the object file,
			// `uretprobe/…`, makes it one of returns.
			Program:  &v1.LoadInfo{Name: "uretprobe_counter", ProgramType: v1.BpfmanProgramType_UPROBE},
			Attach:   attach,
			Map:      "uretprobe_stats_map",
			Interval: time.Second,
			Read:     read,
		}},
	})
}

// attach names a function, as for a uprobe.
func attach(options.Options) *v1.AttachInfo {
	function := "malloc"
	uprobe := &v1.UprobeAttachInfo{FnName: &function, Target: "libc"}
	return &v1.AttachInfo{Info: &v1.AttachInfo_UprobeAttachInfo{UprobeAttachInfo: uprobe}}
}

func read(path string, _ options.Options) ([]string, error) {
	total, err := counts.Total[counts.Events](path, 0)
	return []string{fmt.Sprintf("Uretprobe count: %d", total)}, err
}
