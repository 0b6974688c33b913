// The help text, which must be documentation enough.

package options

import (
	"fmt"
	"io"
	"runtime"
	"strings"
)

// WriteHelp writes what the program is for and how it is used.
func (c Command) WriteHelp(out io.Writer, socketVariable, socketPath string) {
	file := objectFiles[runtime.GOARCH]
	if file == "" {
		file = "none for " + runtime.GOARCH
	}
	iface := ""
	if c.Interface {
		iface = " -iface eth0"
	}
	fmt.Fprintf(out, `%s

It counts until it gets SIGINT or SIGTERM, then unloads what it loaded.

Usage:
  %s [flags]

Flags:
`, strings.TrimSpace(c.About), c.Name)
	set := c.flags().set
	set.SetOutput(out)
	set.PrintDefaults()
	fmt.Fprintf(out, `
Of -id, -image and -file the first that is given, in this order, is used. With
none, the object file in the working directory is: %s.

Environment:
  %s
    	socket of bpfman-rpc (default %s)

Examples:
  sudo ./%[4]s%[5]s
  sudo ./%[4]s%[5]s -image quay.io/bpfman-bytecode/%[4]s:latest
`, file, socketVariable, socketPath, c.Name, iface)
}
