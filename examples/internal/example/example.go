// Package example is the course that all counters take: have bpfman load and
// attach eBPF programs, log their counts, have the programs unloaded. What a
// program counts, and where it is attached, is said by the main packages.
package example

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	v1 "github.com/bpfman/bpfman/clients/gobpfman/v1"

	"bpfman.io/examples/internal/bpfman"
	"bpfman.io/examples/internal/options"
)

// Example is one of the counters.
type Example struct {
	options.Command
	// MapDir is where Kubernetes mounts the maps.
	MapDir string
	// Counters are its eBPF programs, which one request loads.
	Counters []Counter
}

// Counter is an eBPF program and the map it counts in. No field is changed
// while the example runs.
type Counter struct {
	// Program names the function in the object file, and its type.
	Program *v1.LoadInfo
	// Attach returns what the program is to be attached to.
	Attach func(options.Options) *v1.AttachInfo
	// Map is the map's name.
	Map string
	// Interval is the time from one reading of the map to the next.
	Interval time.Duration
	// Read reads the map, which is pinned at path, and returns the lines to log.
	Read func(path string, o options.Options) ([]string, error)
	// Meanwhile runs beside the counting, if there is anything to run. It
	// returns when ctx is done.
	Meanwhile func(ctx context.Context) error
}

// Exit codes.
const (
	failed     = 1
	wrongUsage = 2
)

// Main runs the example with the arguments of the process, and ends the process:
// with 0 when it was asked to end, or for help, with 2 if the arguments are
// wrong, and with 1 if anything else is.
//
// What it logs carries date and time, the default of package log: a count is
// that of a moment, and on a terminal nothing else says of which.
func Main(e Example) {
	o, err := e.Parse(os.Args[1:])
	var usage options.UsageError
	switch {
	case errors.Is(err, flag.ErrHelp):
		e.WriteHelp(os.Stdout, bpfman.SocketVariable, bpfman.SocketPath)
		os.Exit(0)
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "error: %v; see `%s -help`\n", err, e.Name)
		os.Exit(wrongUsage)
	case err == nil:
		err = e.runUntilSignal(o)
	}
	if err != nil {
		// Errors that were joined are a line each.
		for _, line := range strings.Split(err.Error(), "\n") {
			log.Printf("error: %s", line)
		}
		os.Exit(failed)
	}
}

// runUntilSignal runs the example until it fails or the process is asked to
// end.
func (e Example) runUntilSignal(o options.Options) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, endings()...)
	go func() {
		<-signals
		// The first signal begins an orderly end, a second one ends the process;
		// but not if it is only that nobody reads the log.
		signal.Ignore(syscall.SIGPIPE)
		signal.Stop(signals)
		log.Print("Exiting...")
		cancel()
	}()
	announce(e.Command, o)
	return e.run(ctx, o)
}

// endings returns the signals that end the example. Each of them would by
// itself end the process, and leave the programs loaded: that the terminal is
// closed, and that the reader of the log is gone (`| head`), as well.
func endings() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE}
	// nohup(1) has it ignored.
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// announce logs what is about to be done.
func announce(c options.Command, o options.Options) {
	for _, flag := range o.Ignored {
		log.Print(flag)
	}
	_, loaded := o.Source.(options.ID)
	switch {
	case o.Source == options.Mounted{}:
	case !c.Interface:
		log.Printf("Using Input: Source=%v", o.Source)
	case loaded:
		log.Printf("Using Input: Interface=%s Source=%v", o.Iface, o.Source)
	default:
		log.Printf("Using Input: Interface=%s Priority=%d Source=%v", o.Iface, o.Priority, o.Source)
	}
}

// run counts until ctx is done.
func (e Example) run(ctx context.Context, o options.Options) error {
	if (o.Source == options.Mounted{}) {
		err := e.count(ctx, o, func(int) string { return e.MapDir })
		return hint(err, "does the pod mount a volume of csi.bpfman.io with it?")
	}
	client, err := bpfman.Dial(socketPath())
	if err != nil {
		return err
	}
	defer client.Close()
	if id, loaded := o.Source.(options.ID); loaded {
		return e.countLoaded(ctx, o, client, uint32(id))
	}
	return e.countOwn(ctx, o, client)
}

func socketPath() string {
	if path := os.Getenv(bpfman.SocketVariable); path != "" {
		return path
	}
	return bpfman.SocketPath
}
