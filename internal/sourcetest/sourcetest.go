// Package sourcetest is what every platform must pass. A platform's own tests
// add what only it has.
package sourcetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// The identity that [Normalize] gives to every event.
const (
	EventID  = "evt_00000000000000000000000000"
	TenantID = "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11"
)

func receivedAt() time.Time { return time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC) }

// Normalize makes the whole event of body, with an identity that never changes.
func Normalize(p source.Platform, body []byte) *event.Event {
	e := &event.Event{
		ID: EventID, TenantID: TenantID, Source: "acme-" + p.Name(), Platform: p.Name(),
		ReceivedAt: receivedAt(), Raw: body,
	}
	p.Normalize(body, e)
	return e
}

// Want is what a platform's test asks for beyond the rules for all.
type Want struct {
	// Dir holds the goldens; empty: testdata/golden.
	Dir string
	// Goldens is how many there are at least.
	Goldens int
}

// Run tests p by the rules for all platforms.
func Run(t *testing.T, p source.Platform, w Want) {
	t.Helper()
	t.Run("Contract", func(t *testing.T) { checkContract(t, p) })
	t.Run("Golden", func(t *testing.T) { checkGoldens(t, p, w) })
	if s, ok := p.(source.Sampler); ok { // the relay's own platforms have none
		t.Run("Samples", func(t *testing.T) { checkSamples(t, s) })
	}
	t.Run("Refused", func(t *testing.T) { checkRefused(t, p) })
}

var (
	validName   = regexp.MustCompile(`^[a-z0-9]+$`)
	validSample = regexp.MustCompile(`^[a-z-]+$`)
)

func checkContract(t *testing.T, p source.Platform) {
	t.Helper()
	if !validName.MatchString(p.Name()) {
		t.Errorf("the name %q is not of a-z and 0-9", p.Name())
	}
	if !slices.Contains(p.Methods(), "POST") {
		t.Errorf("it does not take POST, only %v", p.Methods())
	}
}

// checkRefused: Normalize is also given what Check refuses, after a roll-back
// say, and Check's errors show nothing of what was sent.
func checkRefused(t *testing.T, p source.Platform) {
	t.Helper()
	for _, body := range []string{``, ` `, `null`, `[]`, `"hunter2"`, `{`, `[{}]`, `1`, `{"hunter2":1`, "{\"hunter2\":\"\xff\"}", "\xef\xbb\xbf{}"} {
		err := p.Check([]byte(body))
		var envelope *source.EnvelopeError
		switch {
		case !errors.As(err, &envelope):
			t.Errorf("Check(%q): %v, want an *EnvelopeError", body, err)
		case bytes.Contains([]byte(err.Error()), []byte("hunter2")):
			t.Errorf("Check(%q) quotes the body: %v", body, err)
		}
		e := Normalize(p, []byte(body))
		if e.Type != event.Unrecognized {
			t.Errorf("%q gives %s", body, e.Type)
		}
		checkIdentity(t, p, []byte(body), e)
	}
}

// checkIdentity: who received what when is the caller's.
func checkIdentity(t *testing.T, p source.Platform, body []byte, e *event.Event) {
	t.Helper()
	if e.ID != EventID || e.TenantID != TenantID || e.Source != "acme-"+p.Name() || e.Platform != p.Name() ||
		!e.ReceivedAt.Equal(receivedAt()) || !bytes.Equal(e.Raw, body) {
		t.Errorf("the identity or raw was changed: %+v", e)
	}
}

func checkSamples(t *testing.T, p source.Sampler) {
	t.Helper()
	names := map[string]bool{}
	for _, s := range p.Samples() {
		t.Run(s.Name, func(t *testing.T) {
			if names[s.Name] || !validSample.MatchString(s.Name) {
				t.Errorf("the name %q is there twice or cannot be typed", s.Name)
			}
			names[s.Name] = true
			body := s.Body("7f3a")
			if err := p.Check(body); err != nil {
				t.Fatalf("Check: %v", err)
			}
			if e := Normalize(p, body); e.Type != s.Event {
				t.Errorf("it gives %s, and claims %s", e.Type, s.Event)
			}
			checkUnique(t, s)
		})
	}
	if len(names) == 0 {
		t.Error("there are none")
	}
}

func checkUnique(t *testing.T, s source.Sample) {
	t.Helper()
	odd := `q"uo\te` + "\n😀"
	one, again := s.Body("1"), s.Body("1")
	if !bytes.Equal(one, again) {
		t.Error("one unique text gives two bodies")
	}
	prints := map[string]bool{}
	for _, b := range [][]byte{one, s.Body("2"), s.Body(odd)} {
		f, err := event.Fingerprint(b)
		if err != nil {
			t.Fatal(err)
		}
		prints[f] = true
	}
	if len(prints) != 3 {
		t.Error("two unique texts give one event")
	}
}

// CoverSamples fails t unless some sample of p becomes each of types, and one is
// unrecognized; and unless each becomes an event that tells more than its type, as
// full says.
func CoverSamples(t *testing.T, p source.Sampler, full func(*event.Event) bool, types ...event.Type) {
	t.Helper()
	shown := map[event.Type]bool{}
	for _, s := range p.Samples() {
		e := Normalize(p, s.Body("1"))
		shown[e.Type] = true
		if !full(e) {
			t.Errorf("%s is not much of an example: %+v", s.Name, e)
		}
	}
	for _, typ := range append(types, event.Unrecognized) {
		if !shown[typ] {
			t.Errorf("no sample gives %s", typ)
		}
	}
}

// Benchmark is the whole of a platform's BenchmarkNormalize: what the body of the
// golden of that name, without .txt, costs.
func Benchmark(b *testing.B, p source.Platform, golden string) {
	b.Helper()
	body := Golden(b, golden)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var e event.Event
		p.Normalize(body, &e)
	}
}

// decode keeps numbers as they are written.
func decode(tb testing.TB, body []byte) (v any) {
	tb.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		tb.Fatal(err)
	}
	return v
}

func equalJSON(tb testing.TB, a, b []byte) bool {
	tb.Helper()
	return reflect.DeepEqual(decode(tb, a), decode(tb, b))
}
