// Package event holds the canonical event: what every platform's webhook is
// turned into, what every channel is told, and the record of who was told.
// It knows no platform, no channel type, no network and no store.
package event

import (
	"encoding/json"
	"time"
)

// Type names what happened. The set is closed: see [Types].
type Type string

// The canonical types. Request* follow an access request, Grant* the access
// that came of it, Preapproval*, User* and Operation* the rest of what the
// platforms announce.
const (
	RequestPending     Type = "request.pending"
	RequestApproved    Type = "request.approved"
	RequestDenied      Type = "request.denied"
	RequestExpired     Type = "request.expired"
	RequestCancelled   Type = "request.cancelled"
	RequestFailed      Type = "request.failed"
	RequestBreakGlass  Type = "request.break_glass"
	GrantActive        Type = "grant.active"
	GrantExpiringSoon  Type = "grant.expiring_soon"
	GrantExpired       Type = "grant.expired"
	GrantRevoked       Type = "grant.revoked"
	GrantFailed        Type = "grant.failed"
	PreapprovalCreated Type = "preapproval.created"
	PreapprovalExpired Type = "preapproval.expired"
	UserCreated        Type = "user.created"
	UserInvited        Type = "user.invited"
	UserRoleAssigned   Type = "user.role_assigned"
	OperationPending   Type = "operation.pending"
	OperationApproved  Type = "operation.approved"
	OperationDenied    Type = "operation.denied"
	OperationCancelled Type = "operation.cancelled"

	// Unrecognized is an authenticated event that no mapping understands. It is
	// delivered with its raw payload, never dropped.
	Unrecognized Type = "unrecognized"

	// Test and ChannelDisabled are the relay's own.
	Test            Type = "test"
	ChannelDisabled Type = "relay.channel_disabled"
)

var types = []Type{
	RequestPending, RequestApproved, RequestDenied, RequestExpired, RequestCancelled,
	RequestFailed, RequestBreakGlass,
	GrantActive, GrantExpiringSoon, GrantExpired, GrantRevoked, GrantFailed,
	PreapprovalCreated, PreapprovalExpired,
	UserCreated, UserInvited, UserRoleAssigned,
	OperationPending, OperationApproved, OperationDenied, OperationCancelled,
	Unrecognized, Test, ChannelDisabled,
}

// Types returns every canonical type, in a fixed order. The slice is the caller's.
func Types() []Type { return append([]Type(nil), types...) }

// Known reports whether t is one of [Types].
func (t Type) Known() bool {
	for _, k := range types {
		if t == k {
			return true
		}
	}
	return false
}

// Event is the canonical event. An absent fact is a zero field and an absent
// key in JSON, never an empty string. Times are in UTC.
type Event struct {
	ID            string          `json:"id"`
	Type          Type            `json:"type"`
	TenantID      string          `json:"tenant_id"`
	Source        string          `json:"source"`
	Platform      string          `json:"platform"`
	PlatformEvent string          `json:"platform_event,omitempty"`
	OccurredAt    time.Time       `json:"occurred_at,omitzero"`
	ReceivedAt    time.Time       `json:"received_at"`
	Request       *Request        `json:"request,omitempty"`
	Requester     *Person         `json:"requester,omitempty"`
	Grantee       *Person         `json:"grantee,omitempty"`
	Access        []Access        `json:"access,omitempty"`
	Approvals     []Approval      `json:"approvals,omitempty"`
	Window        *Window         `json:"window,omitempty"`
	Error         *Failure        `json:"error,omitempty"`
	Raw           json.RawMessage `json:"raw,omitempty"`
}

// At is the time to show and to sign with: when it happened if the platform
// said so, else when it was received.
func (e *Event) At() time.Time {
	if !e.OccurredAt.IsZero() {
		return e.OccurredAt
	}
	return e.ReceivedAt
}

// Request is the access request, preapproval or operation that the event is about.
type Request struct {
	ID        string `json:"id,omitempty"`
	DisplayID string `json:"display_id,omitempty"`
	Reason    string `json:"reason,omitempty"`
	URL       string `json:"url,omitempty"`
}

// Person is somebody as a platform names them.
type Person struct {
	ID    string `json:"id,omitempty"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

// Label is the most readable of the person's names, or "" if there is none.
func (p *Person) Label() string {
	switch {
	case p == nil:
		return ""
	case p.Name != "":
		return p.Name
	case p.Email != "":
		return p.Email
	default:
		return p.ID
	}
}

// Access is one thing asked for or granted: a permission on a resource of an integration.
type Access struct {
	Integration *Integration `json:"integration,omitempty"`
	Resource    *Resource    `json:"resource,omitempty"`
	Permission  *Permission  `json:"permission,omitempty"`
}

// Integration is the connected system that holds the resource.
type Integration struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	Type string `json:"type,omitempty"`
}

// Resource is what access is to.
type Resource struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	Path string `json:"path,omitempty"`
	Type string `json:"type,omitempty"`
}

// Permission is what may be done with the resource.
type Permission struct {
	ID          string `json:"id,omitempty"`
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
}

// Approval is one approver's part in the decision.
type Approval struct {
	Name     string  `json:"name,omitempty"`
	Type     string  `json:"type,omitempty"`
	Status   string  `json:"status,omitempty"` // approved, denied or pending where the platform says so
	Approver *Person `json:"approver,omitempty"`
	Comment  string  `json:"comment,omitempty"`
}

// Window is when the access holds.
type Window struct {
	StartsAt time.Time `json:"starts_at,omitzero"`
	EndsAt   time.Time `json:"ends_at,omitzero"`
}

// Failure is what went wrong on the platform's side.
type Failure struct {
	ID      string `json:"id,omitempty"`
	Type    string `json:"type,omitempty"`
	Message string `json:"message,omitempty"`
}

// UnixMilli converts epoch milliseconds to a UTC time. It reports false for a
// time that RFC 3339 cannot write (a year outside 1 to 9999), which
// [time.Time.MarshalJSON] would refuse.
func UnixMilli(ms int64) (time.Time, bool) {
	const year1, year10000 = -62135596800000, 253402300800000
	if ms < year1 || ms >= year10000 {
		return time.Time{}, false
	}
	return time.UnixMilli(ms).UTC(), true
}
