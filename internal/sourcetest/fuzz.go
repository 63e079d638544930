package sourcetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// FuzzCheck is the whole of a platform's FuzzCheck, if its Check is
// [source.Envelope] or as good as that: what passes is one JSON object that has
// each of the required keys at its top with a value, and all that does passes.
func FuzzCheck(f *testing.F, p source.Platform, required ...string) {
	fuzzCheck(f, p, required, func(has func(key string) bool) bool {
		return !slices.ContainsFunc(required, func(key string) bool { return !has(key) })
	})
}

// FuzzCheckAny is [FuzzCheck] for a Check that is [source.EnvelopeAny]: one of the
// keys is required.
func FuzzCheckAny(f *testing.F, p source.Platform, names ...string) {
	fuzzCheck(f, p, names, func(has func(key string) bool) bool { return slices.ContainsFunc(names, has) })
}

// fuzzCheck also tests that what does not pass gets an *EnvelopeError.
func fuzzCheck(f *testing.F, p source.Platform, keys []string, enough func(has func(key string) bool) bool) {
	f.Helper()
	addBodies(f, p)
	for _, levels := range []int{maxDepth - 1, maxDepth} { // within the body's own
		deep := `{"":` + strings.Repeat("[", levels) + strings.Repeat("]", levels)
		for _, key := range keys {
			deep += fmt.Sprintf(",%q:0", key)
		}
		f.Add([]byte(deep + "}"))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := p.Check(body)
		var envelope *source.EnvelopeError
		if err != nil && !errors.As(err, &envelope) {
			t.Fatalf("Check: %v is not an *EnvelopeError", err)
		}
		var all map[string]*json.RawMessage // nil for null
		object := utf8.Valid(body) && json.Unmarshal(body, &all) == nil && all != nil && depth(body) <= maxDepth
		want := object && enough(func(key string) bool { return all[key] != nil })
		if want != (err == nil) {
			t.Fatalf("Check: %v; decoding the body says %t", err, want)
		}
	})
}

// maxDepth is how deep a body may nest: see [source.Envelope].
const maxDepth = 9900

// depth returns how deep body nests, which must be valid JSON.
func depth(body []byte) int {
	now, most := 0, 0
	for dec := json.NewDecoder(bytes.NewReader(body)); ; {
		switch token, err := dec.Token(); {
		case err != nil: // the end
			return most
		case token == json.Delim('{') || token == json.Delim('['):
			now++
			most = max(most, now)
		case token == json.Delim('}') || token == json.Delim(']'):
			now--
		}
	}
}

// FuzzNormalize is the whole of a platform's FuzzNormalize: whatever passes Check
// gives one event of a known type that can be written, with an identity that is
// the caller's, and with all that was sent.
func FuzzNormalize(f *testing.F, p source.Platform) {
	addBodies(f, p)
	f.Fuzz(func(t *testing.T, body []byte) {
		e := Normalize(p, body)
		if !e.Type.Known() {
			t.Fatalf("type %q", e.Type)
		}
		checkIdentity(t, p, body, e)
		if p.Check(body) != nil {
			return
		}
		var back struct{ Raw json.RawMessage }
		if err := json.Unmarshal(marshal(t, e), &back); err != nil {
			t.Fatal(err)
		}
		sent, err := event.Fingerprint(body)
		if err != nil {
			t.Fatal(err)
		}
		if kept, err := event.Fingerprint(back.Raw); err != nil || kept != sent {
			t.Fatalf("raw is not what was sent: %v\n%s\n%s", err, back.Raw, body)
		}
		if !equalJSON(t, back.Raw, body) {
			t.Fatalf("raw is not what was sent:\n%s\n%s", back.Raw, body)
		}
	})
}

func addBodies(f *testing.F, p source.Platform) {
	f.Helper()
	for _, body := range Bodies(f, Want{}) {
		f.Add(body)
	}
	if p, ok := p.(source.Sampler); ok {
		for _, s := range p.Samples() {
			f.Add(s.Body("1"))
		}
	}
	f.Add([]byte(`{"id":1,"type":2,"event_type":3,"eventType":[],"data":{}}`))
}
