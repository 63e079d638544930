// Package recipes holds the recipes of docs/recipes against what their vendors
// document: tests only.
package recipes

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the goldens and the recipes' JSON anew")
