// Package counts reads what eBPF programs count: per-CPU arrays that are
// pinned to a BPF file system. It neither makes maps nor writes to them.
package counts

import (
	"errors"
	"fmt"
	"io/fs"
	"unsafe"

	"github.com/cilium/ebpf"
)

// Packets is a value of the maps that count packets. The C side has the same
// struct, `packet_count` of examples/bpf/counter.h. Both are in the machine's
// byte order, so nothing is converted.
type Packets struct {
	Packets uint64
	Bytes   uint64
}

// Plus returns the sum.
func (p Packets) Plus(other Packets) Packets {
	return Packets{p.Packets + other.Packets, p.Bytes + other.Bytes}
}

// Events is a value of the maps that count one thing.
type Events uint64

// Plus returns the sum.
func (e Events) Plus(other Events) Events { return e + other }

// Value is what a map may hold.
type Value[V any] interface {
	Packets | Events
	Plus(V) V
}

// Total returns the sum over all CPUs of the entry `key` of the map that is
// pinned at path. The kernel keeps one copy of the entry for each CPU, so
// that programs need no lock to count.
//
// The pin is opened anew each time: a map whose program was unloaded would
// stay readable for whoever holds it open, and its counts stand still.
func Total[V Value[V]](path string, key uint32) (V, error) {
	var total V
	// Reading is all that is done, and all that a pod may do.
	pinned, err := ebpf.LoadPinnedMap(path, &ebpf.LoadPinOptions{ReadOnly: true})
	if err != nil {
		return total, openError(path, err)
	}
	defer pinned.Close()
	if err := check(pinned, uint32(unsafe.Sizeof(total)), key); err != nil {
		return total, fmt.Errorf("the map %s is another than expected: %w", path, err)
	}
	var perCPU []V
	if err := pinned.Lookup(key, &perCPU); err != nil {
		return total, fmt.Errorf("read entry %d of the map %s: %w", key, path, err)
	}
	for _, value := range perCPU {
		total = total.Plus(value)
	}
	return total, nil
}

// check returns an error if the map is not a per-CPU array of such values
// that has the key.
func check(pinned *ebpf.Map, valueSize, key uint32) error {
	switch {
	case pinned.Type() != ebpf.PerCPUArray:
		return fmt.Errorf("its type is %v, not %v", pinned.Type(), ebpf.PerCPUArray)
	case pinned.KeySize() != 4:
		return fmt.Errorf("its keys have %d bytes, not 4", pinned.KeySize())
	case pinned.ValueSize() != valueSize:
		return fmt.Errorf("its values have %d bytes, not %d", pinned.ValueSize(), valueSize)
	case pinned.MaxEntries() <= key:
		return fmt.Errorf("it has %d entries, so none with the key %d", pinned.MaxEntries(), key)
	}
	return nil
}

// ErrGone is the cause where there is no map at the path.
var ErrGone = errors.New("it is not there")

func openError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrGone
	}
	return fmt.Errorf("open the map %s: %w", path, err)
}
