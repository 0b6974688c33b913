// What tests of programs that are really attached need besides maps.

package kerneltest

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// Tracing has the kernel's tracing file system where everybody looks for it,
// without which nothing is attached to tracepoints. It skips the test where
// that cannot be.
func Tracing(t *testing.T) {
	t.Helper()
	const dir = "/sys/kernel/tracing"
	if _, err := os.Stat(dir + "/events"); err == nil {
		return
	}
	// In mounts of our own, so it need not be taken away.
	if err := syscall.Mount("tracefs", dir, "tracefs", 0, ""); err != nil {
		NotRun(t, "mount", fmt.Sprintf("the tracing file system cannot be mounted: %v", err))
	}
}

// LoopbackUp has the interface lo of the tests' own network work.
func LoopbackUp(t *testing.T) {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(socket)
	// struct ifreq of netdevice(7).
	request := struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: uint16(net.FlagUp)}
	copy(request.name[:], "lo")
	_, _, failed := syscall.Syscall(syscall.SYS_IOCTL, uintptr(socket), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request)))
	if failed != 0 {
		t.Fatalf("lo is not up: %v", failed)
	}
}
