// Package jitsudo reads what a generic webhook channel of JITSudo sends.
//
// JITSudo documents its events and the fields of its API, but not the body that
// its generic webhook has. So the envelope is read with tolerance:
//
//   - the type stands at the top under type, event or event_type. The first of
//     these, in this order, that is one of JITSudo's counts, else the first that is
//     text and not empty;
//   - the time stands at the top under timestamp, occurred_at or event_time. The
//     first of these, in this order, that is a time counts: RFC 3339 with an offset
//     from UTC, or a number, also as text, of seconds or milliseconds since 1970.
//     Which it is only the number can say: the one by which it falls into the years
//     2000 to 2099. A number that does so by neither is no time;
//   - all else stands in the object data, or at the top beside it. Where a key is in
//     both, the one in data counts, unless it is null.
//
// The type must be one of JITSudo's nine, as written; they are the canonical names.
// Any other is unrecognized. All other facts are read with tolerance, also of what is
// unrecognized: one that is missing, empty or of a wrong type is absent and changes
// nothing else.
//
//	JITSudo                   canonical
//	type, event, event_type   platform_event
//	timestamp, occurred_at,
//	event_time                occurred_at
//	request_id                request.id
//	justification             request.reason
//	requester                 requester: text (an email if it looks like one, else
//	                          an id), or an object of id, name and email
//	resource_type             access[0].resource.type
//	resource_id               access[0].resource.id
//	permission_set_arn        access[0].permission.id
//	approver                  approvals[0].approver, read like requester. Its status
//	                          is denied where the request is, approved where it is
//	                          or a grant came of it, else none
//	expires_at                window.ends_at, read like the event's time
//
// There is no window.starts_at: duration_seconds is how long, and nothing says from
// when. It stays in raw, as do grant_id, which is not the request's id, and whatever
// else has no row.
package jitsudo

import (
	"maps"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// Platform is JITSudo's dialect.
type Platform struct{}

var _ source.Sampler = Platform{}

// New returns JITSudo's dialect.
func New() Platform { return Platform{} }

// Name implements [source.Platform].
func (Platform) Name() string { return "jitsudo" }

// Methods implements [source.Platform]. JITSudo names no other method than POST.
func (Platform) Methods() []string { return []string{"POST"} }

// EmptyReply implements [source.Platform]: nothing is said of the 200's body.
func (Platform) EmptyReply() bool { return false }

// The names under which the type and the time may stand, the first that serves counts.
var (
	typeKeys = []string{"type", "event", "event_type"}
	timeKeys = []string{"timestamp", "occurred_at", "event_time"}
)

// Check implements [source.Platform].
func (Platform) Check(body []byte) error { return source.EnvelopeAny(body, typeKeys...) }

// types are JITSudo's events: the canonical types are named after them.
var types = map[string]event.Type{
	"request.pending":     event.RequestPending,
	"request.approved":    event.RequestApproved,
	"request.denied":      event.RequestDenied,
	"request.expired":     event.RequestExpired,
	"request.break_glass": event.RequestBreakGlass,
	"grant.active":        event.GrantActive,
	"grant.expiring_soon": event.GrantExpiringSoon,
	"grant.expired":       event.GrantExpired,
	"grant.revoked":       event.GrantRevoked,
}

// Normalize implements [source.Platform].
func (Platform) Normalize(body []byte, e *event.Event) {
	e.Type = event.Unrecognized
	o, _ := source.ParseObject(body)
	readType(o, e)
	readTime(o, e)
	readFacts(merge(o), e)
}

// readType sets the type. What an envelope calls its type may be its own, such as
// "notification", with the event beside it.
func readType(o source.Object, e *event.Event) {
	for _, key := range typeKeys {
		word, ok := o.String(key)
		if !ok {
			continue
		}
		if t, known := types[word]; known {
			e.Type, e.PlatformEvent = t, word
			return
		}
		if e.PlatformEvent == "" {
			e.PlatformEvent = word
		}
	}
}

func readTime(o source.Object, e *event.Event) {
	for _, key := range timeKeys {
		if at := o.Time(key); !at.IsZero() {
			e.OccurredAt = at
			return
		}
	}
}

// merge returns what stands at the top and in data as one object.
func merge(o source.Object) source.Object {
	data := o.Object("data")
	if data == nil {
		return o
	}
	all := maps.Clone(o)
	for key := range data {
		if data.Has(key) {
			all[key] = data[key]
		}
	}
	return all
}
