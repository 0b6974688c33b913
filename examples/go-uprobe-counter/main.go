// Command go-uprobe-counter counts the calls of a function of a library, in
// whichever process they are made.
//
// It shows how a program is attached to one with a uprobe. What counts is
// bpf/uprobe_counter.c; how programs are loaded, watched and unloaded is in
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
			Name: "go-uprobe-counter",
			About: `go-uprobe-counter logs how often the machine's processes called malloc of the C
library.

It has bpfman load an eBPF program and attach it there with a uprobe. (In
Kubernetes it is attached to the function main.getCount of go-target.)`,
		},
		MapDir: "/run/uprobe/maps",
		Counters: []example.Counter{{
			Program:  &v1.LoadInfo{Name: "uprobe_counter", ProgramType: v1.BpfmanProgramType_UPROBE},
			Attach:   attach,
			Map:      "uprobe_stats_map",
			Interval: time.Second,
			Read:     read,
		}},
	})
}

// attach names a function and the file that has it: a program's path, or a
// library's name, which is looked up as the dynamic linker does.
func attach(options.Options) *v1.AttachInfo {
	function := "malloc"
	uprobe := &v1.UprobeAttachInfo{FnName: &function, Target: "libc"}
	return &v1.AttachInfo{Info: &v1.AttachInfo_UprobeAttachInfo{UprobeAttachInfo: uprobe}}
}

func read(path string, _ options.Options) ([]string, error) {
	total, err := counts.Total[counts.Events](path, 0)
	return []string{fmt.Sprintf("Uprobe count: %d", total)}, err
}
