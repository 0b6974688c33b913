// What each counter is to do, and that it does it from loading to unloading.

package endtoend

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/bpfman/bpfman/clients/gobpfman/v1"
	"google.golang.org/protobuf/proto"

	"bpfman.io/examples/internal/bpfmantest"
	"bpfman.io/examples/internal/kerneltest"
)

// part is one eBPF program of an example, as it is to be loaded, attached,
// read and reported.
type part struct {
	function    string
	programType v1.BpfmanProgramType
	attach      *v1.AttachInfo
	mapName     string
	key         uint32
	// lines returns what is logged of so many events, or packets of 100 bytes.
	lines func(total int) []string
}

// counter is a program of this module.
type counter struct {
	name string
	// dir is where its maps are mounted in Kubernetes.
	dir string
	// args are the flags that the attach infos and lines below expect.
	args []string
	// input is what it logs of its input, but for the source.
	input string
	parts []part
}

var (
	xdpInfo = &v1.AttachInfo{Info: &v1.AttachInfo_XdpAttachInfo{
		XdpAttachInfo: &v1.XDPAttachInfo{Iface: "lo", Priority: 7}}}
	tcInfo = &v1.AttachInfo{Info: &v1.AttachInfo_TcAttachInfo{
		TcAttachInfo: &v1.TCAttachInfo{Iface: "lo", Priority: 7, Direction: "egress"}}}
	tcxInfo = &v1.AttachInfo{Info: &v1.AttachInfo_TcxAttachInfo{
		TcxAttachInfo: &v1.TCXAttachInfo{Iface: "lo", Priority: 7, Direction: "egress"}}}
	tracepointInfo = &v1.AttachInfo{Info: &v1.AttachInfo_TracepointAttachInfo{
		TracepointAttachInfo: &v1.TracepointAttachInfo{Tracepoint: "syscalls/sys_enter_kill"}}}
	kprobeInfo = &v1.AttachInfo{Info: &v1.AttachInfo_KprobeAttachInfo{
		KprobeAttachInfo: &v1.KprobeAttachInfo{FnName: "try_to_wake_up"}}}
	uprobeInfo = &v1.AttachInfo{Info: &v1.AttachInfo_UprobeAttachInfo{
		UprobeAttachInfo: &v1.UprobeAttachInfo{FnName: proto.String("malloc"), Target: "libc"}}}
)

// lines returns a function that puts the total, and hundred times as many
// bytes, into the places of the format.
func lines(formats ...string) func(int) []string {
	return func(total int) []string {
		var lines []string
		for _, format := range formats {
			lines = append(lines, fmt.Sprintf(format, total, 100*total))
		}
		return lines
	}
}

var onInterface = []string{"-iface", "lo", "-priority", "7"}
var onEgress = append(slices.Clone(onInterface), "-direction", "egress")

var counters = []counter{
	{"go-xdp-counter", "/run/xdp/maps", onInterface, "Interface=lo Priority=7 ", []part{
		{"xdp_stats", v1.BpfmanProgramType_XDP, xdpInfo, "xdp_stats_map", 2, lines("%[1]d packets received", "%[2]d bytes received")},
	}},
	{"go-tc-counter", "/run/tc/maps", onEgress, "Interface=lo Priority=7 ", []part{
		{"stats", v1.BpfmanProgramType_TC, tcInfo, "tc_stats_map", 0, lines("%[1]d packets sent", "%[2]d bytes sent")},
	}},
	{"go-tcx-counter", "/run/tcx/maps", onEgress, "Interface=lo Priority=7 ", []part{
		{"tcx_stats", v1.BpfmanProgramType_TCX, tcxInfo, "tcx_stats_map", 0, lines("%[1]d packets sent", "%[2]d bytes sent")},
	}},
	{"go-tracepoint-counter", "/run/tracepoint/maps", nil, "", []part{
		{"tracepoint_kill_recorder", v1.BpfmanProgramType_TRACEPOINT, tracepointInfo, "tracepoint_stats_map", 0, lines("SIGUSR1 signal count: %[1]d")},
	}},
	{"go-kprobe-counter", "/run/kprobe/maps", nil, "", []part{
		{"kprobe_counter", v1.BpfmanProgramType_KPROBE, kprobeInfo, "kprobe_stats_map", 0, lines("Kprobe count: %[1]d")},
	}},
	{"go-uprobe-counter", "/run/uprobe/maps", nil, "", []part{
		{"uprobe_counter", v1.BpfmanProgramType_UPROBE, uprobeInfo, "uprobe_stats_map", 0, lines("Uprobe count: %[1]d")},
	}},
	{"go-uretprobe-counter", "/run/uretprobe/maps", nil, "", []part{
		{"uretprobe_counter", v1.BpfmanProgramType_UPROBE, uprobeInfo, "uretprobe_stats_map", 0, lines("Uretprobe count: %[1]d")},
	}},
	{"go-app-counter", "/run/app/maps", onEgress, "Interface=lo Priority=7 ", []part{
		{"kprobe_counter", v1.BpfmanProgramType_KPROBE, kprobeInfo, "kprobe_stats_map", 0, lines("Kprobe: count: %[1]d")},
		{"tracepoint_kill_recorder", v1.BpfmanProgramType_TRACEPOINT, tracepointInfo, "tracepoint_stats_map", 0, lines("Tracepoint: SIGUSR1 signal count: %[1]d")},
		{"stats", v1.BpfmanProgramType_TC, tcInfo, "tc_stats_map", 0, lines("TC: sent %[1]d packets / %[2]d bytes")},
		{"tcx_stats", v1.BpfmanProgramType_TCX, tcxInfo, "tcx_stats_map", 0, lines("TCX: sent %[1]d packets / %[2]d bytes")},
		{"uprobe_counter", v1.BpfmanProgramType_UPROBE, uprobeInfo, "uprobe_stats_map", 0, lines("Uprobe: count: %[1]d")},
		{"xdp_stats", v1.BpfmanProgramType_XDP, xdpInfo, "xdp_stats_map", 2, lines("XDP: received %[1]d packets / %[2]d bytes")},
	}},
}

// firstBase is what the first map has counted before a program starts; each
// further map has counted one more.
const firstBase = 5

// loadRequest returns the request that loads the counter's programs.
func (c counter) loadRequest(bytecode *v1.BytecodeLocation) *v1.LoadRequest {
	request := &v1.LoadRequest{Bytecode: bytecode}
	for _, part := range c.parts {
		request.Info = append(request.Info, &v1.LoadInfo{Name: part.function, ProgramType: part.programType})
	}
	return request
}

// pin makes and pins the maps that the counter reads, with their first counts.
func (c counter) pin(t *testing.T, dir string) []counting {
	var pinned []counting
	for i, part := range c.parts {
		pinned = append(pinned, pin(t, dir, part.mapName, part.key))
		pinned[i].set(uint64(firstBase + i))
	}
	return pinned
}

// awaitCounts has the maps count, waits until the process has logged what they
// did, and again. It returns the lines, sorted.
func (c counter) awaitCounts(p *process, pinned []counting) []string {
	var reports []string
	for _, base := range []int{firstBase, 1000} {
		for i, part := range c.parts {
			pinned[i].set(uint64(base + i))
			reports = append(reports, part.lines(base+i)...)
		}
		p.await(reports...)
	}
	slices.Sort(reports)
	return reports
}

func file(path string) *v1.BytecodeLocation {
	return &v1.BytecodeLocation{Location: &v1.BytecodeLocation_File{File: path}}
}

// TestCounters runs each counter from loading to unloading.
func TestCounters(t *testing.T) {
	for _, c := range counters {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := kerneltest.FileSystem(t)
			pinned := c.pin(t, dir)
			daemon := bpfmantest.Start(t, bpfmantest.Behaviour{MapDir: dir})

			// bpfman has another working directory.
			cmd := command(t, daemon.Socket(), c.name, append([]string{"-file", "some/object.o"}, c.args...)...)
			object := filepath.Join(cmd.Dir, "some/object.o")
			p := startCommand(t, cmd)
			reports := c.awaitCounts(p, pinned)
			got := p.stop()

			head := []string{"Using Input: " + c.input + "Source=" + object}
			tail := []string{"Exiting..."}
			requests := []proto.Message{c.loadRequest(file(object))}
			for i, part := range c.parts {
				id := c.idOf(i)
				head = append(head, fmt.Sprintf("Program registered with id %d", id),
					fmt.Sprintf("Program attached with link id %d", bpfmantest.FirstLink+i))
				requests = append(requests, &v1.AttachRequest{Id: id, Attach: part.attach})
			}
			// They are unloaded in the order of bpfman's answer.
			for i := range c.parts {
				id := uint32(bpfmantest.FirstProgram + i)
				tail = append(tail, fmt.Sprintf("Closing Connection for Program: %d", id))
				requests = append(requests, &v1.UnloadRequest{Id: id})
			}
			sortMiddle(got.lines, len(head), len(tail))
			got.expect(t, 0, slices.Concat(head, reports, tail)...)
			expectRequests(t, daemon, requests...)
			if n := daemon.Loaded(); n != 0 {
				t.Errorf("%d programs are still loaded", n)
			}
		})
	}
}

// idOf returns the number that the stand-in gives to the i-th program: it
// answers in reverse order.
func (c counter) idOf(i int) uint32 {
	return uint32(bpfmantest.FirstProgram + len(c.parts) - 1 - i)
}

// sortMiddle sorts the lines between the first and the last: goroutines report
// in any order.
func sortMiddle(lines []string, first, last int) {
	if len(lines) > first+last {
		slices.Sort(lines[first : len(lines)-last])
	}
}

// expectRequests compares what a daemon was asked with what it should have
// been.
func expectRequests(t *testing.T, daemon *bpfmantest.Daemon, expected ...proto.Message) {
	t.Helper()
	requests := daemon.Requests()
	if !slices.EqualFunc(requests, expected, proto.Equal) {
		t.Errorf("bpfman was asked\n%v\nshould be\n%v", requests, expected)
	}
}
