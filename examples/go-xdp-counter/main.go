// Command go-xdp-counter counts the packets that reach a network interface, in
// XDP: before the kernel has made a socket buffer of them.
//
// It shows how an XDP program is attached. What counts is bpf/xdp_counter.c;
// how programs are loaded, watched and unloaded is in internal/example.
package main

import (
	"fmt"
	"time"

	v1 "github.com/bpfman/bpfman/clients/gobpfman/v1"

	"bpfman.io/examples/internal/counts"
	"bpfman.io/examples/internal/example"
	"bpfman.io/examples/internal/options"
)

// xdpPass is the kernel's XDP_PASS. The map has an entry for each verdict, and
// the program passes every packet.
const xdpPass = 2

func main() {
	example.Main(example.Example{
		Command: options.Command{
			Name: "go-xdp-counter",
			About: `go-xdp-counter logs the packets and bytes that reach a network interface.

It has bpfman load an eBPF program and attach it to the interface's XDP hook.
All packets pass.`,
			Interface: true,
		},
		MapDir: "/run/xdp/maps",
		Counters: []example.Counter{{
			Program:  &v1.LoadInfo{Name: "xdp_stats", ProgramType: v1.BpfmanProgramType_XDP},
			Attach:   attach,
			Map:      "xdp_stats_map",
			Interval: 3 * time.Second,
			Read:     read,
		}},
	})
}

// attach puts the program on an interface. A driver takes one XDP program:
// bpfman has a dispatcher there, which calls up to ten in order of priority.
func attach(o options.Options) *v1.AttachInfo {
	xdp := &v1.XDPAttachInfo{Iface: o.Iface, Priority: o.Priority}
	return &v1.AttachInfo{Info: &v1.AttachInfo_XdpAttachInfo{XdpAttachInfo: xdp}}
}

func read(path string, _ options.Options) ([]string, error) {
	total, err := counts.Total[counts.Packets](path, xdpPass)
	return []string{
		fmt.Sprintf("%d packets received", total.Packets),
		fmt.Sprintf("%d bytes received", total.Bytes),
	}, err
}
