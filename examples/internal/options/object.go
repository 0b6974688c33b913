// The default object file, whose name follows from the architecture.

package options

import (
	"fmt"
	"os"
	"path/filepath"
)

// objectFiles gives the name of the eBPF object for each architecture that
// bpfman publishes images for. An object's byte order must be the machine's;
// the names are those that `cargo xtask build-ebpf` and bpf2go write.
var objectFiles = map[string]string{
	"amd64":   "bpf_x86_bpfel.o",
	"arm64":   "bpf_arm64_bpfel.o",
	"ppc64le": "bpf_powerpc_bpfel.o",
	"s390x":   "bpf_s390_bpfeb.o",
}

// defaultFile returns the path of the object in dir that suits goarch. It
// must be there.
func defaultFile(dir, goarch string) (File, error) {
	name, known := objectFiles[goarch]
	if !known {
		return "", fmt.Errorf("no object file is known for %s; name one with -file, or an image with -image", goarch)
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("the default object file: %w; make it with `cargo xtask build-ebpf`, or name another with -file or -image", err)
	}
	return File(path), nil
}
