package sourcetest

import (
	"encoding/json"
	"errors"
	"testing"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// FuzzCheck is the whole of a platform's FuzzCheck: what passes is one JSON
// object that has each of the required keys at its top with a value, and what
// does not gets an *EnvelopeError.
func FuzzCheck(f *testing.F, p source.Platform, required ...string) {
	addBodies(f, p)
	f.Fuzz(func(t *testing.T, body []byte) {
		err := p.Check(body)
		var envelope *source.EnvelopeError
		if err != nil && !errors.As(err, &envelope) {
			t.Fatalf("Check: %v is not an *EnvelopeError", err)
		}
		var all map[string]*json.RawMessage // nil for null
		if err == nil && (json.Unmarshal(body, &all) != nil || all == nil) {
			t.Fatal("Check passes what is not an object")
		}
		for _, key := range required {
			if err == nil && all[key] == nil {
				t.Fatalf("Check passes without %s", key)
			}
		}
	})
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
