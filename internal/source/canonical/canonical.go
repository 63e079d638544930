// Package canonical holds the platforms of events that are born canonical: those
// that the relay makes itself, and those that are published through its API. No
// source of the file can have either.
package canonical

import (
	"encoding/json"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// The names of the platforms, and of the sources of their events.
const (
	Relay = "relay" // the relay itself
	API   = "api"   // whoever published the event through the API
)

// Own returns the platform of that name if it is one of this package. A source
// of the file may have the same id: what an event's platform is tells them apart.
func Own(name string) (p source.Platform, ok bool) {
	switch name {
	case Relay:
		return New(Relay), true
	case API:
		return Published{}, true
	default:
		return nil, false
	}
}

// Names returns the names that [Own] knows. The slice is the caller's.
func Names() []string { return []string{API, Relay} }

// Platform reads bodies that are the facts of a canonical event as JSON.
type Platform struct{ name string }

var _ source.Platform = Platform{}

// New returns the platform under the name that its events bear.
func New(name string) Platform { return Platform{name} }

// Name implements [source.Platform].
func (p Platform) Name() string { return p.name }

// Methods implements [source.Platform].
func (Platform) Methods() []string { return []string{"POST"} }

// EmptyReply implements [source.Platform].
func (Platform) EmptyReply() bool { return false }

// Check implements [source.Platform].
func (Platform) Check(body []byte) error { return source.Envelope(body, keyType) }

// Normalize implements [source.Platform]. The body says nothing about its own
// identity: who received it when is the caller's to know.
func (Platform) Normalize(body []byte, e *event.Event) {
	var said event.Event
	if err := json.Unmarshal(body, &said); err != nil || !said.Type.Known() {
		e.Type = event.Unrecognized
		return
	}
	adopt(e, said)
}

// adopt takes over what was said, but for who received it when.
func adopt(e *event.Event, said event.Event) {
	said.ID, said.TenantID, said.Source, said.Platform = e.ID, e.TenantID, e.Source, e.Platform
	said.ReceivedAt, said.Raw = e.ReceivedAt, e.Raw
	if said.PlatformEvent == "" {
		said.PlatformEvent = string(said.Type)
	}
	*e = said
}
