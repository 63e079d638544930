// Package canonical is the platform of events that are born canonical: those
// that the relay makes itself.
package canonical

import (
	"encoding/json"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// Relay is the name of the relay as a platform and as a source.
const Relay = "relay"

// Platform reads bodies that are the facts of a canonical event as JSON.
type Platform struct{ name string }

// New returns the platform under the name that its events bear.
func New(name string) Platform { return Platform{name} }

// Name implements [source.Platform].
func (p Platform) Name() string { return p.name }

// Methods implements [source.Platform].
func (Platform) Methods() []string { return []string{"POST"} }

// EmptyReply implements [source.Platform].
func (Platform) EmptyReply() bool { return false }

// Check implements [source.Platform].
func (Platform) Check(body []byte) error { return source.Envelope(body, "type") }

// Normalize implements [source.Platform]. The body says nothing about its own
// identity: who received it when is the caller's to know.
func (Platform) Normalize(body []byte, e *event.Event) {
	var said event.Event
	if err := json.Unmarshal(body, &said); err != nil || !said.Type.Known() {
		e.Type = event.Unrecognized
		return
	}
	said.ID, said.TenantID, said.Source, said.Platform = e.ID, e.TenantID, e.Source, e.Platform
	said.ReceivedAt, said.Raw = e.ReceivedAt, e.Raw
	if said.PlatformEvent == "" {
		said.PlatformEvent = string(said.Type)
	}
	*e = said
}
