package generic

import (
	"encoding/json"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// fact is one that a source can point at: a key of the canonical event, with the
// key of a list standing for its only element.
type fact struct {
	name string
	set  func(e *event.Event, raw json.RawMessage)
	// sample is what stands there in a sample.
	sample string
}

// reading is a fact and where a source has it.
type reading struct {
	fact fact
	path *path
}

// facts are all there are, in the order in which an event has them.
var facts = []fact{
	moment("occurred_at", sampleAt, func(e *event.Event) *time.Time { return &e.OccurredAt }),
	word("request.id", "req-1", func(e *event.Event) *string { return &there(&e.Request).ID }),
	word("request.display_id", "REQ-1", func(e *event.Event) *string { return &there(&e.Request).DisplayID }),
	word("request.reason", "Fix the replication lag", func(e *event.Event) *string { return &there(&e.Request).Reason }),
	word("request.url", "https://access.example.com/requests/1", func(e *event.Event) *string { return &there(&e.Request).URL }),
	word("requester.id", "u-17", func(e *event.Event) *string { return &there(&e.Requester).ID }),
	word("requester.name", "On-call engineer", func(e *event.Event) *string { return &there(&e.Requester).Name }),
	word("requester.email", "on-call-engineer@example.com", func(e *event.Event) *string { return &there(&e.Requester).Email }),
	word("grantee.id", "u-17", func(e *event.Event) *string { return &there(&e.Grantee).ID }),
	word("grantee.name", "On-call engineer", func(e *event.Event) *string { return &there(&e.Grantee).Name }),
	word("grantee.email", "on-call-engineer@example.com", func(e *event.Event) *string { return &there(&e.Grantee).Email }),
	word("integration.id", "int-1", func(e *event.Event) *string { return &there(&access(e).Integration).ID }),
	word("integration.name", "Production", func(e *event.Event) *string { return &there(&access(e).Integration).Name }),
	word("integration.type", "aws", func(e *event.Event) *string { return &there(&access(e).Integration).Type }),
	word("resource.id", "db-1", func(e *event.Event) *string { return &there(&access(e).Resource).ID }),
	word("resource.name", "db-primary-1", func(e *event.Event) *string { return &there(&access(e).Resource).Name }),
	word("resource.path", "production/db-primary-1", func(e *event.Event) *string { return &there(&access(e).Resource).Path }),
	word("resource.type", "database", func(e *event.Event) *string { return &there(&access(e).Resource).Type }),
	word("permission.id", "perm-1", func(e *event.Event) *string { return &there(&access(e).Permission).ID }),
	word("permission.name", "DatabaseAdmin", func(e *event.Event) *string { return &there(&access(e).Permission).Name }),
	word("permission.description", "DatabaseAdmin in production", func(e *event.Event) *string { return &there(&access(e).Permission).Description }),
	word("approver.id", "u-4", func(e *event.Event) *string { return &there(&approval(e).Approver).ID }),
	word("approver.name", "Security approver", func(e *event.Event) *string { return &there(&approval(e).Approver).Name }),
	word("approver.email", "security-approver@example.com", func(e *event.Event) *string { return &there(&approval(e).Approver).Email }),
	word("approval.comment", "Until the lag is gone", func(e *event.Event) *string { return &approval(e).Comment }),
	moment("window.starts_at", sampleAt, func(e *event.Event) *time.Time { return &there(&e.Window).StartsAt }),
	moment("window.ends_at", "2026-01-15T13:30:00Z", func(e *event.Event) *time.Time { return &there(&e.Window).EndsAt }),
	word("error.id", "err-1", func(e *event.Event) *string { return &there(&e.Error).ID }),
	word("error.type", "internal", func(e *event.Event) *string { return &there(&e.Error).Type }),
	word("error.message", "The role is not assigned to this account", func(e *event.Event) *string { return &there(&e.Error).Message }),
}

// word is a fact that is a text; a number counts as written.
func word(name, sample string, in func(*event.Event) *string) fact {
	return fact{name: name, sample: sample, set: func(e *event.Event, raw json.RawMessage) {
		*in(e) = text(raw)
	}}
}

// moment is a fact that is a time, in one of the forms of [source.Object.Time]. One
// that cannot be read is absent.
func moment(name, sample string, in func(*event.Event) *time.Time) fact {
	return fact{name: name, sample: sample, set: func(e *event.Event, raw json.RawMessage) {
		if t := (source.Object{"": raw}).Time(""); !t.IsZero() {
			*in(e) = t
		}
	}}
}

// there returns what *p points to, made if it is not there yet.
func there[T any](p **T) *T {
	if *p == nil {
		*p = new(T)
	}
	return *p
}

func access(e *event.Event) *event.Access {
	if len(e.Access) == 0 {
		e.Access = make([]event.Access, 1)
	}
	return &e.Access[0]
}

func approval(e *event.Event) *event.Approval {
	if len(e.Approvals) == 0 {
		e.Approvals = make([]event.Approval, 1)
	}
	return &e.Approvals[0]
}

func factNames() []string {
	out := make([]string, len(facts))
	for i, f := range facts {
		out[i] = f.name
	}
	return out
}
