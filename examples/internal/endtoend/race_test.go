//go:build race

package endtoend

// The programs are checked for races wherever their tests are.
func init() { buildFlags = append(buildFlags, "-race") }
