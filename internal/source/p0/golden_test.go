package p0

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
	"time"

	"accessrelay/internal/event"
)

var update = flag.Bool("update", false, "write the expected halves of the goldens anew")

var dashes = regexp.MustCompile(`(?m)^---+\n`)

// normalize makes the whole event of body, with an identity that never changes.
func normalize(body []byte) *event.Event {
	e := &event.Event{
		ID:         "evt_00000000000000000000000000",
		TenantID:   "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11",
		Source:     "acme-p0",
		Platform:   New().Name(),
		ReceivedAt: time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC),
		Raw:        body,
	}
	New().Normalize(body, e)
	return e
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

// goldens are the files of testdata/golden.
func goldens(tb testing.TB) []string {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "golden", "*.txt"))
	if err != nil || len(paths) < 35 {
		tb.Fatalf("%d goldens, %v", len(paths), err)
	}
	return paths
}

// readGolden returns a golden's body, its line of dashes, and its expected half.
func readGolden(tb testing.TB, path string) (body, line, want []byte) {
	tb.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	at := dashes.FindIndex(file)
	if at == nil {
		tb.Fatalf("%s has no line of dashes", path)
	}
	return file[:at[0]], file[at[0]:at[1]], file[at[1]:]
}

// Each file of testdata/golden is a body, a line of dashes, and the canonical
// event that comes of it.
func TestGolden(t *testing.T) {
	for _, path := range goldens(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			body, line, want := readGolden(t, path)
			if err := New().Check(body); err != nil {
				t.Fatalf("Check: %v", err)
			}
			got := marshal(t, normalize(body))
			if *update {
				if err := os.WriteFile(path, slices.Concat(body, line, got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if !bytes.Equal(got, want) {
				t.Errorf("got %s\nwant %s", got, want)
			}
		})
	}
}

// Every status and eventType that has a meaning is seen in a golden.
func TestGoldensCoverTheTables(t *testing.T) {
	seen := map[string]event.Type{}
	for _, path := range goldens(t) {
		body, _, _ := readGolden(t, path)
		e := normalize(body)
		word := e.PlatformEvent
		if _, status, isRequest := strings.Cut(word, ":"); isRequest {
			word = status
		}
		seen[word] = e.Type
	}
	for _, table := range []map[string]event.Type{statuses, preapprovals} {
		for word, want := range table {
			if seen[word] != want {
				t.Errorf("no golden shows that %s is %s", word, want)
			}
		}
	}
}
