package p0

import (
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

func readPreapproval(data source.Object, e *event.Event) {
	e.Request = readRequest(data, "id")
	readCommon(data, e)
}

func readPermissionRequest(data source.Object, e *event.Event) {
	e.Request = readRequest(data, "requestId")
	e.Requester = source.Person(data.Text("requestor"))
	readCommon(data, e)
}

// readCommon reads what both shapes have, and what only one is documented to
// have but the other may come to.
func readCommon(data source.Object, e *event.Event) {
	e.Grantee = source.Person(data.Text("principal"))
	e.Access = readAccess(data)
	e.Approvals = readApprovals(data, e.Type)
	e.Window = readWindow(data)
	e.Error = readError(data)
}

func readRequest(data source.Object, idKey string) *event.Request {
	return source.Present(event.Request{ID: data.Text(idKey), Reason: data.Text("reason")})
}

func readAccess(data source.Object) []event.Access {
	permission := data.Object("permission")
	a := event.Access{
		Integration: source.Present(event.Integration{Type: data.Text("type")}),
		Resource:    source.Present(event.Resource{Type: data.Text("access")}),
		Permission: source.Present(event.Permission{
			Name:        permission.Text("name"),
			Description: permission.Text("description"),
		}),
	}
	if a == (event.Access{}) {
		return nil
	}
	return []event.Access{a}
}

func readApprovals(data source.Object, t event.Type) []event.Approval {
	approver := data.Person("approver")
	if approver == nil {
		return nil
	}
	return []event.Approval{{Status: approvalStatus(t), Approver: approver}}
}

// approvalStatus is what the presence of an approver means. P0 describes it as
// who approved, but says no more; where the request's status speaks against an
// approval, or says nothing, none is claimed.
func approvalStatus(t event.Type) string {
	switch t {
	case event.RequestPending, event.RequestDenied, event.Unrecognized:
		return ""
	default:
		return "approved"
	}
}

func readWindow(data source.Object) *event.Window {
	return source.Present(event.Window{
		StartsAt: data.Epoch("startsAt", time.Millisecond),
		EndsAt:   data.Epoch("endsAt", time.Millisecond),
	})
}

func readError(data source.Object) *event.Failure {
	failure := data.Object("error")
	return source.Present(event.Failure{
		ID:      failure.Text("errorId"),
		Type:    failure.Text("type"),
		Message: failure.Text("message"),
	})
}
