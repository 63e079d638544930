package openapitest

import (
	"flag"
	"fmt"
	"io"
	"testing"

	"go.uber.org/goleak"
)

// Must is for a variable that all of a package's tests share.
func Must() *Checker {
	c, err := New()
	if err != nil {
		panic(err)
	}
	return c
}

// Run runs a package's tests and returns the exit code. No goroutine may be left,
// and if all tests ran and passed, every documented answer under the paths must
// have been seen; w is told which was not.
func (c *Checker) Run(m *testing.M, w io.Writer, under ...string) int {
	code := m.Run()
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(w, err)
		return 1
	}
	if wholeRun() {
		for _, prefix := range under {
			for _, line := range c.Missing(prefix) {
				fmt.Fprintf(w, "documented, and seen by no test: %s\n", line)
				code = 1
			}
		}
	}
	return code
}

// wholeRun reports whether no test was left out.
func wholeRun() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return true
}
