// Package bpfman talks to bpfman, the daemon that loads and attaches eBPF
// programs: the part of its gRPC interface that the counters need, with
// errors that say what to do. It decides nothing: when programs are loaded
// and unloaded is for package example to say.
package bpfman

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	v1 "github.com/bpfman/bpfman/clients/gobpfman/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// SocketPath is where bpfman listens.
const SocketPath = "/run/bpfman-sock/bpfman.sock"

// SocketVariable names the environment variable that gives another place, as
// it does for the daemon.
const SocketVariable = "BPFMAN_SOCKET_PATH"

// Client is a connection to bpfman. Goroutines may share it.
type Client struct {
	connection *grpc.ClientConn
	rpc        v1.BpfmanClient
}

// Program is a program that bpfman has loaded.
type Program struct {
	// ID is the kernel's number for it.
	ID uint32
	// Name is the name of its function.
	Name string
	// MapDir is the directory where its maps are pinned.
	MapDir string
}

// String returns what errors call it.
func (p Program) String() string {
	return fmt.Sprintf("program %d (`%s`)", p.ID, p.Name)
}

// Dial connects to the socket at path.
func Dial(path string) (*Client, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// gRPC connects when the first request is made, and wraps the cause thrice.
	// Whether somebody listens is better known at once, in plain words.
	if err := probe(path); err != nil {
		return nil, fmt.Errorf("connect to bpfman: %w; is bpfman-rpc running, and may you use its socket?", err)
	}
	target := url.URL{Scheme: "unix", Path: path}
	// Who may talk to bpfman is decided by the socket's permissions.
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	connection, err := grpc.NewClient(target.String(), plain)
	if err != nil {
		return nil, fmt.Errorf("connect to bpfman: %w", err)
	}
	return &Client{connection, v1.NewBpfmanClient(connection)}, nil
}

func probe(path string) error {
	connection, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	return connection.Close()
}

// Close ends the connection. Programs stay loaded.
func (c *Client) Close() error { return c.connection.Close() }

// Load has programs loaded. It returns those that were, even along with an
// error: they are there until they are unloaded.
func (c *Client) Load(ctx context.Context, request *v1.LoadRequest) ([]Program, error) {
	response, err := c.rpc.Load(ctx, request)
	if err != nil {
		return nil, failure("load "+describe(request), err, seeLog)
	}
	var programs []Program
	for _, loaded := range response.GetPrograms() {
		info, kernel := loaded.GetInfo(), loaded.GetKernelInfo()
		if kernel == nil {
			err = fmt.Errorf("bpfman loaded `%s`, but does not say under which number; "+seeList, info.GetName())
			continue
		}
		programs = append(programs, Program{kernel.GetId(), info.GetName(), info.GetMapPinPath()})
	}
	return programs, err
}

// Get returns what bpfman knows of the program with this number.
func (c *Client) Get(ctx context.Context, id uint32) (Program, error) {
	response, err := c.rpc.Get(ctx, &v1.GetRequest{Id: id})
	if err != nil {
		return Program{}, failure(fmt.Sprintf("look up program %d", id), err, seeList)
	}
	info := response.GetInfo()
	if info == nil {
		return Program{}, fmt.Errorf("program %d was not loaded by bpfman, so its maps are unknown; "+seeList, id)
	}
	return Program{id, info.GetName(), info.GetMapPinPath()}, nil
}

// Attach attaches the program and returns the link's number. Unloading the
// program detaches it.
func (c *Client) Attach(ctx context.Context, program Program, to *v1.AttachInfo) (uint32, error) {
	response, err := c.rpc.Attach(ctx, &v1.AttachRequest{Id: program.ID, Attach: to})
	if err != nil {
		return 0, failure(fmt.Sprintf("attach %v", program), err, seeLog)
	}
	return response.GetLinkId(), nil
}

// Unload unloads the program.
func (c *Client) Unload(ctx context.Context, program Program) error {
	if _, err := c.rpc.Unload(ctx, &v1.UnloadRequest{Id: program.ID}); err != nil {
		return failure(fmt.Sprintf("unload %v", program), err, fmt.Sprintf("`bpfman unload %d` tries again", program.ID))
	}
	return nil
}

// What to do next.
const (
	seeLog  = "the log of bpfman-rpc may say more"
	seeList = "`bpfman list programs` shows what is loaded"
)

// failure puts into one line what came of asking bpfman to do something, and
// what to do next.
func failure(what string, err error, next string) error {
	answer := status.Convert(err)
	// bpfman's messages may have several lines, one for each cause.
	message := strings.Join(strings.Fields(answer.Message()), " ")
	switch answer.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return fmt.Errorf("%s: bpfman does not answer: %s; is bpfman-rpc still running? %s", what, message, next)
	default:
		return fmt.Errorf("%s: bpfman refuses: %s; %s", what, message, next)
	}
}

// describe returns the names of the programs that are to be loaded, and from
// where.
func describe(request *v1.LoadRequest) string {
	var names []string
	for _, info := range request.GetInfo() {
		names = append(names, "`"+info.GetName()+"`")
	}
	bytecode := request.GetBytecode()
	from := bytecode.GetFile()
	if image := bytecode.GetImage(); image != nil {
		from = image.GetUrl()
	}
	return strings.Join(names, ", ") + " of " + from
}
