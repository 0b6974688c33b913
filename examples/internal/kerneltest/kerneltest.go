// Package kerneltest is for tests that need the kernel: real maps, pinned to
// real BPF file systems. Where the kernel or the user's rights do not permit
// that, a test says that it did not run. No program imports it.
package kerneltest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
)

// inside marks the process that has namespaces of its own.
const inside = "BPFMAN_EXAMPLES_INSIDE"

// Main runs the tests with mounts and a network of their own and returns their
// exit code: whatever they mount or attach is gone with them, even if they are
// killed, and nobody else sees it. Where that may not be done they run all the
// same, without maps.
func Main(run func() int) int {
	if os.Getenv(inside) != "" {
		return run()
	}
	// The kernel ends the child with the thread that made it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	again := exec.Command("/proc/self/exe", os.Args[1:]...)
	again.Stdin, again.Stdout, again.Stderr = os.Stdin, os.Stdout, os.Stderr
	again.Env = append(os.Environ(), inside+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{
		Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
		Pdeathsig:    syscall.SIGKILL,
	}
	if err := again.Start(); err != nil {
		return run()
	}
	// An error of Wait is only the exit code.
	_ = again.Wait()
	return again.ProcessState.ExitCode()
}

// FileSystem returns the path of a BPF file system for this test. It skips the
// test where there is none to be had.
func FileSystem(t *testing.T) string {
	t.Helper()
	if os.Getenv(inside) == "" {
		NotRun(t, "root", "only root may mount a BPF file system")
	}
	dir := filepath.Join(t.TempDir(), "bpf")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("bpf", dir, "bpf", 0, "mode=0755"); err != nil {
		NotRun(t, "mount", fmt.Sprintf("a BPF file system cannot be mounted: %v", err))
	}
	t.Cleanup(func() { Unmount(t, dir) })
	return dir
}

// Unmount takes away what is mounted at dir.
func Unmount(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
		t.Errorf("unmount %s: %v", dir, err)
	}
}

// Pin makes the map and pins it in dir under its name. It skips the test where
// the kernel makes no maps.
func Pin(t *testing.T, dir string, spec *ebpf.MapSpec) *ebpf.Map {
	t.Helper()
	// Kernels before 5.11 count maps as locked memory.
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Logf("the limit of locked memory stays: %v", err)
	}
	made, err := ebpf.NewMap(spec)
	if err != nil {
		NotRun(t, "kernel", fmt.Sprintf("the kernel makes no map: %v", err))
	}
	t.Cleanup(func() { made.Close() })
	if err := made.Pin(filepath.Join(dir, spec.Name)); err != nil {
		t.Fatal(err)
	}
	return made
}

// PerCPU returns a value for each CPU that the machine may have.
func PerCPU[V any](t *testing.T, value func(cpu int) V) []V {
	t.Helper()
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		t.Fatal(err)
	}
	values := make([]V, cpus)
	for cpu := range values {
		values[cpu] = value(cpu)
	}
	return values
}
