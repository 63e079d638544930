package sourcetest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

var update = flag.Bool("update", false, "write the expected halves of the goldens anew")

var dashes = regexp.MustCompile(`(?m)^---+\n`)

// golden is a file: a body, a line of dashes, and the canonical event that comes
// of the body.
type golden struct {
	path             string
	body, line, want []byte
}

func goldens(tb testing.TB, w Want) []string {
	tb.Helper()
	dir := w.Dir
	if dir == "" {
		dir = filepath.Join("testdata", "golden")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(paths) < max(w.Goldens, 1) {
		tb.Fatalf("%d goldens in %s, want at least %d (%v)", len(paths), dir, w.Goldens, err)
	}
	return paths
}

func readGolden(tb testing.TB, path string) golden {
	tb.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	at := dashes.FindIndex(file)
	if at == nil {
		tb.Fatalf("%s has no line of dashes", path)
	}
	return golden{path, file[:at[0]], file[at[0]:at[1]], file[at[1]:]}
}

// Golden returns the body of the golden of that name, without .txt.
func Golden(tb testing.TB, name string) []byte {
	tb.Helper()
	return readGolden(tb, filepath.Join("testdata", "golden", name+".txt")).body
}

// Bodies returns the body of every golden by its name, without .txt.
func Bodies(tb testing.TB, w Want) map[string][]byte {
	tb.Helper()
	out := map[string][]byte{}
	for _, path := range goldens(tb, w) {
		out[goldenName(path)] = readGolden(tb, path).body
	}
	return out
}

func goldenName(path string) string { return strings.TrimSuffix(filepath.Base(path), ".txt") }

func checkGoldens(t *testing.T, p source.Platform, w Want) {
	t.Helper()
	for _, path := range goldens(t, w) {
		t.Run(goldenName(path), func(t *testing.T) {
			g := readGolden(t, path)
			if err := p.Check(g.body); err != nil {
				t.Fatalf("Check: %v", err)
			}
			e := Normalize(p, g.body)
			checkIdentity(t, p, g.body, e)
			got := marshal(t, e)
			if *update {
				if err := os.WriteFile(path, slices.Concat(g.body, g.line, got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if !bytes.Equal(got, g.want) {
				t.Errorf("got %s\nwant %s", got, g.want)
			}
		})
	}
}

func marshal(tb testing.TB, e *event.Event) []byte {
	tb.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(e); err != nil {
		tb.Fatalf("marshalling the event: %v", err)
	}
	return b.Bytes()
}
