// How programs are loaded, attached and unloaded.

package example

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"time"

	v1 "github.com/bpfman/bpfman/clients/gobpfman/v1"

	"bpfman.io/examples/internal/bpfman"
	"bpfman.io/examples/internal/options"
)

// How long bpfman may take to finish loading or attaching once the example is
// asked to end, and to unload. Kubernetes allows for 30 seconds in all.
const (
	finishTime = 10 * time.Second
	unloadTime = 10 * time.Second
)

// countOwn loads the programs, attaches them and counts. Whatever was loaded
// is unloaded, however this ends.
func (e Example) countOwn(ctx context.Context, o options.Options, client *bpfman.Client) (err error) {
	// A request that is given up may be carried out all the same, and then
	// nobody would know what to unload: a signal lets it finish.
	patient, cancel := outlive(ctx, finishTime)
	defer cancel()
	loaded, err := client.Load(patient, e.request(o))
	defer func() { err = errors.Join(err, unload(client, loaded)) }()
	if err != nil {
		return err
	}
	programs, err := e.assign(loaded)
	if err != nil {
		return err
	}
	for i, counter := range e.Counters {
		log.Printf("Program registered with id %d", programs[i].ID)
		if ctx.Err() != nil {
			return nil
		}
		link, err := client.Attach(patient, programs[i], counter.Attach(o))
		if err != nil {
			return err
		}
		log.Printf("Program attached with link id %d", link)
	}
	err = e.count(ctx, o, func(i int) string { return programs[i].MapDir })
	return hint(err, "was the program unloaded by somebody else?")
}

// request returns the one request that loads all programs.
func (e Example) request(o options.Options) *v1.LoadRequest {
	request := &v1.LoadRequest{Bytecode: &v1.BytecodeLocation{}}
	switch source := o.Source.(type) {
	case options.Image:
		// The pull policy stays 0, which is Always: tags move.
		image := &v1.BytecodeImage{Url: string(source)}
		request.Bytecode.Location = &v1.BytecodeLocation_Image{Image: image}
	case options.File:
		request.Bytecode.Location = &v1.BytecodeLocation_File{File: string(source)}
	}
	for _, counter := range e.Counters {
		request.Info = append(request.Info, counter.Program)
	}
	if o.MapOwner != 0 && !e.IgnoresMapOwner {
		request.MapOwnerId = &o.MapOwner
	}
	return request
}

// assign returns the program of each counter. Several are told apart by their
// names; bpfman does not promise an order.
func (e Example) assign(loaded []bpfman.Program) ([]bpfman.Program, error) {
	if len(loaded) != len(e.Counters) {
		return nil, fmt.Errorf("bpfman loaded %d programs, not %d; does it fit this example's version?", len(loaded), len(e.Counters))
	}
	var programs []bpfman.Program
	for _, counter := range e.Counters {
		name := counter.Program.GetName()
		i := slices.IndexFunc(loaded, func(p bpfman.Program) bool { return p.Name == name || len(loaded) == 1 })
		if i < 0 {
			return nil, fmt.Errorf("bpfman loaded no program `%s`; does it fit this example's version?", name)
		}
		if loaded[i].MapDir == "" {
			return nil, noMapDir(loaded[i])
		}
		programs = append(programs, loaded[i])
	}
	return programs, nil
}

// unload unloads the programs, each even if another's unloading fails.
func unload(client *bpfman.Client, programs []bpfman.Program) error {
	// Not the context of the example: that one is done when this begins.
	ctx, cancel := context.WithTimeout(context.Background(), unloadTime)
	defer cancel()
	var err error
	for _, program := range programs {
		log.Printf("Closing Connection for Program: %d", program.ID)
		err = errors.Join(err, client.Unload(ctx, program))
	}
	return err
}

// outlive returns a context that is done a while after ctx is.
func outlive(ctx context.Context, while time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(while, cancel) })
	return longer, func() {
		stop()
		cancel()
	}
}
