// Signals, and who may send them.

package endtoend

import (
	"os"
	"slices"
	"syscall"
	"testing"

	"bpfman.io/examples/internal/bpfmantest"
	"bpfman.io/examples/internal/kerneltest"
)

// However a user ends a program, what it loaded is unloaded.
func TestEndings(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			dir := kerneltest.FileSystem(t)
			pin(t, dir, "kprobe_stats_map", 0)
			daemon := bpfmantest.Start(t, bpfmantest.Behaviour{MapDir: dir})
			p := start(t, daemon.Socket(), "go-kprobe-counter", "-file", "/x.o")
			p.await("Kprobe count: 0")
			p.signal(signal)
			got := p.finish()
			if n := daemon.Loaded(); got.code != 0 || n != 0 || !slices.Contains(got.lines, "Exiting...") {
				t.Errorf("exit code %d, %d programs are still loaded: %q", got.code, n, got.lines)
			}
		})
	}
}

// `go-kprobe-counter 2>&1 | head -3` leaves nothing behind.
func TestNobodyReads(t *testing.T) {
	t.Parallel()
	dir := kerneltest.FileSystem(t)
	pin(t, dir, "kprobe_stats_map", 0)
	daemon := bpfmantest.Start(t, bpfmantest.Behaviour{MapDir: dir})
	cmd := command(t, daemon.Socket(), "go-kprobe-counter", "-file", "/x.o")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	// There is a first line, and then nobody who would read another.
	if _, err := reader.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	reader.Close()
	// An error of Wait is only the exit code.
	_ = cmd.Wait()
	if n := daemon.Loaded(); cmd.ProcessState.ExitCode() != 0 || n != 0 {
		t.Errorf("%v, %d programs are still loaded", cmd.ProcessState, n)
	}
}

// nohup(1) has SIGHUP ignored, and so it is.
func TestHangupIgnored(t *testing.T) {
	t.Parallel()
	dir := kerneltest.FileSystem(t)
	counting := pin(t, dir, "kprobe_stats_map", 0)
	daemon := bpfmantest.Start(t, bpfmantest.Behaviour{MapDir: dir})
	cmd := command(t, daemon.Socket(), "go-kprobe-counter", "-file", "/x.o")
	cmd.Args = append([]string{"sh", "-c", `trap '' HUP; exec "$@"`, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	p := startCommand(t, cmd)
	p.await("Kprobe count: 0")
	p.signal(syscall.SIGHUP)
	counting.set(3)
	p.await("Kprobe count: 3")
	if got := p.stop(); got.code != 0 {
		t.Errorf("exit code %d", got.code)
	}
}

// SIGUSR1 is what is counted; it ends nothing, whoever sends it.
func TestSIGUSR1(t *testing.T) {
	for _, name := range []string{"go-tracepoint-counter", "go-app-counter"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := kerneltest.FileSystem(t)
			i := slices.IndexFunc(counters, func(c counter) bool { return c.name == name })
			pinned := counters[i].pin(t, dir)
			daemon := bpfmantest.Start(t, bpfmantest.Behaviour{MapDir: dir})
			p := start(t, daemon.Socket(), name, "-file", "/x.o")
			p.await("Program attached with link id 9001")
			for range 3 {
				p.signal(syscall.SIGUSR1)
			}
			reports := counters[i].ingress().awaitCounts(p, pinned)
			if got := p.stop(); got.code != 0 || !containsAll(got.lines, reports) {
				t.Errorf("exit code %d: %q", got.code, got.lines)
			}
		})
	}
}
