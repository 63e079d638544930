package permit

import (
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

// Every type that comes of Permit has a sample, and each sample of a known type is
// more than a type.
func TestSamples(t *testing.T) {
	shown := map[event.Type]bool{event.Unrecognized: false}
	for _, typ := range users {
		shown[typ] = false
	}
	for _, kinds := range statuses {
		for _, typ := range kinds {
			shown[typ] = false
		}
	}
	for _, s := range New().Samples() {
		shown[s.Event] = true
		e := normalize(string(s.Body("1")))
		if s.Event != event.Unrecognized && (len(e.Access) == 0 || e.Grantee == nil && e.Requester == nil) {
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
	body := sourcetest.Golden(b, "access_request_approved_documented")
	b.ReportAllocs()
	for b.Loop() {
		var e event.Event
		New().Normalize(body, &e)
	}
}
