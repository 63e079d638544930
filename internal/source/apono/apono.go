// Package apono reads what Apono sends to a request webhook.
//
// The body is a Handlebars template that the customer can edit, so no fact has
// one type or one place that can be relied on, and event_type alone is required.
// What is read with tolerance, because it can mean but one thing:
//
//   - A text can be a number, and a number a text. Blanks around a text are the
//     template's and do not count; a text that is empty or blank is absent, as
//     {{x}} writes nothing for what is missing. A boolean is no text. The word
//     "null" is one: Handlebars does not write it for what is missing.
//   - {{x}} escapes for HTML. The escapes are undone once, as they were made: the
//     reason "&lt;" arrives as "&amp;lt;" and is "&lt;" again. A template with
//     {{{x}}} escapes nothing; there a text that holds an escape by itself is
//     read wrongly. The body does not tell the two apart; raw has what was sent.
//   - Where the documentation's table says object and its sample has an array,
//     both are read, and "permissions" (table) as "permission" (sample).
//   - A text where an object is documented, as in "integration":
//     "{{integration.name}}", is the name of the thing. One that is a person is
//     the email if it looks like one, else the id, as with every platform; an id that
//     looks like an email address is also the email where that is absent.
//   - Without a data object the facts of a known trigger are looked for at the
//     top, beside event_type. Where there is a data object it alone counts.
//
// The trigger is text, compared without regard to letter case, with or without
// "Access" before it: the triggers are documented as RequestCreated and so on,
// the sample has AccessRequestCreated. What is not in the map is unrecognized, with
// the facts that its data object holds; among them is Manual, which says only
// that somebody pressed a button.
//
//	Apono                        canonical
//	event_type                   platform_event, as sent
//	event_time                   occurred_at
//	data.id                      request.id
//	data.friendly_id             request.display_id
//	data.justification           request.reason
//	data.requester               requester: id, name, email
//	data.grantee                 grantee: id, name, email
//	data.revocation_date         window.ends_at: the planned end
//	data.access_groups[]         access, one for each permission of each access unit:
//	  .integration               integration: id, name, type
//	  .access_units[].resource   resource: id, name, path; type is the name of its
//	                             type object, else that one's id
//	  .access_units[].permission permission: id, name. A unit without one is one
//	                             access; so is a group without units
//	data.approvals[]             approvals: name, type, approver; status Approved,
//	                             Rejected and Pending become approved, denied and
//	                             pending, any other is absent
//
// Times are seconds since 1970 with up to nine decimals, or RFC 3339 text; the
// documentation's "seconds.milliseconds" is not what its samples have. 0, how a date
// that is missing may be written, and what is below it are no time.
//
// What has no row stays in raw. That nobody is named as grantee does not make the
// requester the grantee. creation_date is that of the request, not of the event or
// of the access. A start of the access could only be computed, from
// access_duration_in_seconds, and is not. Nothing says why a request failed, so
// there is no error.
//
// An integration is written once for all its units, and in the event once for each
// access. So that a body cannot make an event many times its size, access ends
// when the texts in it come to 256 KiB and four times the body; raw has the rest.
package apono

import (
	"strings"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// Platform is Apono's dialect.
type Platform struct{}

var _ source.Sampler = Platform{}

// New returns Apono's dialect.
func New() Platform { return Platform{} }

// Name implements [source.Platform].
func (Platform) Name() string { return "apono" }

// Methods implements [source.Platform]: Apono lets its customers choose.
func (Platform) Methods() []string { return []string{"POST", "PUT", "DELETE"} }

// EmptyReply implements [source.Platform]: Apono can be set to look for a value in
// the answer, so there is one.
func (Platform) EmptyReply() bool { return false }

const eventType = "event_type"

// Check implements [source.Platform].
func (Platform) Check(body []byte) error { return source.Envelope(body, eventType) }

// The triggers in lower case and without the "Access" that some come with.
var triggers = map[string]event.Type{
	"requestcreated":  event.RequestPending,
	"requestapproved": event.RequestApproved,
	"requestrejected": event.RequestDenied,
	"requestgranted":  event.GrantActive,
	"requestexpired":  event.GrantExpired,
	"requestrevoked":  event.GrantRevoked,
	"requestfailed":   event.RequestFailed,
}

// Normalize implements [source.Platform].
func (Platform) Normalize(body []byte, e *event.Event) {
	envelope, _ := source.ParseObject(body)
	e.PlatformEvent = text(envelope, eventType)
	e.OccurredAt = moment(envelope, "event_time")
	data := envelope.Object("data")
	var known bool
	if e.Type, known = triggers[strings.TrimPrefix(strings.ToLower(e.PlatformEvent), "access")]; !known {
		e.Type = event.Unrecognized
	} else if data == nil {
		data = envelope
	}
	readFacts(data, len(body), e)
}
