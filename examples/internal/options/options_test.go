// Command lines and what they mean; drawn ones as well.

package options

import (
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

var (
	probe = Command{Name: "probe"}
	tc    = Command{Name: "tc", Interface: true, Direction: true}
	tcx   = Command{Name: "tcx", Interface: true, Direction: true, IgnoresMapOwner: true}
)

func TestParse(t *testing.T) {
	here, err := filepath.Abs("x/y.o")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		command  Command
		line     string
		expected Options
	}{
		{tc, "-file /x.o", Options{Source: File("/x.o"), Iface: "eno3", Priority: 50, Direction: Ingress}},
		{probe, "-file x/y.o", Options{Source: File(here), Direction: Ingress}},
		{tc, "-file=/a/../x.o --iface=lo -priority -3 --direction egress", Options{Source: File("/x.o"), Iface: "lo", Priority: -3, Direction: Egress}},
		{probe, "-image quay.io/o/n:v1 -map_owner_id 9", Options{Source: Image("quay.io/o/n:v1"), Direction: Ingress, MapOwner: 9}},
		{tcx, "-image n -map_owner_id 9", Options{Source: Image("n"), Iface: "eno3", Priority: 50, Direction: Ingress, MapOwner: 9,
			Ignored: []string{"-map_owner_id is ignored: this program's maps are its own"}}},
		{probe, "-id 4294967295", Options{Source: ID(math.MaxUint32), Direction: Ingress}},
		{probe, "-id 1 -image n -file f -map_owner_id 2", Options{Source: ID(1), Direction: Ingress, MapOwner: 2,
			Ignored: []string{"-image is ignored: there is -id", "-file is ignored: there is -id", "-map_owner_id is ignored: there is -id"}}},
		{probe, "-file f -image n", Options{Source: Image("n"), Direction: Ingress, Ignored: []string{"-file is ignored: there is -image"}}},
		{probe, "-id 0 -image= -file /f", Options{Source: File("/f"), Direction: Ingress}},
		{tc, "-crd", Options{Source: Mounted{}, Direction: Ingress}},
		{tc, "-crd=false -image n", Options{Source: Image("n"), Iface: "eno3", Priority: 50, Direction: Ingress}},
	}
	for _, test := range tests {
		got, err := test.command.Parse(strings.Fields(test.line))
		if err != nil || !reflect.DeepEqual(got, test.expected) {
			t.Errorf("%s %s: %+v, %v\nshould be %+v", test.command.Name, test.line, got, err, test.expected)
		}
	}
}

func TestDefaultFile(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for goarch, name := range objectFiles {
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := probe.parse(nil, goarch)
		if expected := File(filepath.Join(here, name)); err != nil || got.Source != expected {
			t.Errorf("%s: %v, %v, should be %v", goarch, got.Source, err, expected)
		}
	}
	_, err = probe.parse(nil, "wasm")
	const expected = "no object file is known for wasm; name one with -file, or an image with -image"
	if err == nil || err.Error() != expected {
		t.Errorf("%v, should be %s", err, expected)
	}
	if _, err := probe.parse([]string{"-file", "x.o"}, "wasm"); err != nil {
		t.Errorf("an unknown architecture does not matter where a file is named: %v", err)
	}
}

// Whatever is typed, it is understood, or the user is told what is wrong.
func FuzzParse(f *testing.F) {
	for _, line := range []string{
		"", "-crd", "-crd -id 1", "-id 1", "-iface lo -priority 3 -direction egress", "-direction x",
		"-file f -image i", "-h", "--", "-", "x", "-map_owner_id 7 -id=0x10", "-priority 99999999999999999999",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		// Words may be empty and hold blanks.
		args := strings.Split(line, " ")
		for _, command := range []Command{probe, tc, tcx} {
			o, err := command.parse(args, "none")
			checkParsed(t, o, err)
		}
	})
}

func checkParsed(t *testing.T, o Options, err error) {
	t.Helper()
	var usage UsageError
	switch {
	case errors.Is(err, flag.ErrHelp), errors.As(err, &usage):
		return
	case err != nil:
		if !strings.Contains(err.Error(), "no object file is known for none") {
			t.Errorf("%v", err)
		}
		return
	}
	if o.Direction != Ingress && o.Direction != Egress {
		t.Errorf("the direction is %q", o.Direction)
	}
	switch source := o.Source.(type) {
	case File:
		if !filepath.IsAbs(string(source)) {
			t.Errorf("the path is %q", source)
		}
	case ID:
		if source == 0 || source.String() != strconv.FormatUint(uint64(source), 10) {
			t.Errorf("the number is %v", source)
		}
	case Image:
		if source == "" {
			t.Error("the image has no name")
		}
	case Mounted:
		if !reflect.DeepEqual(o, Options{Source: Mounted{}, Direction: Ingress}) {
			t.Errorf("with -crd there is %+v", o)
		}
	default:
		t.Errorf("the source is %v", source)
	}
}
