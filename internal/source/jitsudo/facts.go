package jitsudo

import (
	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// readFacts reads what o, the body as one object, says. e.Type must be set.
func readFacts(o source.Object, e *event.Event) {
	e.Request = source.Present(event.Request{ID: o.Text("request_id"), Reason: o.Text("justification")})
	e.Requester = o.Person("requester")
	e.Access = readAccess(o)
	if approver := o.Person("approver"); approver != nil {
		e.Approvals = []event.Approval{{Status: approvalStatus(e.Type), Approver: approver}}
	}
	e.Window = source.Present(event.Window{EndsAt: o.Time("expires_at")})
}

func readAccess(o source.Object) []event.Access {
	a := event.Access{
		Resource:   source.Present(event.Resource{ID: o.Text("resource_id"), Type: o.Text("resource_type")}),
		Permission: source.Present(event.Permission{ID: o.Text("permission_set_arn")}),
	}
	if a == (event.Access{}) {
		return nil
	}
	return []event.Access{a}
}

// approvalStatus is what the presence of an approver means. While a request is
// pending, when nobody answered in time, and when the glass was broken, nobody has
// approved, whoever is named.
func approvalStatus(t event.Type) string {
	switch t {
	case event.RequestDenied:
		return "denied"
	case event.RequestApproved, event.GrantActive, event.GrantExpiringSoon, event.GrantExpired, event.GrantRevoked:
		return "approved"
	default:
		return ""
	}
}
