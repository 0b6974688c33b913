// What happens while a counter waits or counts, and other sources of programs.

package endtoend

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	v1 "github.com/bpfman/bpfman/clients/gobpfman/v1"
	"google.golang.org/protobuf/proto"

	"bpfman.io/examples/internal/bpfmantest"
	"bpfman.io/examples/internal/kerneltest"
)

// The map vanishes while it is counted in, as it does when somebody else
// unloads the program.
func TestVanishedMap(t *testing.T) {
	for _, c := range counters {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := kerneltest.FileSystem(t)
			pinned := c.pin(t, dir)
			daemon := bpfmantest.Start(t, bpfmantest.Behaviour{MapDir: dir})
			p := start(t, daemon.Socket(), c.name, "-file", "/x.o")
			for i, part := range c.ingress().parts {
				p.await(part.lines(firstBase + i)...)
			}
			last := pinned[len(pinned)-1].path
			if err := os.Remove(last); err != nil {
				t.Fatal(err)
			}
			got := p.finish()
			expected := append(closing(bpfmantest.FirstProgram, bpfmantest.FirstProgram+len(c.parts)-1),
				"error: open the map "+last+": it is not there; was the program unloaded by somebody else?")
			got.lines = got.lines[max(0, len(got.lines)-len(expected)):]
			got.expect(t, 1, expected...)
			if n := daemon.Loaded(); n != 0 {
				t.Errorf("%d programs are still loaded", n)
			}
		})
	}
}

// bpfman ends before the program does.
func TestVanishedDaemon(t *testing.T) {
	t.Parallel()
	dir := kerneltest.FileSystem(t)
	pin(t, dir, "kprobe_stats_map", 0)
	daemon := bpfmantest.Start(t, bpfmantest.Behaviour{MapDir: dir})
	p := start(t, daemon.Socket(), "go-kprobe-counter", "-file", "/x.o")
	p.await("Kprobe count: 0")
	daemon.Stop()
	got := p.stop()
	if got.code != 1 || len(got.lines) != 7 {
		t.Fatalf("exit code %d and %q", got.code, got.lines)
	}
	const start = "error: unload program 101 (`kprobe_counter`): bpfman does not answer: "
	const end = "; is bpfman-rpc still running? `bpfman unload 101` tries again"
	expectAround(t, got.lines[6], start, end)
}

// A signal that comes while bpfman loads or attaches lets it finish: only then
// is it known what to unload.
func TestSignalWhileWaiting(t *testing.T) {
	tests := []struct {
		name  string
		slow  func(wait func()) bpfmantest.Behaviour
		lines []string
	}{
		{
			"load",
			func(wait func()) bpfmantest.Behaviour {
				return bpfmantest.Behaviour{Load: func(*v1.LoadResponse) error { wait(); return nil }}
			},
			[]string{"Exiting...", "Program registered with id 101"},
		},
		{
			"attach",
			func(wait func()) bpfmantest.Behaviour {
				return bpfmantest.Behaviour{Attach: func(*v1.AttachRequest) error { wait(); return nil }}
			},
			[]string{"Program registered with id 101", "Exiting...", "Program attached with link id 9001"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			asked, goOn := make(chan struct{}), make(chan struct{})
			behaviour := test.slow(func() { close(asked); <-goOn })
			behaviour.MapDir = "/nowhere"
			daemon := bpfmantest.Start(t, behaviour)
			p := start(t, daemon.Socket(), "go-xdp-counter", "-file", "/x.o")
			<-asked
			p.signal(os.Interrupt)
			p.await("Exiting...")
			close(goOn)
			lines := slices.Concat([]string{"Using Input: Interface=eno3 Priority=50 Source=/x.o"},
				test.lines, []string{"Closing Connection for Program: 101"})
			p.finish().expect(t, 0, lines...)
			if n := daemon.Loaded(); n != 0 {
				t.Errorf("%d programs are still loaded", n)
			}
		})
	}
}

// Who sends a second signal does not want to wait.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	asked, goOn := make(chan struct{}), make(chan struct{})
	daemon := bpfmantest.Start(t, bpfmantest.Behaviour{
		Load: func(*v1.LoadResponse) error { close(asked); <-goOn; return nil },
	})
	defer close(goOn)
	p := start(t, daemon.Socket(), "go-xdp-counter", "-file", "/x.o")
	<-asked
	p.signal(syscall.SIGTERM)
	p.await("Exiting...")
	p.signal(syscall.SIGTERM)
	p.finish()
	if ended := p.command.ProcessState.Sys().(syscall.WaitStatus); ended.Signal() != syscall.SIGTERM {
		t.Errorf("it ended by itself: %v", p.command.ProcessState)
	}
}

// With -id the program is somebody else's: it stays as it is.
func TestLoadedProgram(t *testing.T) {
	for _, c := range counters {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := kerneltest.FileSystem(t)
			pinned := c.pin(t, dir)
			daemon := bpfmantest.Start(t, bpfmantest.Behaviour{MapDir: dir})
			daemon.Preload(77, c.parts[0].function)
			args := append([]string{"-id", "77", "-file", "/x.o", "-image", "n", "-map_owner_id", "5"}, c.args...)
			p := start(t, daemon.Socket(), c.name, args...)
			reports := c.awaitCounts(p, pinned)
			got := p.stop()

			input := "Using Input: Source=77"
			if c.input != "" {
				input = "Using Input: Interface=lo Source=77"
			}
			head := []string{
				"-image is ignored: there is -id",
				"-file is ignored: there is -id",
				"-map_owner_id is ignored: there is -id",
				input,
			}
			sortMiddle(got.lines, len(head), 1)
			got.expect(t, 0, slices.Concat(head, reports, []string{"Exiting..."})...)
			expectRequests(t, daemon, &v1.GetRequest{Id: 77})
		})
	}
}

// An image is pulled anew each time, and whose maps to use is handed on; but
// for TCX, whose maps are its own.
func TestImage(t *testing.T) {
	for _, c := range counters {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			daemon := bpfmantest.Start(t, bpfmantest.Behaviour{
				Load: func(*v1.LoadResponse) error { return refusal },
			})
			const url = "quay.io/bpfman-bytecode/x:latest"
			start(t, daemon.Socket(), c.name, "-image", url, "-map_owner_id", "5").finish()
			image := &v1.BytecodeImage{Url: url}
			request := c.loadRequest(&v1.BytecodeLocation{Location: &v1.BytecodeLocation_Image{Image: image}})
			if c.name != "go-tcx-counter" {
				request.MapOwnerId = proto.Uint32(5)
			}
			expectRequests(t, daemon, request)
		})
	}
}

// Without a source it is the object that was built beside the program.
func TestDefaultFile(t *testing.T) {
	t.Parallel()
	daemon := bpfmantest.Start(t, bpfmantest.Behaviour{
		Load: func(*v1.LoadResponse) error { return refusal },
	})
	cmd := command(t, daemon.Socket(), "go-xdp-counter")
	// One of the four is this machine's.
	for _, name := range []string{"bpf_x86_bpfel.o", "bpf_arm64_bpfel.o", "bpf_powerpc_bpfel.o", "bpf_s390_bpfeb.o"} {
		if err := os.WriteFile(filepath.Join(cmd.Dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	startCommand(t, cmd).finish()
	requests := daemon.Requests()
	if len(requests) != 1 {
		t.Fatalf("bpfman was asked %v", requests)
	}
	path := requests[0].(*v1.LoadRequest).GetBytecode().GetFile()
	expectAround(t, path, cmd.Dir+"/bpf_", ".o")
}
