// Programs that run, and what their runs came to.

package endtoend

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"

	"bpfman.io/examples/internal/bpfman"
)

// patience is how long a line, or the end, may take to come. It only bounds how
// long the tests wait for a broken program.
const patience = time.Minute

// timestamp is what package log writes before a line.
var timestamp = regexp.MustCompile(`^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d `)

// process is a program that runs.
type process struct {
	t       *testing.T
	command *exec.Cmd
	lines   chan string
	seen    []string
}

// outcome is what a run came to: its exit code, and the lines that it logged,
// without the time and without those it had logged before.
type outcome struct {
	code  int
	lines []string
}

// start starts a program with a socket to talk to, in an empty directory.
func start(t *testing.T, socket, name string, args ...string) *process {
	t.Helper()
	return startCommand(t, command(t, socket, name, args...))
}

// command returns a program ready to start.
func command(t *testing.T, socket, name string, args ...string) *exec.Cmd {
	command := exec.Command(filepath.Join(built, name), args...)
	command.Dir = t.TempDir()
	command.Env = []string{bpfman.SocketVariable + "=" + socket}
	return command
}

func startCommand(t *testing.T, command *exec.Cmd) *process {
	t.Helper()
	output, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, command: command, lines: make(chan string, 1000)}
	go func() {
		defer close(p.lines)
		for scanner := bufio.NewScanner(output); scanner.Scan(); {
			p.lines <- timestamp.ReplaceAllString(scanner.Text(), "")
		}
	}()
	t.Cleanup(func() {
		// Only where the test failed does it still run.
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return p
}

// next waits for the next line and returns whether there is one.
func (p *process) next(timeout <-chan time.Time) bool {
	p.t.Helper()
	select {
	case line, more := <-p.lines:
		if more && !slices.Contains(p.seen, line) {
			p.seen = append(p.seen, line)
		}
		return more
	case <-timeout:
		p.t.Fatalf("it took more than %v; so far: %q", patience, p.seen)
		return false
	}
}

// await waits for all of the lines, in any order.
func (p *process) await(lines ...string) {
	p.t.Helper()
	timeout := time.After(patience)
	for !containsAll(p.seen, lines) {
		if !p.next(timeout) {
			p.t.Fatalf("it ended without %q: %q", lines, p.seen)
		}
	}
}

// awaitMatch waits for a line that matches.
func (p *process) awaitMatch(pattern *regexp.Regexp) {
	p.t.Helper()
	timeout := time.After(patience)
	for !slices.ContainsFunc(p.seen, pattern.MatchString) {
		if !p.next(timeout) {
			p.t.Fatalf("it ended without %v: %q", pattern, p.seen)
		}
	}
}

func containsAll(all, some []string) bool {
	return !slices.ContainsFunc(some, func(line string) bool { return !slices.Contains(all, line) })
}

// stop sends SIGTERM and returns what the run came to.
func (p *process) stop() outcome {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	return p.finish()
}

func (p *process) signal(signal os.Signal) {
	p.t.Helper()
	if err := p.command.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
}

// finish waits for the end and returns what the run came to.
func (p *process) finish() outcome {
	p.t.Helper()
	timeout := time.After(patience)
	for p.next(timeout) {
	}
	// An error of Wait is only the exit code.
	_ = p.command.Wait()
	return outcome{p.command.ProcessState.ExitCode(), p.seen}
}

// expect compares a run with what it should have come to.
func (o outcome) expect(t *testing.T, code int, lines ...string) {
	t.Helper()
	if o.code != code || !slices.Equal(o.lines, lines) {
		t.Errorf("exit code %d and\n%q\nshould be %d and\n%q", o.code, o.lines, code, lines)
	}
}
