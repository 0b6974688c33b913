// Package bpfmantest stands in for bpfman: a server that speaks its protocol,
// records what it is asked and fails as it is told. It loads nothing into the
// kernel; maps are package kerneltest's. No program imports it.
package bpfmantest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	v1 "github.com/bpfman/bpfman/clients/gobpfman/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// The first program that is loaded has the number FirstProgram, the first link
// FirstLink; others count on from there.
const (
	FirstProgram = 101
	FirstLink    = 9001
)

// Behaviour is how a daemon differs from one with which all goes well. Nil
// functions change nothing.
type Behaviour struct {
	// MapDir is where the maps of all programs are pinned.
	MapDir string
	// Load may return an error, or change the answer.
	Load func(*v1.LoadResponse) error
	// Attach may return an error.
	Attach func(*v1.AttachRequest) error
	// Unload may return an error.
	Unload func(*v1.UnloadRequest) error
}

// Daemon is a running server.
type Daemon struct {
	v1.UnimplementedBpfmanServer
	behaviour Behaviour
	socket    string
	server    *grpc.Server

	mutex    sync.Mutex
	requests []proto.Message
	loaded   map[uint32]*v1.ProgramInfo
	programs uint32
	links    uint32
}

// Start starts a daemon, which ends with the test.
func Start(t *testing.T, behaviour Behaviour) *Daemon {
	t.Helper()
	// Not the test's own directory: a socket's path may have 107 bytes.
	dir, err := os.MkdirTemp("", "bpfman")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	daemon := &Daemon{
		behaviour: behaviour,
		socket:    filepath.Join(dir, "bpfman.sock"),
		server:    grpc.NewServer(),
		loaded:    map[uint32]*v1.ProgramInfo{},
	}
	listener, err := net.Listen("unix", daemon.socket)
	if err != nil {
		t.Fatal(err)
	}
	v1.RegisterBpfmanServer(daemon.server, daemon)
	var serving sync.WaitGroup
	serving.Go(func() { _ = daemon.server.Serve(listener) })
	t.Cleanup(func() {
		daemon.Stop()
		serving.Wait()
	})
	return daemon
}

// Stop ends the daemon.
func (d *Daemon) Stop() { d.server.Stop() }

// Socket returns the path of its socket.
func (d *Daemon) Socket() string { return d.socket }

// Requests returns what was asked so far, in order.
func (d *Daemon) Requests() []proto.Message {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return slices.Clone(d.requests)
}

// Loaded returns how many programs are loaded.
func (d *Daemon) Loaded() int {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return len(d.loaded)
}

// Preload adds a program that somebody else had loaded.
func (d *Daemon) Preload(id uint32, name string) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.loaded[id] = &v1.ProgramInfo{Name: name, MapPinPath: d.behaviour.MapDir}
}

// Load answers with the programs in another order than they were asked for.
func (d *Daemon) Load(_ context.Context, request *v1.LoadRequest) (*v1.LoadResponse, error) {
	d.record(request)
	response := &v1.LoadResponse{}
	for _, info := range slices.Backward(request.GetInfo()) {
		response.Programs = append(response.Programs, d.load(info))
	}
	if d.behaviour.Load != nil {
		if err := d.behaviour.Load(response); err != nil {
			return nil, err
		}
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for _, program := range response.GetPrograms() {
		if kernel := program.GetKernelInfo(); kernel != nil {
			d.loaded[kernel.GetId()] = program.GetInfo()
		}
	}
	return response, nil
}

func (d *Daemon) load(info *v1.LoadInfo) *v1.LoadResponseInfo {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	id := FirstProgram + d.programs
	d.programs++
	return &v1.LoadResponseInfo{
		Info:       &v1.ProgramInfo{Name: info.GetName(), MapPinPath: d.behaviour.MapDir},
		KernelInfo: &v1.KernelProgramInfo{Id: id},
	}
}

// Get answers for the programs that are loaded.
func (d *Daemon) Get(_ context.Context, request *v1.GetRequest) (*v1.GetResponse, error) {
	d.record(request)
	d.mutex.Lock()
	defer d.mutex.Unlock()
	info, found := d.loaded[request.GetId()]
	if !found {
		return nil, status.Errorf(codes.NotFound, "Program %d does not exist", request.GetId())
	}
	return &v1.GetResponse{Info: info, KernelInfo: &v1.KernelProgramInfo{Id: request.GetId()}}, nil
}

// Attach makes a link to a program that is loaded.
func (d *Daemon) Attach(_ context.Context, request *v1.AttachRequest) (*v1.AttachResponse, error) {
	d.record(request)
	if d.behaviour.Attach != nil {
		if err := d.behaviour.Attach(request); err != nil {
			return nil, err
		}
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if _, found := d.loaded[request.GetId()]; !found {
		return nil, status.Errorf(codes.NotFound, "Program %d does not exist", request.GetId())
	}
	link := FirstLink + d.links
	d.links++
	return &v1.AttachResponse{LinkId: link}, nil
}

// Unload forgets a program.
func (d *Daemon) Unload(_ context.Context, request *v1.UnloadRequest) (*v1.UnloadResponse, error) {
	d.record(request)
	if d.behaviour.Unload != nil {
		if err := d.behaviour.Unload(request); err != nil {
			return nil, err
		}
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if _, found := d.loaded[request.GetId()]; !found {
		return nil, status.Errorf(codes.NotFound, "Program %d does not exist", request.GetId())
	}
	delete(d.loaded, request.GetId())
	return &v1.UnloadResponse{}, nil
}

func (d *Daemon) record(request proto.Message) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.requests = append(d.requests, request)
}
