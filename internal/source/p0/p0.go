// Package p0 reads what P0 Security sends to a custom notifier.
//
// An event is an envelope of id and name (of the notifier), eventType and data.
// Two shapes of data are understood:
//
//   - a Preapproval, under the eventTypes preapproval-created and
//     preapproval-expired, whatever else data holds;
//   - a PermissionRequest, under any other eventType: P0 describes the object
//     but names no eventType for it, so it is known by its requestId and status.
//
// What decides the type must be there and of the right JSON type: eventType and
// status text that is not empty, requestId text or a number, data an object.
// Else, and for every eventType and status that the maps in this file do not
// have, the event is unrecognized. All other facts are read with tolerance: one
// that is missing, empty or of a wrong type is absent and changes nothing else.
// Words are compared as written: approved is not APPROVED.
//
//	P0                        canonical
//	eventType                 platform_event; of a permission request with its
//	                          status behind a colon: "access-request:DENIED"
//	data.id, data.requestId   request.id
//	data.reason               request.reason
//	data.principal            grantee: email if it looks like one, else id
//	data.requestor            requester, likewise; a preapproval has none
//	data.type                 access[0].integration.type
//	data.access               access[0].resource.type: P0's "access type" is the
//	                          kind of thing: session, role, permission-set, …
//	data.permission           access[0].permission, name and description
//	data.approver             approvals[0].approver, an object or one text; an id that looks like an
//	                          email is also the email where that is absent;
//	                          status approved, but none where the request is
//	                          pending, denied or unrecognized
//	data.startsAt, endsAt     window; milliseconds, numbers or numbers as text;
//	                          0 and less are no time
//	data.error                error: errorId as id, type, message
//
// P0 sends no time of the event itself, so there is no occurred_at: createdAt
// and requestedTimestamp are the object's, and stay in raw as does whatever
// else has no row.
package p0

import (
	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// Platform is P0's dialect.
type Platform struct{}

var _ source.Sampler = Platform{}

// New returns P0's dialect.
func New() Platform { return Platform{} }

// Name implements [source.Platform].
func (Platform) Name() string { return "p0" }

// Methods implements [source.Platform]: P0 sends with POST alone.
func (Platform) Methods() []string { return []string{"POST"} }

// EmptyReply implements [source.Platform]: P0's contract has a 200 without a body.
func (Platform) EmptyReply() bool { return true }

var required = []string{"id", "name", "eventType", "data"}

// Check implements [source.Platform].
func (Platform) Check(body []byte) error { return source.Envelope(body, required...) }

var preapprovals = map[string]event.Type{
	"preapproval-created": event.PreapprovalCreated,
	"preapproval-expired": event.PreapprovalExpired,
}

// The documented statuses, and those with _NOTIFIED that P0's command line
// knows besides. DRAFT is left out on purpose: nobody has asked for anything yet.
var statuses = map[string]event.Type{
	"NEW":               event.RequestPending,
	"PENDING_APPROVAL":  event.RequestPending,
	"APPROVED":          event.RequestApproved,
	"APPROVED_NOTIFIED": event.RequestApproved,
	"STAGED":            event.RequestApproved,
	"DENIED":            event.RequestDenied,
	"DENIED_NOTIFIED":   event.RequestDenied,
	"DONE":              event.GrantActive,
	"DONE_NOTIFIED":     event.GrantActive,
	"ERRORED":           event.RequestFailed,
	"ERRORED_NOTIFIED":  event.RequestFailed,
	"EXPIRY_SUBMITTED":  event.GrantExpired,
	"EXPIRED":           event.GrantExpired,
	"CLEANED_UP":        event.GrantExpired,
	"REVOKE_SUBMITTED":  event.GrantRevoked,
	"REVOKED":           event.GrantRevoked,
}

// Normalize implements [source.Platform].
func (Platform) Normalize(body []byte, e *event.Event) {
	e.Type = event.Unrecognized
	envelope, _ := source.ParseObject(body)
	eventType, ok := envelope.String("eventType")
	if !ok {
		return
	}
	e.PlatformEvent = eventType
	data := envelope.Object("data")
	if data == nil {
		return
	}
	if t, ok := preapprovals[eventType]; ok {
		e.Type = t
		readPreapproval(data, e)
		return
	}
	if status, ok := data.String("status"); ok && data.Text("requestId") != "" {
		e.PlatformEvent = eventType + ":" + status
		if t, ok := statuses[status]; ok {
			e.Type = t
		}
		readPermissionRequest(data, e)
	}
}
