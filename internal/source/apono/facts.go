package apono

import (
	"strings"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// readFacts fills e with what data, part of a body of size bytes, holds.
func readFacts(data source.Object, size int, e *event.Event) {
	e.Request = source.Present(event.Request{
		ID:        text(data, "id"),
		DisplayID: text(data, "friendly_id"),
		Reason:    text(data, "justification"),
	})
	e.Requester = readPerson(data, "requester")
	e.Grantee = readPerson(data, "grantee")
	e.Access = readAccess(data, size)
	e.Approvals = readApprovals(data)
	e.Window = source.Present(event.Window{EndsAt: moment(data, "revocation_date")})
}

func readPerson(o source.Object, key string) *event.Person {
	in := o.Object(key)
	if in == nil {
		return source.Person(text(o, key))
	}
	p := event.Person{ID: text(in, "id"), Name: text(in, "name"), Email: text(in, "email")}
	if p.Email == "" && source.LooksLikeEmail(p.ID) {
		p.Email = p.ID
	}
	return source.Present(p)
}

func readApprovals(data source.Object) []event.Approval {
	var out []event.Approval
	for in := range parts(data, "approvals") {
		a := event.Approval{
			Name:     text(in, "name"),
			Type:     text(in, "type"),
			Status:   approvalStatus(text(in, "status")),
			Approver: readPerson(in, "approver"),
		}
		if a != (event.Approval{}) {
			out = append(out, a)
		}
	}
	return out
}

func approvalStatus(word string) string {
	switch strings.ToLower(word) {
	case "approved":
		return "approved"
	case "rejected":
		return "denied"
	case "pending":
		return "pending"
	default:
		return ""
	}
}
