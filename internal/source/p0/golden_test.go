package p0

import (
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
	seen := map[string]event.Type{}
	for _, body := range sourcetest.Bodies(t, sourcetest.Want{}) {
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

// Every type that comes of P0 has a sample, and each sample is more than a type.
func TestSamples(t *testing.T) {
	shown := map[event.Type]bool{event.Unrecognized: false}
	for _, table := range []map[string]event.Type{statuses, preapprovals} {
		for _, typ := range table {
			shown[typ] = false
		}
	}
	for _, s := range New().Samples() {
		shown[s.Event] = true
		if e := normalize(s.Body("1")); e.Request == nil || e.Grantee == nil || len(e.Access) == 0 {
			t.Errorf("%s is not much of an example: %+v", s.Name, e)
		}
	}
	for typ, ok := range shown {
		if !ok {
			t.Errorf("no sample gives %s", typ)
		}
	}
}

func BenchmarkNormalize(b *testing.B) {
	body := sourcetest.Golden(b, "preapproval_created_documented")
	b.ReportAllocs()
	for b.Loop() {
		var e event.Event
		New().Normalize(body, &e)
	}
}
