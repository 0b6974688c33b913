// Command go-app-counter counts with six eBPF programs of different types at
// once: an application.
//
// It shows that one request loads all programs of an object, and that each is
// then attached by itself; counters.go has them. What counts is
// bpf/app_counter.c; how programs are loaded, watched and unloaded is in
// internal/example.
package main

import (
	"bpfman.io/examples/internal/example"
	"bpfman.io/examples/internal/options"
)

func main() {
	example.Main(example.Example{
		Command: options.Command{
			Name: "go-app-counter",
			About: `go-app-counter logs the counts of six eBPF programs of one object: a kprobe, a
tracepoint, a TC, a TCX, a uprobe and an XDP program. The other counters have
one of them each.

It has bpfman load all six with one request. If one cannot be attached or read,
all are unloaded.`,
			Interface: true,
			Direction: true,
		},
		MapDir:   "/run/app/maps",
		Counters: []example.Counter{kprobe, tracepoint, tc, tcx, uprobe, xdp},
	})
}
