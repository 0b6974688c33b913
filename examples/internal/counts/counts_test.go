// Sums of real maps. Other maps than expected are tested with the programs, in
// package endtoend.

package counts

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf"

	"bpfman.io/examples/internal/kerneltest"
)

func TestMain(m *testing.M) { os.Exit(kerneltest.Main(m.Run)) }

// What the kernel holds for each CPU is what is summed, under each key.
func TestTotal(t *testing.T) {
	dir := kerneltest.FileSystem(t)
	packets := kerneltest.Pin(t, dir, &ebpf.MapSpec{
		Name: "packets", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 16, MaxEntries: 3})
	events := kerneltest.Pin(t, dir, &ebpf.MapSpec{
		Name: "events", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 3})
	for key := range uint32(3) {
		var allPackets Packets
		var allEvents Events
		put(t, packets, key, kerneltest.PerCPU(t, func(int) Packets {
			one := Packets{rand.Uint64N(math.MaxUint32), rand.Uint64N(math.MaxUint32)}
			allPackets = allPackets.Plus(one)
			return one
		}))
		put(t, events, key, kerneltest.PerCPU(t, func(int) Events {
			one := Events(rand.Uint64N(math.MaxUint32))
			allEvents = allEvents.Plus(one)
			return one
		}))
		expectTotal(t, filepath.Join(dir, "packets"), key, allPackets)
		expectTotal(t, filepath.Join(dir, "events"), key, allEvents)
	}
}

func put(t *testing.T, pinned *ebpf.Map, key uint32, values any) {
	t.Helper()
	if err := pinned.Put(key, values); err != nil {
		t.Fatal(err)
	}
}

func expectTotal[V Value[V]](t *testing.T, path string, key uint32, expected V) {
	t.Helper()
	if got, err := Total[V](path, key); err != nil || got != expected {
		t.Errorf("%s[%d]: %v, %v, should be %v", path, key, got, err, expected)
	}
}

func TestGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "map")
	_, err := Total[Events](path, 0)
	if !errors.Is(err, ErrGone) || err.Error() != "open the map "+path+": it is not there" {
		t.Errorf("%v", err)
	}
}

// A path that is there but no map keeps the kernel's reason.
func TestNoMap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "map")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Total[Events](path, 0)
	if err == nil || errors.Is(err, ErrGone) {
		t.Errorf("%v", err)
	}
}
