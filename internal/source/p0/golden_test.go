package p0

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"accessrelay/internal/event"
	"accessrelay/internal/sourcetest"
)

func TestPlatform(t *testing.T) { sourcetest.Run(t, New(), sourcetest.Want{Goldens: 50}) }

func FuzzCheck(f *testing.F) { sourcetest.FuzzCheck(f, New(), required...) }

func FuzzNormalize(f *testing.F) { sourcetest.FuzzNormalize(f, New()) }

func normalize(body []byte) *event.Event { return sourcetest.Normalize(New(), body) }

// Every status and eventType that has a meaning is seen in a golden.
func TestGoldensCoverTheTables(t *testing.T) {
	// A word may stand in goldens of another type too: a body that cannot be understood keeps its word.
	seen := map[string][]event.Type{}
	for _, body := range sourcetest.Bodies(t, sourcetest.Want{}) {
		e := normalize(body)
		word := e.PlatformEvent
		if _, status, isRequest := strings.Cut(word, ":"); isRequest {
			word = status
		}
		seen[word] = append(seen[word], e.Type)
	}
	for _, table := range []map[string]event.Type{statuses, preapprovals} {
		for word, want := range table {
			if !slices.Contains(seen[word], want) {
				t.Errorf("no golden shows that %s is %s", word, want)
			}
		}
	}
}

func TestSamples(t *testing.T) {
	types := slices.AppendSeq(slices.Collect(maps.Values(statuses)), maps.Values(preapprovals))
	sourcetest.CoverSamples(t, New(), func(e *event.Event) bool {
		return e.Request != nil && e.Grantee != nil && len(e.Access) > 0
	}, types...)
}

func BenchmarkNormalize(b *testing.B) {
	sourcetest.Benchmark(b, New(), "preapproval_created_documented")
}
