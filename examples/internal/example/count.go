// How counts are logged, whoever loaded the programs.

package example

import (
	"context"
	"errors"
	"fmt"
	"log"
	"path/filepath"
	"sync"
	"time"

	"bpfman.io/examples/internal/bpfman"
	"bpfman.io/examples/internal/counts"
	"bpfman.io/examples/internal/options"
)

// countLoaded counts with a program that bpfman has loaded before. All maps
// of an object are pinned in the directory of each of its programs.
func (e Example) countLoaded(ctx context.Context, o options.Options, client *bpfman.Client, id uint32) error {
	program, err := client.Get(ctx, id)
	if err != nil {
		return unlessDone(ctx, err)
	}
	if program.MapDir == "" {
		return noMapDir(program)
	}
	err = e.count(ctx, o, func(int) string { return program.MapDir })
	return hint(err, fmt.Sprintf("is %v one of this example, and still loaded?", program))
}

// count logs the counts of each counter until ctx is done or one of them
// fails, which ends the others. dir returns where the i-th counter's map is
// pinned.
func (e Example) count(ctx context.Context, o options.Options, dir func(i int) string) error {
	var tasks []func(context.Context) error
	for i, counter := range e.Counters {
		path := filepath.Join(dir(i), counter.Map)
		tasks = append(tasks, func(ctx context.Context) error { return counter.poll(ctx, path, o) })
		if counter.Meanwhile != nil {
			tasks = append(tasks, counter.Meanwhile)
		}
	}
	return together(ctx, tasks)
}

// poll logs the counts at once and then after each interval.
func (c Counter) poll(ctx context.Context, path string, o options.Options) error {
	ticker := time.NewTicker(c.Interval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		lines, err := c.Read(path, o)
		if err != nil {
			return err
		}
		for _, line := range lines {
			log.Print(line)
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	return nil
}

// together runs the tasks side by side and waits for all. The first that
// fails has the others end; its error is returned.
func together(ctx context.Context, tasks []func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failures := make(chan error, len(tasks))
	var running sync.WaitGroup
	for _, task := range tasks {
		running.Go(func() {
			if err := task(ctx); err != nil {
				failures <- err
				cancel()
			}
		})
	}
	running.Wait()
	close(failures)
	return <-failures
}

// hint adds what to look at where a map is not there.
func hint(err error, question string) error {
	if errors.Is(err, counts.ErrGone) {
		return fmt.Errorf("%w; %s", err, question)
	}
	return err
}

// unlessDone returns nil instead of the error where it only tells that ctx
// is done: whoever asks the example to end does not ask why it did.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func noMapDir(program bpfman.Program) error {
	return fmt.Errorf("bpfman does not say where the maps of %v are pinned", program)
}
