// The counters with their real eBPF programs in the kernel: what bpfman does,
// loading and attaching, is done here.

package endtoend

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"bpfman.io/examples/internal/bpfmantest"
	"bpfman.io/examples/internal/kerneltest"
)

// objects names the directory where the compiled objects of this machine's
// architecture are, as `cargo xtask build-ebpf --output` leaves them.
const objects = "BPFMAN_EXAMPLES_OBJECTS"

// Not in parallel: an interface takes one XDP program.
func TestRealPrograms(t *testing.T) {
	for _, c := range counters {
		t.Run(c.name, func(t *testing.T) {
			object := c.object(t)
			dir := kerneltest.FileSystem(t)
			kerneltest.Tracing(t)
			kerneltest.LoopbackUp(t)
			start(t, "", "go-target").await("Count: 1")

			collection := load(t, object, dir)
			attached := c.attachAll(t, collection)
			sendPackets(t)
			daemon := bpfmantest.Start(t, bpfmantest.Behaviour{MapDir: dir})
			p := start(t, daemon.Socket(), c.name, "-file", object)
			for _, part := range attached {
				for _, line := range part.lines(1) {
					p.awaitMatch(moreThanNone(line))
				}
			}
			if got := p.stop(); got.code != 0 {
				t.Errorf("exit code %d: %q", got.code, got.lines)
			}
		})
	}
}

// object returns the path of the counter's compiled object.
func (c counter) object(t *testing.T) string {
	t.Helper()
	dir := os.Getenv(objects)
	if dir == "" {
		kerneltest.NotRun(t, "objects", objects+" names no directory of compiled objects; `cargo xtask test examples` makes one")
	}
	stem := strings.ReplaceAll(strings.TrimPrefix(c.name, "go-"), "-", "_")
	found, err := filepath.Glob(filepath.Join(dir, stem, "bpf_*_bpfe?.o"))
	if err != nil || len(found) != 1 {
		t.Fatalf("objects of %s for %s: %v, %v", stem, runtime.GOARCH, found, err)
	}
	return found[0]
}

// load loads the programs and pins their maps in dir.
func load(t *testing.T, object, dir string) *ebpf.Collection {
	t.Helper()
	spec, err := ebpf.LoadCollectionSpec(object)
	if err != nil {
		t.Fatal(err)
	}
	collection, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Maps: ebpf.MapOptions{PinPath: dir}})
	if cannot(err) {
		kerneltest.NotRun(t, "kernel", err.Error())
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(collection.Close)
	return collection
}

// attachAll attaches the programs and returns those that the kernel can
// attach; where it can attach none, the test does not run.
func (c counter) attachAll(t *testing.T, collection *ebpf.Collection) []part {
	t.Helper()
	var attached []part
	for _, part := range c.ingress().parts {
		link, err := attach(part, collection.Programs[part.function])
		switch {
		case cannot(err) && len(c.parts) == 1:
			kerneltest.NotRun(t, "kernel", fmt.Sprintf("`%s` cannot be attached: %v", part.function, err))
		case cannot(err):
			t.Logf("without `%s`, which cannot be attached: %v", part.function, err)
			continue
		case err != nil:
			t.Fatalf("attach `%s`: %v", part.function, err)
		}
		t.Cleanup(func() { link.Close() })
		attached = append(attached, part)
	}
	return attached
}

// attach attaches a program where its counter has something to count: on the
// loopback interface, or in go-target.
func attach(part part, program *ebpf.Program) (link.Link, error) {
	loopback, err := net.InterfaceByName("lo")
	if err != nil {
		return nil, err
	}
	switch part.function {
	case "xdp_stats":
		return link.AttachXDP(link.XDPOptions{Program: program, Interface: loopback.Index, Flags: link.XDPGenericMode})
	case "stats", "tcx_stats":
		// A TC program may be one of TCX's chain. The one that ends the chain
		// is the last.
		anchor := link.Head()
		if part.function == "stats" {
			anchor = link.Tail()
		}
		return link.AttachTCX(link.TCXOptions{Program: program, Interface: loopback.Index, Attach: ebpf.AttachTCXIngress, Anchor: anchor})
	case "tracepoint_kill_recorder":
		return link.Tracepoint("syscalls", "sys_enter_kill", program, nil)
	case "kprobe_counter":
		return link.Kprobe("try_to_wake_up", program, nil)
	}
	target, err := link.OpenExecutable(filepath.Join(built, "go-target"))
	if err != nil {
		return nil, err
	}
	if part.function == "uretprobe_counter" {
		return target.Uretprobe("main.getCount", program, nil)
	}
	return target.Uprobe("main.getCount", program, nil)
}

// cannot returns whether the error says that this kernel has no such thing, or
// that it is not permitted here.
func cannot(err error) bool {
	return errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission)
}

// sendPackets sends some over the loopback interface.
func sendPackets(t *testing.T) {
	t.Helper()
	receiver, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	sender, err := net.Dial("udp4", receiver.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	for range 5 {
		if _, err := sender.Write(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
}

var number = regexp.MustCompile(`\b\d+\b`)

// moreThanNone returns what matches the line with any numbers but 0.
func moreThanNone(line string) *regexp.Regexp {
	return regexp.MustCompile("^" + number.ReplaceAllString(regexp.QuoteMeta(line), `[1-9]\d*`) + "$")
}
