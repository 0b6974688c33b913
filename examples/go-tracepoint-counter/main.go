// Command go-tracepoint-counter counts the SIGUSR1 signals that are sent with
// kill(2), and sends itself one each second, so that there are some.
//
// It shows how a program is attached to a tracepoint. What counts is
// bpf/tracepoint_counter.c; how programs are loaded, watched and unloaded is in
// internal/example.
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

func main() {
	example.Main(example.Example{
		Command: options.Command{
			Name: "go-tracepoint-counter",
			About: `go-tracepoint-counter logs how many SIGUSR1 signals the machine's processes sent
with kill(2). It sends itself one each second.

It has bpfman load an eBPF program and attach it to the tracepoint
syscalls/sys_enter_kill.`,
		},
		MapDir: "/run/tracepoint/maps",
		Counters: []example.Counter{{
			Program: &v1.LoadInfo{
				Name:        "tracepoint_kill_recorder",
				ProgramType: v1.BpfmanProgramType_TRACEPOINT,
			},
			Attach:    attach,
			Map:       "tracepoint_stats_map",
			Interval:  time.Second,
			Read:      read,
			Meanwhile: signaller.Run,
		}},
	})
}

// attach names the tracepoint: a directory below /sys/kernel/tracing/events.
func attach(options.Options) *v1.AttachInfo {
	tracepoint := &v1.TracepointAttachInfo{Tracepoint: "syscalls/sys_enter_kill"}
	return &v1.AttachInfo{Info: &v1.AttachInfo_TracepointAttachInfo{TracepointAttachInfo: tracepoint}}
}

func read(path string, _ options.Options) ([]string, error) {
	total, err := counts.Total[counts.Events](path, 0)
	return []string{fmt.Sprintf("SIGUSR1 signal count: %d", total)}, err
}
