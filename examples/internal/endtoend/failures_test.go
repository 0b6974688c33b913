// What goes wrong before anything was counted.

package endtoend

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/bpfman/bpfman/clients/gobpfman/v1"
	"github.com/cilium/ebpf"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bpfman.io/examples/internal/bpfmantest"
	"bpfman.io/examples/internal/kerneltest"
)

// refusal is what bpfman, which is written in Rust, says: a line per cause.
var refusal = status.Error(codes.Aborted, "it went wrong\n\nCaused by:\n    a cause")

const (
	refused = "bpfman refuses: it went wrong Caused by: a cause; "
	seeLog  = refused + "the log of bpfman-rpc may say more"
)

// failure is something that goes wrong before a map is read.
type failure struct {
	name      string
	program   string
	args      []string
	behaviour bpfmantest.Behaviour
	// last are the lines after those that tell of the input and of programs
	// and links. MAPS stands for the directory of the maps.
	last []string
}

var failures = []failure{
	{
		name:      "load is refused",
		program:   "go-xdp-counter",
		args:      []string{"-file", "/x.o"},
		behaviour: bpfmantest.Behaviour{Load: func(*v1.LoadResponse) error { return refusal }},
		last:      []string{"error: load `xdp_stats` of /x.o: " + seeLog},
	},
	{
		name:      "load of six is refused",
		program:   "go-app-counter",
		args:      []string{"-image", "quay.io/o/app:v1"},
		behaviour: bpfmantest.Behaviour{Load: func(*v1.LoadResponse) error { return refusal }},
		last:      []string{"error: load `kprobe_counter`, `tracepoint_kill_recorder`, `stats`, `tcx_stats`, `uprobe_counter`, `xdp_stats` of quay.io/o/app:v1: " + seeLog},
	},
	{
		name:    "nothing is loaded",
		program: "go-tc-counter",
		args:    []string{"-file", "/x.o"},
		behaviour: bpfmantest.Behaviour{Load: func(response *v1.LoadResponse) error {
			response.Programs = nil
			return nil
		}},
		last: []string{"error: bpfman loaded 0 programs, not 1; does it fit this example's version?"},
	},
	{
		name:    "two are loaded",
		program: "go-kprobe-counter",
		args:    []string{"-file", "/x.o"},
		behaviour: bpfmantest.Behaviour{Load: func(response *v1.LoadResponse) error {
			second := &v1.LoadResponseInfo{KernelInfo: &v1.KernelProgramInfo{Id: 102}, Info: &v1.ProgramInfo{}}
			response.Programs = append(response.Programs, second)
			return nil
		}},
		last: []string{
			"Closing Connection for Program: 101",
			"Closing Connection for Program: 102",
			"error: bpfman loaded 2 programs, not 1; does it fit this example's version?",
		},
	},
	{
		name:    "a program has no number",
		program: "go-uprobe-counter",
		args:    []string{"-file", "/x.o"},
		behaviour: bpfmantest.Behaviour{Load: func(response *v1.LoadResponse) error {
			response.Programs[0].KernelInfo = nil
			return nil
		}},
		last: []string{"error: bpfman loaded `uprobe_counter`, but does not say under which number; `bpfman list programs` shows what is loaded"},
	},
	{
		name:    "a program has no maps",
		program: "go-xdp-counter",
		args:    []string{"-file", "/x.o"},
		behaviour: bpfmantest.Behaviour{Load: func(response *v1.LoadResponse) error {
			response.Programs[0].Info.MapPinPath = ""
			return nil
		}},
		last: []string{
			"Closing Connection for Program: 101",
			"error: bpfman does not say where the maps of program 101 (`xdp_stats`) are pinned",
		},
	},
	{
		name:    "a program of six has another name",
		program: "go-app-counter",
		args:    []string{"-file", "/x.o"},
		behaviour: bpfmantest.Behaviour{Load: func(response *v1.LoadResponse) error {
			response.Programs[2].Info.Name = "another"
			return nil
		}},
		last: append(closing(101, 106), "error: bpfman loaded no program `tcx_stats`; does it fit this example's version?"),
	},
	{
		name:      "attach is refused",
		program:   "go-tcx-counter",
		args:      []string{"-file", "/x.o"},
		behaviour: bpfmantest.Behaviour{Attach: func(*v1.AttachRequest) error { return refusal }},
		last: []string{
			"Closing Connection for Program: 101",
			"error: attach program 101 (`tcx_stats`): " + seeLog,
		},
	},
	{
		name:    "attach of one of six is refused",
		program: "go-app-counter",
		args:    []string{"-file", "/x.o"},
		behaviour: bpfmantest.Behaviour{Attach: func(request *v1.AttachRequest) error {
			if request.GetAttach().GetTcAttachInfo() != nil {
				return refusal
			}
			return nil
		}},
		last: append(closing(101, 106), "error: attach program 104 (`stats`): "+seeLog),
	},
	{
		name:    "there is no map",
		program: "go-uretprobe-counter",
		args:    []string{"-file", "/x.o"},
		last: []string{
			"Closing Connection for Program: 101",
			"error: open the map MAPS/uretprobe_stats_map: it is not there; was the program unloaded by somebody else?",
		},
	},
	{
		name:      "neither attach nor unload works",
		program:   "go-tracepoint-counter",
		args:      []string{"-file", "/x.o"},
		behaviour: bpfmantest.Behaviour{Attach: func(*v1.AttachRequest) error { return refusal }, Unload: func(*v1.UnloadRequest) error { return refusal }},
		last: []string{
			"Closing Connection for Program: 101",
			"error: attach program 101 (`tracepoint_kill_recorder`): " + seeLog,
			"error: unload program 101 (`tracepoint_kill_recorder`): " + refused + "`bpfman unload 101` tries again",
		},
	},
	{
		name:    "the loaded program is unknown",
		program: "go-xdp-counter",
		args:    []string{"-id", "4711"},
		last:    []string{"error: look up program 4711: bpfman refuses: Program 4711 does not exist; `bpfman list programs` shows what is loaded"},
	},
	{
		name:    "the loaded program is another's",
		program: "go-xdp-counter",
		args:    []string{"-id", "77"},
		last:    []string{"error: open the map MAPS/xdp_stats_map: it is not there; is program 77 (`other`) one of this example, and still loaded?"},
	},
}

// closing returns the lines that tell of unloading.
func closing(first, last int) []string {
	var lines []string
	for id := first; id <= last; id++ {
		lines = append(lines, "Closing Connection for Program: "+strconv.Itoa(id))
	}
	return lines
}

// Whatever goes wrong, one line says so, and what was loaded is unloaded.
func TestFailures(t *testing.T) {
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.behaviour.MapDir = t.TempDir()
			daemon := bpfmantest.Start(t, f.behaviour)
			daemon.Preload(77, "other")
			got := start(t, daemon.Socket(), f.program, f.args...).finish()
			got.lines = slices.DeleteFunc(got.lines, func(line string) bool {
				return strings.HasPrefix(line, "Using Input: ") || strings.HasPrefix(line, "Program ")
			})
			for i := range f.last {
				f.last[i] = strings.ReplaceAll(f.last[i], "MAPS", f.behaviour.MapDir)
			}
			got.expect(t, 1, f.last...)
			if n := daemon.Loaded(); n != 1 && f.behaviour.Unload == nil {
				t.Errorf("%d programs are loaded, not the one of before", n)
			}
		})
	}
}

func TestNoDaemon(t *testing.T) {
	t.Parallel()
	start(t, "/nowhere/bpfman.sock", "go-xdp-counter", "-image", "quay.io/o/n:v1").finish().expect(t, 1,
		"Using Input: Interface=eno3 Priority=50 Source=quay.io/o/n:v1",
		"error: connect to bpfman: dial unix /nowhere/bpfman.sock: connect: no such file or directory; is bpfman-rpc running, and may you use its socket?")
}

func TestNothingMounted(t *testing.T) {
	for _, c := range counters {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := os.Stat(c.dir); !errors.Is(err, os.ErrNotExist) {
				kerneltest.NotRun(t, "root", c.dir+" is in use on this machine")
			}
			got := start(t, "", c.name, "-crd").finish()
			// Several counters fail at once; one of them is reported.
			if got.code != 1 || len(got.lines) != 1 {
				t.Fatalf("exit code %d and %q", got.code, got.lines)
			}
			expected := func(part part) bool {
				return got.lines[0] == "error: open the map "+c.dir+"/"+part.mapName+": it is not there; does the pod mount a volume of csi.bpfman.io with it?"
			}
			if !slices.ContainsFunc(c.parts, expected) {
				t.Errorf("%q", got.lines[0])
			}
		})
	}
}

func TestNoObjectFile(t *testing.T) {
	t.Parallel()
	got := start(t, "", "go-tc-counter").finish()
	if got.code != 1 || len(got.lines) != 1 ||
		!strings.HasPrefix(got.lines[0], "error: the default object file: stat /") ||
		!strings.HasSuffix(got.lines[0], ".o: no such file or directory; make it with `cargo xtask build-ebpf`, or name another with -file or -image") {
		t.Errorf("exit code %d and %q", got.code, got.lines)
	}
}

// A map that is not what the program expects is refused, not misread.
func TestOtherMaps(t *testing.T) {
	tests := []struct {
		name, problem string
		change        func(*ebpf.MapSpec)
	}{
		{"type", "its type is Array, not PerCPUArray", func(spec *ebpf.MapSpec) { spec.Type = ebpf.Array }},
		{"keys", "its type is PerCPUHash, not PerCPUArray", func(spec *ebpf.MapSpec) { spec.Type, spec.KeySize = ebpf.PerCPUHash, 8 }},
		{"values", "its values have 8 bytes, not 16", func(spec *ebpf.MapSpec) { spec.ValueSize = 8 }},
		{"entries", "it has 2 entries, so none with the key 2", func(spec *ebpf.MapSpec) { spec.MaxEntries = 2 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := kerneltest.FileSystem(t)
			spec := maps["xdp_stats_map"]
			test.change(&spec)
			kerneltest.Pin(t, dir, &spec)
			daemon := bpfmantest.Start(t, bpfmantest.Behaviour{MapDir: dir})
			start(t, daemon.Socket(), "go-xdp-counter", "-file", "/x.o").finish().expect(t, 1,
				"Using Input: Interface=eno3 Priority=50 Source=/x.o",
				"Program registered with id 101",
				"Program attached with link id 9001",
				"Closing Connection for Program: 101",
				"error: the map "+filepath.Join(dir, "xdp_stats_map")+" is another than expected: "+test.problem)
			if n := daemon.Loaded(); n != 0 {
				t.Errorf("%d programs are still loaded", n)
			}
		})
	}
}
