package permit

import (
	"maps"
	"slices"
	"testing"

	"accessrelay/internal/event"
	"accessrelay/internal/sourcetest"
)

func TestPlatform(t *testing.T) { sourcetest.Run(t, New(), sourcetest.Want{Goldens: 60}) }

func FuzzCheck(f *testing.F) { sourcetest.FuzzCheck(f, New()) }

func FuzzNormalize(f *testing.F) { sourcetest.FuzzNormalize(f, New()) }

func normalize(body string) *event.Event { return sourcetest.Normalize(New(), []byte(body)) }

// Every type, and every status of both kinds, is seen in a golden.
func TestGoldensCoverTheTables(t *testing.T) {
	seen := map[string]event.Type{}
	for _, body := range sourcetest.Bodies(t, sourcetest.Want{}) {
		e := normalize(string(body))
		seen[e.PlatformEvent] = e.Type
	}
	want := map[string]event.Type{}
	for kind, typ := range users {
		want[kind] = typ
	}
	for status, kinds := range statuses {
		for kind, typ := range kinds {
			want[kind+":"+status] = typ
		}
	}
	for word, typ := range want {
		if seen[word] != typ {
			t.Errorf("no golden shows that %s is %s", word, typ)
		}
	}
}

func TestSamples(t *testing.T) {
	types := slices.Collect(maps.Values(users))
	for _, kinds := range statuses {
		types = slices.AppendSeq(types, maps.Values(kinds))
	}
	sourcetest.CoverSamples(t, New(), func(e *event.Event) bool {
		return e.Type == event.Unrecognized || len(e.Access) > 0 && (e.Grantee != nil || e.Requester != nil)
	}, types...)
}

func BenchmarkNormalize(b *testing.B) {
	sourcetest.Benchmark(b, New(), "access_request_approved_documented")
}
