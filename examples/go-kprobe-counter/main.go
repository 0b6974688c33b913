// Command go-kprobe-counter counts the calls of a function of the kernel.
//
// It shows how a program is attached to one with a kprobe. What counts is
// bpf/kprobe_counter.c; how programs are loaded, watched and unloaded is in
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
			Name: "go-kprobe-counter",
			About: `go-kprobe-counter logs how often the kernel woke up a process: the calls of its
function try_to_wake_up.

It has bpfman load an eBPF program and attach it there with a kprobe.`,
		},
		MapDir: "/run/kprobe/maps",
		Counters: []example.Counter{{
			Program:  &v1.LoadInfo{Name: "kprobe_counter", ProgramType: v1.BpfmanProgramType_KPROBE},
			Attach:   attach,
			Map:      "kprobe_stats_map",
			Interval: time.Second,
			Read:     read,
		}},
	})
}

// attach names the function, as /proc/kallsyms has it. Every running machine
// calls this one many times a second.
func attach(options.Options) *v1.AttachInfo {
	kprobe := &v1.KprobeAttachInfo{FnName: "try_to_wake_up"}
	return &v1.AttachInfo{Info: &v1.AttachInfo_KprobeAttachInfo{KprobeAttachInfo: kprobe}}
}

func read(path string, _ options.Options) ([]string, error) {
	total, err := counts.Total[counts.Events](path, 0)
	return []string{fmt.Sprintf("Kprobe count: %d", total)}, err
}
