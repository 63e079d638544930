// Package permit reads what Permit.io Elements send to the webhook of an element.
//
// A body is flat and need not say what it is. What it is about is, in this order:
//
//   - what type says: create_user, invite_user, role_assignment, access_request or
//     operation_approval. Any other type, also one that is not text, is
//     unrecognized;
//   - without a type, or with one that is null or "", an access request if
//     access_request_details is an object, an operation approval if
//     operation_approval_details is one. Neither, or both, is unrecognized: of both
//     nothing says which is meant.
//
// So type wins over the details: Permit's SDK also sends an operation approval as
// access_request_details with the type operation_approval. Details are read under
// the name that fits the type, else under the other.
//
// Of access requests and operation approvals status decides the rest; it must be
// one of the texts in the map of this file, as written: null and Approved are
// unrecognized. All other facts are read with tolerance: one that is missing, empty
// or of a wrong type is absent and changes nothing else. Of what is neither of the
// five no facts are read: nobody knows what its keys mean.
//
//	Permit                    canonical
//	type                      platform_event. Where there is none, its own word for
//	                          what the details are; in both cases with the status,
//	                          if it is text, behind a colon: "access_request:denied"
//	email, user_id            grantee: a user_id that looks like an email and
//	                          stands alone is the email, else the id
//	user_invite_id            request.id
//	tenant_key, tenant_id     access[0].integration.id: a tenant is the part of the
//	                          application in which the rest holds
//	resource_instance_key     access[0].resource.id
//	role                      access[0].permission.name
//	permission_level          access[0].permission.description: how far it goes
//	requesting_user_id        requester: email if it looks like one, else id
//	reason                    request.reason
//	reviewer_user_id          approvals[0].approver, likewise
//	reviewer_comment          approvals[0].comment
//	status                    approvals[0].status, if there is a reviewer or comment:
//	                          pending, approved or denied, none of anything else
//	details.tenant            access[].integration.id
//	details.resource          access[].resource.type
//	details.resource_instance access[].resource.id
//	details.action, .role     access[].permission.name; with both there are two, the
//	                          action's first: each was asked for
//
// Permit sends no time and no id of the event, so there is no occurred_at, and no
// request.id but that of an invitation. Two events alike are one to the relay if
// they come within the source's dedup_window.
//
// A failed synchronisation of a PDP, a body of org_id, project_id, env_id and
// pdp_ids, is unrecognized like all that has neither type nor details.
package permit

import (
	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// Platform is the dialect of Permit.io Elements.
type Platform struct{}

var _ source.Sampler = Platform{}

// New returns the dialect of Permit.io Elements.
func New() Platform { return Platform{} }

// Name implements [source.Platform].
func (Platform) Name() string { return "permit" }

// Methods implements [source.Platform]: Permit sends with POST alone.
func (Platform) Methods() []string { return []string{"POST"} }

// EmptyReply implements [source.Platform]: Permit asks for a 200, and nothing of its body.
func (Platform) EmptyReply() bool { return false }

// Check implements [source.Platform]: no key is in every body.
func (Platform) Check(body []byte) error { return source.Envelope(body) }

// The types of what has a status, and where the details of each stand.
const (
	accessRequest     = "access_request"
	operationApproval = "operation_approval"

	accessDetails    = accessRequest + "_details"
	operationDetails = operationApproval + "_details"
)

// users are the types of what happens to a user.
var users = map[string]event.Type{
	"create_user":     event.UserCreated,
	"invite_user":     event.UserInvited,
	"role_assignment": event.UserRoleAssigned,
}

// statuses are those of an access request and of an operation approval. Permit's
// schema has pending, approved, denied and canceled, its REST examples deny and
// cancel. The other spelling of canceled can mean nothing else.
var statuses = map[string]map[string]event.Type{
	"pending":   {accessRequest: event.RequestPending, operationApproval: event.OperationPending},
	"approved":  {accessRequest: event.RequestApproved, operationApproval: event.OperationApproved},
	"denied":    {accessRequest: event.RequestDenied, operationApproval: event.OperationDenied},
	"deny":      {accessRequest: event.RequestDenied, operationApproval: event.OperationDenied},
	"canceled":  {accessRequest: event.RequestCancelled, operationApproval: event.OperationCancelled},
	"cancelled": {accessRequest: event.RequestCancelled, operationApproval: event.OperationCancelled},
	"cancel":    {accessRequest: event.RequestCancelled, operationApproval: event.OperationCancelled},
}

// Normalize implements [source.Platform].
func (Platform) Normalize(body []byte, e *event.Event) {
	e.Type = event.Unrecognized
	o, _ := source.ParseObject(body)
	kind := kindOf(o)
	e.PlatformEvent = kind
	switch kind {
	case accessRequest, operationApproval:
		if status, ok := o.String("status"); ok {
			e.PlatformEvent = kind + ":" + status
			if t, ok := statuses[status]; ok {
				e.Type = t[kind]
			}
		}
		readReview(o, kind, e)
	default:
		if t, ok := users[kind]; ok {
			e.Type = t
			readUser(o, e)
		}
	}
}

// kindOf returns what the body is about: its type, or the type that its details
// stand for. It is "" if nothing says it.
func kindOf(o source.Object) string {
	if kind, ok := o.String("type"); ok {
		return kind
	}
	if o.Has("type") && string(o["type"]) != `""` {
		return ""
	}
	access, operation := o.Object(accessDetails) != nil, o.Object(operationDetails) != nil
	switch {
	case access && !operation:
		return accessRequest
	case operation && !access:
		return operationApproval
	default:
		return ""
	}
}
