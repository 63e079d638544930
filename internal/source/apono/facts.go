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
	e.Requester = data.PersonBy("requester", text)
	e.Grantee = data.PersonBy("grantee", text)
	e.Access = readAccess(data, size)
	e.Approvals = readApprovals(data)
	e.Window = source.Present(event.Window{EndsAt: moment(data, "revocation_date")})
}

func readApprovals(data source.Object) []event.Approval {
	var out []event.Approval
	for in := range parts(data, "approvals") {
		a := event.Approval{
			Name:     text(in, "name"),
			Type:     text(in, "type"),
			Status:   approvalStatus(text(in, "status")),
			Approver: in.PersonBy("approver", text),
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
