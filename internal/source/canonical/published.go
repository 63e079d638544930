package canonical

import (
	"strings"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// Published is the platform of events that are published through the API:
//
//	{"type":"grant.revoked","timestamp":"2026-01-15T09:30:00Z","data":{…}}
//
// It is the shape in which the relay tells others of an event, so that what one
// relay sends another can take in. data has the keys of [event.Event]:
//
//	body                      canonical
//	type                      type: one of [Types]
//	timestamp                 occurred_at
//	data.occurred_at          occurred_at, where there is no timestamp
//	data.platform_event       platform_event; without it the type
//	data.request … data.error as they are; what is empty is absent
//	data.id, tenant_id,       nothing: who received the event when, and as what, is
//	source, platform,         the relay's to say. They stay in raw
//	received_at, raw
//
// [Read] is strict and is asked before an event is accepted. Normalize gives the
// same for all that Read takes. Of anything else it takes the type and what fits;
// without a type that can be published, or with data that is no object, the event
// is unrecognized.
type Published struct{}

var _ source.Platform = Published{}

// Name implements [source.Platform].
func (Published) Name() string { return API }

// Methods implements [source.Platform].
func (Published) Methods() []string { return []string{"POST"} }

// EmptyReply implements [source.Platform].
func (Published) EmptyReply() bool { return false }

// Check implements [source.Platform]. [Read] asks for more.
func (Published) Check(body []byte) error { return source.Envelope(body, keyType) }

// Normalize implements [source.Platform].
func (Published) Normalize(body []byte, e *event.Event) {
	e.Type = event.Unrecognized
	if source.Envelope(body) != nil {
		return
	}
	said, bad := read(body)
	e.PlatformEvent = string(said.Type)
	if refusal(said.Type) != "" || bad[keyData] != "" {
		return
	}
	adopt(e, said)
}

// Types returns the types that can be published, in a fixed order. The slice is
// the caller's.
func Types() []event.Type {
	var out []event.Type
	for _, t := range event.Types() {
		if refusal(t) == "" {
			out = append(out, t)
		}
	}
	return out
}

// refusal says why t cannot be published, or "".
func refusal(t event.Type) string {
	switch {
	case t == "":
		return "is required"
	case t == event.Test, strings.HasPrefix(string(t), Relay+"."):
		return "is the relay's own: only the relay itself tells of it"
	case t == event.Unrecognized:
		return "is what the relay calls an event that it cannot read; give the type of what happened"
	case !t.Known():
		return "is not a type of event; the types are " + join(Types())
	default:
		return ""
	}
}
