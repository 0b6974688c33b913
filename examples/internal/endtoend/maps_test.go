// The maps that the programs read, as their C sources declare them.

package endtoend

import (
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf"

	"bpfman.io/examples/internal/counts"
	"bpfman.io/examples/internal/kerneltest"
)

// The sizes of the maps' values in bytes.
const (
	packetsSize = 16
	eventsSize  = 8
)

// maps describes the map of each program as its C source does.
var maps = map[string]ebpf.MapSpec{
	"xdp_stats_map":        perCPUArray("xdp_stats_map", packetsSize, 5),
	"tc_stats_map":         perCPUArray("tc_stats_map", packetsSize, 9),
	"tcx_stats_map":        perCPUArray("tcx_stats_map", packetsSize, 1),
	"tracepoint_stats_map": perCPUArray("tracepoint_stats_map", eventsSize, 8),
	"kprobe_stats_map":     perCPUArray("kprobe_stats_map", eventsSize, 1),
	"uprobe_stats_map":     perCPUArray("uprobe_stats_map", eventsSize, 1),
	"uretprobe_stats_map":  perCPUArray("uretprobe_stats_map", eventsSize, 1),
}

func perCPUArray(name string, valueSize, entries uint32) ebpf.MapSpec {
	return ebpf.MapSpec{Name: name, Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: valueSize, MaxEntries: entries}
}

// counting is a pinned map in which a test counts.
type counting struct {
	t    *testing.T
	path string
	made *ebpf.Map
	key  uint32
}

// pin makes the map of that name, pins it in dir and returns it, to be counted
// in under the key.
func pin(t *testing.T, dir, name string, key uint32) counting {
	t.Helper()
	spec := maps[name]
	made := kerneltest.Pin(t, dir, &spec)
	return counting{t, filepath.Join(dir, name), made, key}
}

// set makes the total this many: all on the last CPU but for one on the first.
// A packet has 100 bytes.
func (c counting) set(total uint64) {
	c.t.Helper()
	values := kerneltest.PerCPU(c.t, func(int) uint64 { return 0 })
	values[0] = 1
	values[len(values)-1] += total - 1
	var err error
	if c.made.ValueSize() == eventsSize {
		err = c.made.Put(c.key, values)
	} else {
		packets := kerneltest.PerCPU(c.t, func(cpu int) counts.Packets {
			return counts.Packets{Packets: values[cpu], Bytes: 100 * values[cpu]}
		})
		err = c.made.Put(c.key, packets)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}
