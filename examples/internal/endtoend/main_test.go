// How the programs are built, once for all tests.

package endtoend

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"bpfman.io/examples/internal/kerneltest"
)

// module is the directory of the module.
const module = "../.."

// buildFlags is what the programs are built with: no debug information, which
// takes most of the time to link. The symbols stay.
var buildFlags = []string{"-ldflags=-w"}

// built is the directory of the programs.
var built string

func TestMain(m *testing.M) {
	// A program inherits what is ignored, and nohup ignores SIGHUP. What this
	// process handles, the programs that it starts do not.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(kerneltest.Main(func() int {
		dir, err := build()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		built = dir
		// The tests mostly wait: more of them than there are processors may run.
		if err := flag.Set("test.parallel", "16"); err != nil {
			panic(err)
		}
		return m.Run()
	}))
}

// build builds all programs into a directory of their own.
func build() (string, error) {
	if err := read(module); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "examples")
	if err != nil {
		return "", err
	}
	// Some tests run programs as another user.
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	args := append([]string{"build", "-o", dir + "/"}, buildFlags...)
	command := exec.Command("go", append(args, "./...")...)
	command.Dir = module
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, output)
	}
	return dir, nil
}

// read reads all sources. `go test` repeats a test only where a file that it
// read has changed, and knows nothing of what the compiler reads.
func read(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".go") {
			_, err = os.ReadFile(path)
		}
		return err
	})
}
