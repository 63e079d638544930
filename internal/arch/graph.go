package arch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
)

// Package is what the rules know of one package.
type Package struct {
	Imports  []string // of its production files; those of tests are free
	Standard bool     // of the standard library
	Module   string   // that it comes from; empty for the standard library
}

// Graph holds packages by import path: the module's own and all that they need.
type Graph map[string]Package

// Load reads the graph of the module whose root is dir, as it builds here.
func Load(ctx context.Context, dir string) (Graph, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=ImportPath,Imports,Standard,Module", "./...")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
		}
		return nil, fmt.Errorf("listing packages: %w", err)
	}
	g := Graph{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
			Standard   bool
			Module     *struct{ Path string }
		}
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return g, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the list of packages: %w", err)
		}
		pkg := Package{Imports: p.Imports, Standard: p.Standard}
		if p.Module != nil {
			pkg.Module = p.Module.Path
		}
		g[p.ImportPath] = pkg
	}
}

// Chain returns the shortest way by imports from one package to the first whose
// path match accepts, both ends included, or nil when there is none.
func (g Graph) Chain(from string, match func(path string) bool) []string {
	came := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at != from && match(at) {
			var chain []string
			for ; at != ""; at = came[at] {
				chain = append(chain, at)
			}
			slices.Reverse(chain)
			return chain
		}
		for _, next := range g[at].Imports {
			if _, seen := came[next]; !seen {
				came[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// own returns the import paths of module's packages, sorted.
func (g Graph) own(module string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(g)), func(path string) bool {
		return g[path].Module != module
	})
}

// under says whether path is prefix or lies below it.
func under(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}
