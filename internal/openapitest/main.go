package openapitest

import (
	"flag"
	"fmt"
	"os"
)

// Must is for a variable that all of a package's tests share.
func Must() *Checker {
	c, err := New()
	if err != nil {
		panic(err)
	}
	return c
}

// Exit ends a test program whose tests came to code. If all of them ran and
// passed, every documented answer under the paths must have been seen.
func (c *Checker) Exit(code int, under ...string) {
	if code == 0 && wholeRun() {
		for _, prefix := range under {
			for _, line := range c.Missing(prefix) {
				fmt.Printf("documented, and seen by no test: %s\n", line)
				code = 1
			}
		}
	}
	os.Exit(code)
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
