// How a test says that it could not run: as those of this workspace that are
// written in Rust do.

package kerneltest

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The variables by which `cargo xtask test` says what must not be missing,
// and collects what did not run; crates/test-support has the same.
const (
	require    = "XTASK_TEST_REQUIRE"
	notRunFile = "XTASK_TEST_NOT_RUN"
)

// NotRun skips the test because `need` is missing, and says so where nobody
// can miss it. It fails the test where `need` is required.
func NotRun(t *testing.T, need, why string) {
	t.Helper()
	for _, word := range strings.Split(os.Getenv(require), ",") {
		if word == need || word == "all" {
			t.Fatalf("%s was required to run, but %s", t.Name(), why)
		}
	}
	line := fmt.Sprintf("not run: %s: %s\n", t.Name(), why)
	fmt.Fprint(os.Stderr, line)
	if path := os.Getenv(notRunFile); path != "" {
		if err := note(path, line); err != nil {
			t.Fatal(err)
		}
	}
	t.Skip(why)
}

func note(path, line string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := file.WriteString(line); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
