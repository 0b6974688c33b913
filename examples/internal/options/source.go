// Where the programs come from, and which of several sources is used.

package options

import (
	"path/filepath"
	"strconv"
)

// A Source is where the eBPF programs come from: an [ID], an [Image], a
// [File] or [Mounted].
type Source interface {
	// String returns what the log calls it.
	String() string
}

// ID is a program that bpfman has loaded already. It is neither loaded nor
// unloaded here, only its maps are read.
type ID uint32

// Image is the reference of a bytecode image, which bpfman pulls.
type Image string

// File is the absolute path of an object file, which bpfman opens.
type File string

// Mounted means that Kubernetes has loaded the programs and mounted their
// maps: there is no bpfman to talk to.
type Mounted struct{}

func (id ID) String() string       { return strconv.FormatUint(uint64(id), 10) }
func (image Image) String() string { return string(image) }
func (file File) String() string   { return string(file) }
func (Mounted) String() string     { return "mounted maps" }

// source returns the first of the sources that the flags name.
func (f *flags) source(goarch string) (Source, error) {
	switch {
	case f.id != 0:
		return ID(f.id), nil
	case f.image != "":
		return Image(f.image), nil
	case f.file != "":
		// bpfman opens it, whose working directory is another.
		path, err := filepath.Abs(f.file)
		return File(path), err
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	return defaultFile(dir, goarch)
}
