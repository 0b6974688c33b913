// The counters in mounts of their own: above all in Kubernetes.

package endtoend

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/bpfman/bpfman/clients/gobpfman/v1"

	"bpfman.io/examples/internal/bpfmantest"
	"bpfman.io/examples/internal/kerneltest"
)

// nobody is the user and group that the manifests in examples/config run the
// programs as, and hand the maps to.
const nobody = 65534

// In Kubernetes the maps are in a mounted volume, which is read-only, and the
// program is nobody, without capabilities. There is no bpfman.
func TestMounted(t *testing.T) {
	for _, c := range counters {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			volume := kerneltest.FileSystem(t)
			pinned := c.pin(t, volume)
			for _, counting := range pinned {
				handOver(t, counting.path)
			}

			p := startCommand(t, inPod(t, volume, c.dir, c.name, "-crd"))
			reports := c.ingress().awaitCounts(p, pinned)
			got := p.stop()
			sortMiddle(got.lines, 0, 1)
			got.expect(t, 0, append(reports, "Exiting...")...)
		})
	}
}

// handOver gives a pinned map to the pod's group, as bpfman's CSI driver does.
func handOver(t *testing.T, path string) {
	t.Helper()
	if err := os.Chown(path, 0, nobody); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		t.Fatal(err)
	}
}

// inPod returns a program ready to start as nobody, in mounts of its own in
// which the volume is at dir, for reading only. A /run without anything else
// is what a container has.
func inPod(t *testing.T, volume, dir, name string, args ...string) *exec.Cmd {
	t.Helper()
	const script = `set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p "$2"
mount --bind "$1" "$2"
mount -o remount,bind,ro "$2"
shift 2
exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --no-new-privs "$@"`
	words := append([]string{"-c", script, "sh", volume, dir, filepath.Join(built, name)}, args...)
	cmd := exec.Command("sh", words...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	return cmd
}

// TestDefaultSocket looks for bpfman where it listens.
func TestDefaultSocket(t *testing.T) {
	t.Parallel()
	daemon := bpfmantest.Start(t, bpfmantest.Behaviour{
		Load: func(*v1.LoadResponse) error { return refusal },
	})
	// It says so where nothing can be mounted.
	kerneltest.FileSystem(t)
	const script = `set -e
mount -t tmpfs tmpfs /run
mkdir /run/bpfman-sock
mount --bind "$1" /run/bpfman-sock
shift
exec "$@"`
	cmd := exec.Command("sh", "-c", script, "sh", filepath.Dir(daemon.Socket()),
		filepath.Join(built, "go-xdp-counter"), "-file", "/x.o")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	startCommand(t, cmd).finish().expect(t, 1,
		"Using Input: Interface=eno3 Priority=50 Source=/x.o",
		"error: load `xdp_stats` of /x.o: "+seeLog)
}

// ingress returns the counter as it reports where no direction was asked for.
func (c counter) ingress() counter {
	c.parts = slices.Clone(c.parts)
	for i, part := range c.parts {
		c.parts[i].lines = func(total int) []string {
			lines := part.lines(total)
			for i := range lines {
				lines[i] = strings.ReplaceAll(lines[i], "sent", "received")
			}
			return lines
		}
	}
	return c
}
