// Package generic reads the webhooks of platforms that this build does not know:
// each source says where in the body an event's type and facts stand.
//
//	the source's settings     canonical
//	event_type                platform_event: the first text or number that the path
//	                          finds; and the type, if it is the name of one
//	event_types               the type of those that are not
//	fields                    the facts of that name; without it there are none
//
// A value that neither names a type nor stands in event_types is unrecognized. The
// relay's own types cannot be had: they say what the relay does.
//
// Of several places that a path leads to, the first that holds a text that is not
// empty, or a number, counts: the first as the body is written.
//
// Paths are read by this package, not by a library, because they are looked up before
// the 200 and must not cost more than linear work: docs/dependencies.md has figures.
package generic

import (
	"encoding/json"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// Platform is a platform as one source describes it. The zero Platform knows
// nothing about its events: each is unrecognized.
type Platform struct {
	eventType *path // nil: not configured
	types     map[string]event.Type
	facts     []reading
}

var (
	_ source.Sampler      = Platform{}
	_ source.Configurable = Platform{}
)

// New returns the platform as it is before a source configures it. It still takes
// the events of a source that has left the file.
func New() Platform { return Platform{} }

// Name implements [source.Platform].
func (Platform) Name() string { return "generic" }

// Methods implements [source.Platform].
func (Platform) Methods() []string { return []string{"POST"} }

// EmptyReply implements [source.Platform].
func (Platform) EmptyReply() bool { return false }

// Check implements [source.Platform]: what event_type points at must be there. The
// error's field is the path.
func (p Platform) Check(body []byte) error {
	if err := source.Envelope(body); err != nil || p.eventType == nil {
		return err
	}
	if !p.eventType.find(body).any {
		return &source.EnvelopeError{Field: p.eventType.text, Reason: "required, but missing or null"}
	}
	return nil
}

// Normalize implements [source.Platform].
func (p Platform) Normalize(body []byte, e *event.Event) {
	e.Type = event.Unrecognized
	if p.eventType == nil || source.Envelope(body) != nil { // a path is looked up only in what is valid
		return
	}
	e.PlatformEvent = text(p.eventType.first(body))
	if t, ok := p.typeOf(e.PlatformEvent); ok {
		e.Type = t
	}
	for _, r := range p.facts {
		if raw := r.path.first(body); raw != nil {
			r.fact.set(e, raw)
		}
	}
}

// typeOf returns what the source's word for a type means.
func (p Platform) typeOf(word string) (event.Type, bool) {
	if t := event.Type(word); ofPlatforms(t) {
		return t, true
	}
	t, ok := p.types[word]
	return t, ok
}

// ofPlatforms reports whether t is a type that a platform can announce.
func ofPlatforms(t event.Type) bool {
	return t.Known() && t != event.Test && t != event.ChannelDisabled
}

// text returns a JSON text or number as the text it is. It is "" for nil.
func text(raw json.RawMessage) string { return source.Object{"": raw}.Text("") }
