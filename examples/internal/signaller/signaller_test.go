// Signals that really arrive.

package signaller

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// Signals arrive until it is told to stop, and then it stops without an error.
func TestRun(t *testing.T) {
	received := make(chan os.Signal, 10)
	signal.Notify(received, syscall.SIGUSR1)
	defer signal.Stop(received)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- Run(ctx) }()
	for range 2 {
		<-received
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
