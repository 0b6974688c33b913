// Package endtoend tests the programs as their user meets them: they are
// built and run beside a stand-in for bpfman, with real maps, and what they
// write, their exit codes and what they asked bpfman are compared. It has
// tests alone.
package endtoend
