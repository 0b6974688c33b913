// Command go-tc-counter counts the packets of one direction of a network
// interface, in TC: the kernel's traffic control.
//
// It shows how a TC program is attached. What counts is bpf/tc_counter.c; how
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

// tcActOk is the kernel's TC_ACT_OK. The map has an entry for each verdict,
// and the program accepts every packet.
const tcActOk = 0

func main() {
	example.Main(example.Example{
		Command: options.Command{
			Name: "go-tc-counter",
			About: `go-tc-counter logs the packets and bytes that a network interface receives or
sends.

It has bpfman load an eBPF program and attach it to one direction of the
interface's traffic control (TC). All packets pass.`,
			Interface: true,
			Direction: true,
		},
		MapDir: "/run/tc/maps",
		Counters: []example.Counter{{
			Program:  &v1.LoadInfo{Name: "stats", ProgramType: v1.BpfmanProgramType_TC},
			Attach:   attach,
			Map:      "tc_stats_map",
			Interval: 3 * time.Second,
			Read:     read,
		}},
	})
}

// attach puts the program on one direction of an interface, where bpfman's
// dispatcher calls up to ten of them in order of priority.
func attach(o options.Options) *v1.AttachInfo {
	tc := &v1.TCAttachInfo{Iface: o.Iface, Priority: o.Priority, Direction: string(o.Direction)}
	return &v1.AttachInfo{Info: &v1.AttachInfo_TcAttachInfo{TcAttachInfo: tc}}
}

func read(path string, o options.Options) ([]string, error) {
	total, err := counts.Total[counts.Packets](path, tcActOk)
	return []string{
		fmt.Sprintf("%d packets %s", total.Packets, o.Direction.Verb()),
		fmt.Sprintf("%d bytes %s", total.Bytes, o.Direction.Verb()),
	}, err
}
