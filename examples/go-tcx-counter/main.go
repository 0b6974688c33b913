// Command go-tcx-counter counts the packets of one direction of a network
// interface, in TCX: the kernel's own chain of TC programs, since Linux 6.6.
//
// It shows how a TCX program is attached. What counts is bpf/tcx_counter.c; how
// programs are loaded, watched and unloaded is in internal/example.
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
			Name: "go-tcx-counter",
			About: `go-tcx-counter logs the packets and bytes that a network interface receives or
sends.

It has bpfman load an eBPF program and attach it to one direction of the
interface's TCX hook, which Linux has since 6.6. All packets go on to the next
program.`,
			Interface:       true,
			Direction:       true,
			IgnoresMapOwner: true,
		},
		MapDir: "/run/tcx/maps",
		Counters: []example.Counter{{
			Program:  &v1.LoadInfo{Name: "tcx_stats", ProgramType: v1.BpfmanProgramType_TCX},
			Attach:   attach,
			Map:      "tcx_stats_map",
			Interval: 3 * time.Second,
			Read:     read,
		}},
	})
}

// attach puts the program into the chain of one direction of an interface.
// The kernel calls the programs of the chain, so there is no dispatcher and no
// limit; bpfman finds the place that the priority asks for.
func attach(o options.Options) *v1.AttachInfo {
	tcx := &v1.TCXAttachInfo{Iface: o.Iface, Priority: o.Priority, Direction: string(o.Direction)}
	return &v1.AttachInfo{Info: &v1.AttachInfo_TcxAttachInfo{TcxAttachInfo: tcx}}
}

func read(path string, o options.Options) ([]string, error) {
	total, err := counts.Total[counts.Packets](path, 0)
	return []string{
		fmt.Sprintf("%d packets %s", total.Packets, o.Direction.Verb()),
		fmt.Sprintf("%d bytes %s", total.Bytes, o.Direction.Verb()),
	}, err
}
