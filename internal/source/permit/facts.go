package permit

import (
	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// readUser reads what the three events of a user have. They differ in the keys
// that they are documented with, not in what a key means: each is read with all.
func readUser(o source.Object, e *event.Event) {
	e.Request = source.Present(event.Request{ID: o.Text("user_invite_id")})
	e.Grantee = readGrantee(o)
	tenant := o.Text("tenant_id")
	if tenant == "" {
		tenant = o.Text("tenant_key")
	}
	a := event.Access{
		Integration: source.Present(event.Integration{ID: tenant}),
		Resource:    source.Present(event.Resource{ID: o.Text("resource_instance_key")}),
		Permission:  source.Present(event.Permission{Name: o.Text("role"), Description: o.Text("permission_level")}),
	}
	if a != (event.Access{}) {
		e.Access = []event.Access{a}
	}
}

func readGrantee(o source.Object) *event.Person {
	id, email := o.Text("user_id"), o.Text("email")
	if email == "" {
		return source.Person(id)
	}
	return &event.Person{ID: id, Email: email}
}

// readReview reads an access request or an operation approval. e.Type must be set.
func readReview(o source.Object, kind string, e *event.Event) {
	e.Request = source.Present(event.Request{Reason: o.Text("reason")})
	e.Requester = source.Person(o.Text("requesting_user_id"))
	e.Access = readAccess(readDetails(o, kind))
	e.Approvals = readApprovals(o, e.Type)
}

// readDetails returns the details under the name that fits kind, else under the other.
func readDetails(o source.Object, kind string) source.Object {
	first, second := accessDetails, operationDetails
	if kind == operationApproval {
		first, second = second, first
	}
	if details := o.Object(first); details != nil {
		return details
	}
	return o.Object(second)
}

func readAccess(details source.Object) []event.Access {
	base := event.Access{
		Integration: source.Present(event.Integration{ID: details.Text("tenant")}),
		Resource: source.Present(event.Resource{
			ID:   details.Text("resource_instance"),
			Type: details.Text("resource"),
		}),
	}
	var out []event.Access
	for _, key := range []string{"action", "role"} {
		if name := details.Text(key); name != "" {
			a := base
			a.Permission = &event.Permission{Name: name}
			out = append(out, a)
		}
	}
	if out == nil && base != (event.Access{}) {
		return []event.Access{base}
	}
	return out
}

func readApprovals(o source.Object, t event.Type) []event.Approval {
	a := event.Approval{
		Approver: source.Person(o.Text("reviewer_user_id")),
		Comment:  o.Text("reviewer_comment"),
	}
	if a == (event.Approval{}) {
		return nil
	}
	a.Status = approvalStatus(t)
	return []event.Approval{a}
}

// approvalStatus is the reviewer's part in what became of the request. Who
// cancels one decides nothing about it.
func approvalStatus(t event.Type) string {
	switch t {
	case event.RequestPending, event.OperationPending:
		return "pending"
	case event.RequestApproved, event.OperationApproved:
		return "approved"
	case event.RequestDenied, event.OperationDenied:
		return "denied"
	default:
		return ""
	}
}
