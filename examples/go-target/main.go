// Command go-target is a program for others to watch: go-uprobe-counter and
// go-uretprobe-counter count the calls of its function main.getCount. It knows
// nothing of eBPF.
//
// In its image it is /go-target, with its symbols: the manifests in
// examples/config name both.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const help = `go-target logs a count each second until it gets SIGINT or SIGTERM.

Its function main.getCount is what the uprobe and uretprobe examples count the
calls of.

Usage:
  go-target

Example:
  ./go-target &
  sudo bpfman attach PROGRAM_ID uprobe --fn-name main.getCount --target "$PWD/go-target"
`

func main() {
	set := flag.NewFlagSet("go-target", flag.ContinueOnError)
	// Help and errors are printed here.
	set.SetOutput(io.Discard)
	// Its image starts it as those of the others do. There is nothing to mount.
	set.Bool("crd", false, "")
	switch err := set.Parse(os.Args[1:]); {
	case err == flag.ErrHelp:
		fmt.Print(help)
		return
	case err == nil && set.NArg() > 0:
		wrong(fmt.Errorf("unexpected argument `%s`", set.Arg(0)))
	case err != nil:
		wrong(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	count(stop)
	log.Print("Exiting...")
}

// count logs a number at once and then each second until it is told to stop.
func count(stop <-chan os.Signal) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		log.Printf("Count: %d", getCount())
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
	}
}

var iteration int

// getCount returns how often it was called. Inlined, it would have no address
// that a uprobe could be attached to.
//
//go:noinline
func getCount() int {
	iteration++
	return iteration
}

// wrong ends the process, as the others do where arguments are wrong.
func wrong(err error) {
	fmt.Fprintf(os.Stderr, "error: %v; see `go-target -help`\n", err)
	os.Exit(2)
}
