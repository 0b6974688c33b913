// Package signaller gives the tracepoint programs something to count: it sends
// SIGUSR1 to its own process. Signals of others are counted as well, but not
// handled here in any other way.
package signaller

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Interval is the time between two signals.
const Interval = time.Second

// Run sends a signal at once and then after each interval until ctx is done.
func Run(ctx context.Context) error {
	// By default SIGUSR1 ends a process, if not one that is written in Go. What
	// arrives is only taken off the channel; and SIGUSR1 stays handled until the
	// process ends, because the last one may arrive after this has returned.
	received := make(chan os.Signal, 1)
	signal.Notify(received, syscall.SIGUSR1)
	ticker := time.NewTicker(Interval)
	defer ticker.Stop()
	for {
		// The tracepoint is that of kill(2). os.Process.Signal is no substitute:
		// it uses pidfd_send_signal(2) where the kernel has it.
		if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
			return fmt.Errorf("send SIGUSR1 to this process: %w", err)
		}
		if !next(ctx, ticker.C, received) {
			return nil
		}
	}
}

// next waits for the tick and returns whether to go on.
func next(ctx context.Context, tick <-chan time.Time, received <-chan os.Signal) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick:
			return true
		case <-received:
		}
	}
}
