package apono

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"accessrelay/internal/event"
	"accessrelay/internal/sourcetest"
)

func TestPlatform(t *testing.T) { sourcetest.Run(t, New(), sourcetest.Want{Goldens: 100}) }

func FuzzCheck(f *testing.F) { sourcetest.FuzzCheck(f, New(), eventType) }

func FuzzNormalize(f *testing.F) { sourcetest.FuzzNormalize(f, New()) }

func normalize(body []byte) *event.Event { return sourcetest.Normalize(New(), body) }

// Every trigger is seen in a golden, in both spellings.
func TestGoldensCoverTheTriggers(t *testing.T) {
	seen := map[string]bool{}
	for _, body := range sourcetest.Bodies(t, sourcetest.Want{}) {
		if e := normalize(body); e.Type != event.Unrecognized {
			seen[strings.ToLower(e.PlatformEvent)] = true
		}
	}
	for trigger := range triggers {
		for _, spelling := range []string{trigger, "access" + trigger} {
			if !seen[spelling] {
				t.Errorf("no golden has %s", spelling)
			}
		}
	}
}

func TestSamples(t *testing.T) {
	sourcetest.CoverSamples(t, New(), func(e *event.Event) bool {
		return e.Request != nil && e.Requester != nil && e.Grantee != nil && e.Window != nil && !e.OccurredAt.IsZero() &&
			len(e.Access) == 2 && len(e.Approvals) == 1
	}, slices.Collect(maps.Values(triggers))...)
}

func BenchmarkNormalize(b *testing.B) { sourcetest.Benchmark(b, New(), "documented_sample") }

func BenchmarkNormalizeOneMiB(b *testing.B) {
	unit := `{"resource":{"id":"res-1","name":"DB 1","path":"prod db/res-1","type":{"name":"Database"}},"permission":{"id":"ReadOnly"}},`
	body := []byte(`{"event_type":"RequestGranted","data":{"access_groups":[{"integration":{"name":"prod db"},"access_units":[` +
		strings.TrimSuffix(strings.Repeat(unit, 1<<20/len(unit)), ",") + `]}]}}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var e event.Event
		New().Normalize(body, &e)
	}
}
