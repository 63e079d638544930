package jitsudo

import (
	"maps"
	"slices"
	"testing"

	"accessrelay/internal/event"
	"accessrelay/internal/sourcetest"
)

func TestPlatform(t *testing.T) { sourcetest.Run(t, New(), sourcetest.Want{Goldens: 60}) }

func FuzzCheck(f *testing.F) { sourcetest.FuzzCheckAny(f, New(), typeKeys...) }

func FuzzNormalize(f *testing.F) { sourcetest.FuzzNormalize(f, New()) }

func normalize(body string) *event.Event { return sourcetest.Normalize(New(), []byte(body)) }

// Every event is seen in a golden.
func TestGoldensCoverTheTable(t *testing.T) {
	seen := map[string]event.Type{}
	for _, body := range sourcetest.Bodies(t, sourcetest.Want{}) {
		e := normalize(string(body))
		seen[e.PlatformEvent] = e.Type
	}
	for word, typ := range types {
		if seen[word] != typ {
			t.Errorf("no golden shows that %s is %s", word, typ)
		}
	}
}

func TestSamples(t *testing.T) {
	sourcetest.CoverSamples(t, New(), func(e *event.Event) bool {
		return e.Request != nil && e.Requester != nil && len(e.Access) > 0 && !e.OccurredAt.IsZero()
	}, slices.Collect(maps.Values(types))...)
}

func BenchmarkNormalize(b *testing.B) { sourcetest.Benchmark(b, New(), "grant_active") }
