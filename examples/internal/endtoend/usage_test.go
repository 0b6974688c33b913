// Command lines, help, and the program that is only watched.

package endtoend

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// programs returns the names of all programs.
func programs() []string {
	names := []string{"go-target"}
	for _, c := range counters {
		names = append(names, c.name)
	}
	return names
}

// run runs a program to its end and returns its exit code and what it wrote.
func run(t *testing.T, name string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := command(t, "", name, args...)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	var exit *exec.ExitError
	if failure := cmd.Run(); failure != nil && !errors.As(failure, &exit) {
		t.Fatal(failure)
	}
	return cmd.ProcessState.ExitCode(), out.String(), err.String()
}

func TestHelp(t *testing.T) {
	for _, name := range programs() {
		for _, flag := range []string{"-h", "-help", "--help"} {
			code, stdout, stderr := run(t, name, flag)
			if code != 0 || stderr != "" || !strings.HasPrefix(stdout, name+" logs ") {
				t.Errorf("%s %s: exit code %d, %q and %q", name, flag, code, stdout, stderr)
			}
			for _, heading := range []string{"\nUsage:\n  " + name, "\nExample"} {
				if !strings.Contains(stdout, heading) {
					t.Errorf("%s %s: there is no %q: %s", name, flag, heading, stdout)
				}
			}
		}
	}
}

// A wrong command line is one line and exit code 2, before anything is done.
func TestWrongUsage(t *testing.T) {
	tests := []struct{ line, problem string }{
		{"go-xdp-counter -iface=", "-iface is empty; name a network interface (`ip link` lists them)"},
		{"go-xdp-counter -direction egress", "flag provided but not defined: -direction"},
		{"go-tc-counter -direction out", "-direction `out` is neither `ingress` nor `egress`"},
		{"go-app-counter --crd --iface lo --id 3", "-crd must be the only flag, but there is -id, -iface"},
		{"go-kprobe-counter -iface lo", "flag provided but not defined: -iface"},
		{"go-uprobe-counter x.o", "unexpected argument `x.o`"},
		{"go-tcx-counter -priority high", "invalid value \"high\" for flag -priority: parse error"},
		{"go-tcx-counter -priority 3000000000", "-priority 3000000000 is too large; 1 to 1000 make sense"},
		{"go-uretprobe-counter -id -1", "invalid value \"-1\" for flag -id: parse error"},
		{"go-tracepoint-counter -id 4294967296", "-id 4294967296 is no program's: they have 32 bits"},
		{"go-tracepoint-counter -map_owner_id 4294967296", "-map_owner_id 4294967296 is no program's: they have 32 bits"},
		{"go-target now", "unexpected argument `now`"},
		{"go-target -id 1", "flag provided but not defined: -id"},
	}
	for _, test := range tests {
		words := strings.Fields(test.line)
		code, stdout, stderr := run(t, words[0], words[1:]...)
		expected := "error: " + test.problem + "; see `" + words[0] + " -help`\n"
		if code != 2 || stdout != "" || stderr != expected {
			t.Errorf("%s: exit code %d, %q and %q, should be %q", test.line, code, stdout, stderr, expected)
		}
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	// The entrypoint of its image ends with --crd, as that of the others.
	for signal, args := range map[syscall.Signal][]string{syscall.SIGTERM: {"--crd"}, syscall.SIGINT: nil} {
		p := start(t, "", "go-target", args...)
		p.await("Count: 1", "Count: 2")
		p.signal(signal)
		got := p.finish()
		// It may have counted on until the signal came.
		got.lines = append(got.lines[:2], got.lines[len(got.lines)-1])
		got.expect(t, 0, "Count: 1", "Count: 2", "Exiting...")
	}
}

// The function is in the symbol table, where a uprobe looks for it.
func TestTargetSymbol(t *testing.T) {
	symbols, err := exec.Command("go", "tool", "nm", built+"/go-target").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(symbols), " T main.getCount\n") {
		t.Error("main.getCount is not there")
	}
}

// expectAround compares the start and the end of a line whose middle is the
// machine's or the kernel's.
func expectAround(t *testing.T, line, start, end string) {
	t.Helper()
	if !strings.HasPrefix(line, start) || !strings.HasSuffix(line, end) {
		t.Errorf("%q should be %q … %q", line, start, end)
	}
}
