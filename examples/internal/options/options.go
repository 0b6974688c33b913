// Package options is the command line that the counters share: its flags,
// their defaults and which of them decides, and the help text. It asks
// neither bpfman nor the kernel for anything.
package options

import (
	"flag"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
)

// Direction is the way of the packets that a TC or TCX program sees.
type Direction string

// The directions, as bpfman calls them.
const (
	Ingress Direction = "ingress"
	Egress  Direction = "egress"
)

// Verb returns what happened to the packets that were counted.
func (d Direction) Verb() string {
	if d == Egress {
		return "sent"
	}
	return "received"
}

// Options is what the user asked for.
type Options struct {
	// Source is where the eBPF programs come from.
	Source Source
	// Iface is the network interface to attach to.
	Iface string
	// Priority orders the programs of an interface; lower runs first.
	Priority int32
	// Direction is the way of the packets.
	Direction Direction
	// MapOwner is the program whose maps are used; 0 for none.
	MapOwner uint32
	// Ignored names the flags that were given in vain, each with the reason.
	Ignored []string
}

// Command is a program's name, its help, and which flags it has beside those
// that all have.
type Command struct {
	Name string
	// About says in some sentences what the program does; help begins with it.
	About string
	// Interface is for programs that are attached to one: -iface, -priority.
	Interface bool
	// Direction is for those that see one direction alone: -direction.
	Direction bool
	// IgnoresMapOwner is for those whose maps are always their own.
	IgnoresMapOwner bool
}

// UsageError is a command line that means nothing.
type UsageError struct{ problem string }

func (e UsageError) Error() string { return e.problem }

func usageError(format string, args ...any) error {
	return UsageError{fmt.Sprintf(format, args...)}
}

// flags holds the values as they were typed.
type flags struct {
	set       *flag.FlagSet
	iface     string
	priority  int
	direction string
	id        uint
	image     string
	file      string
	crd       bool
	mapOwner  uint
}

// Parse returns what the arguments ask for. The error is [flag.ErrHelp] where
// they ask for help, a [UsageError] where they are wrong, and another where
// the default object file is not there.
func (c Command) Parse(args []string) (Options, error) {
	return c.parse(args, runtime.GOARCH)
}

func (c Command) parse(args []string, goarch string) (Options, error) {
	f := c.flags()
	if err := f.set.Parse(args); err == flag.ErrHelp {
		return Options{}, err
	} else if err != nil {
		return Options{}, usageError("%v", err)
	}
	if f.set.NArg() > 0 {
		return Options{}, usageError("unexpected argument `%s`", f.set.Arg(0))
	}
	if f.crd {
		return Options{Source: Mounted{}, Direction: Ingress}, f.alone("crd")
	}
	if err := c.check(f); err != nil {
		return Options{}, err
	}
	source, err := f.source(goarch)
	return Options{
		Source:    source,
		Iface:     f.iface,
		Priority:  int32(f.priority),
		Direction: Direction(f.direction),
		MapOwner:  uint32(f.mapOwner),
		Ignored:   c.ignored(f),
	}, err
}

// flags declares the flags; those a program does not have keep their zero.
func (c Command) flags() *flags {
	f := &flags{set: flag.NewFlagSet(c.Name, flag.ContinueOnError), direction: string(Ingress)}
	// Errors are reported once, by whoever called.
	f.set.SetOutput(io.Discard)
	if c.Interface {
		f.set.StringVar(&f.iface, "iface", "eno3", "network `interface` to attach to")
		f.set.IntVar(&f.priority, "priority", 50, "position among the interface's programs, 1 to 1000; the lowest `number` runs first")
	}
	if c.Direction {
		f.set.StringVar(&f.direction, "direction", string(Ingress), "packets to count: `ingress` or egress")
	}
	f.set.UintVar(&f.id, "id", 0, "count with the loaded program of this `number`; it is not unloaded at the end")
	f.set.StringVar(&f.image, "image", "", "load the bytecode image of this `reference`")
	f.set.StringVar(&f.file, "file", "", "load the object file at this `path`")
	f.set.BoolVar(&f.crd, "crd", false, "run in Kubernetes, where the operator has loaded the program and its maps\nare mounted; goes with no other flag")
	owner := "use the maps of the program of this `number`"
	if c.IgnoresMapOwner {
		owner = "accepted and ignored: the maps are always the program's own (`number`)"
	}
	f.set.UintVar(&f.mapOwner, "map_owner_id", 0, owner)
	return f
}

// check returns an error if a value is outside of what it may be.
func (c Command) check(f *flags) error {
	switch {
	case c.Interface && f.iface == "":
		return usageError("-iface is empty; name a network interface (`ip link` lists them)")
	case f.priority < math.MinInt32 || f.priority > math.MaxInt32:
		return usageError("-priority %d is too large; 1 to 1000 make sense", f.priority)
	case f.direction != string(Ingress) && f.direction != string(Egress):
		return usageError("-direction `%s` is neither `ingress` nor `egress`", f.direction)
	case f.id > math.MaxUint32:
		return usageError("-id %d is no program's: they have 32 bits", f.id)
	case f.mapOwner > math.MaxUint32:
		return usageError("-map_owner_id %d is no program's: they have 32 bits", f.mapOwner)
	}
	return nil
}

// alone returns an error if there are other flags than the one named.
func (f *flags) alone(name string) error {
	var others []string
	f.set.Visit(func(other *flag.Flag) {
		if other.Name != name {
			others = append(others, "-"+other.Name)
		}
	})
	if len(others) > 0 {
		return usageError("-%s must be the only flag, but there is %s", name, strings.Join(others, ", "))
	}
	return nil
}

// ignored says which flags were given in vain: of several sources one is
// used, and a program that is loaded already is not loaded for its maps.
func (c Command) ignored(f *flags) []string {
	var ignored []string
	image, file := f.image != "", f.file != ""
	if image && f.id != 0 {
		ignored = append(ignored, "-image is ignored: there is -id")
	}
	if file && f.id != 0 {
		ignored = append(ignored, "-file is ignored: there is -id")
	} else if file && image {
		ignored = append(ignored, "-file is ignored: there is -image")
	}
	if f.mapOwner != 0 && f.id != 0 {
		ignored = append(ignored, "-map_owner_id is ignored: there is -id")
	} else if f.mapOwner != 0 && c.IgnoresMapOwner {
		ignored = append(ignored, "-map_owner_id is ignored: this program's maps are its own")
	}
	return ignored
}
