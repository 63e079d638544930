package jitsudo

import (
	"testing"

	"accessrelay/internal/event"
	"accessrelay/internal/sourcetest"
)

func TestPlatform(t *testing.T) { sourcetest.Run(t, New(), sourcetest.Want{Goldens: 60}) }

func FuzzCheck(f *testing.F) { sourcetest.FuzzCheckAny(f, New(), typeKeys...) }

func FuzzNormalize(f *testing.F) { sourcetest.FuzzNormalize(f, New()) }

func normalize(body string) *event.Event { return sourcetest.Normalize(New(), []byte(body)) }

// Every event is seen in a golden and in a sample, and each sample is more than a type.
func TestGoldensAndSamplesCoverTheTable(t *testing.T) {
	golden, shown := map[string]event.Type{}, map[event.Type]bool{}
	for _, body := range sourcetest.Bodies(t, sourcetest.Want{}) {
		e := normalize(string(body))
		golden[e.PlatformEvent] = e.Type
	}
	for _, s := range New().Samples() {
		shown[s.Event] = true
		e := normalize(string(s.Body("1")))
		if e.Request == nil || e.Requester == nil || len(e.Access) == 0 || e.OccurredAt.IsZero() {
			t.Errorf("%s is not much of an example: %+v", s.Name, e)
		}
	}
	for word, typ := range types {
		if golden[word] != typ {
			t.Errorf("no golden shows that %s is %s", word, typ)
		}
		if !shown[typ] {
			t.Errorf("no sample gives %s", typ)
		}
	}
	if !shown[event.Unrecognized] {
		t.Error("no sample is unrecognized")
	}
}

func BenchmarkNormalize(b *testing.B) {
	body := sourcetest.Golden(b, "grant_active")
	b.ReportAllocs()
	for b.Loop() {
		var e event.Event
		New().Normalize(body, &e)
	}
}
