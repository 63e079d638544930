package permit

import (
	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

type fields map[string]any

const (
	sampleRequester = "app-developer@example.com"
	sampleReviewer  = "tenant-owner@example.com"
)

// Samples implements [source.Sampler].
func (Platform) Samples() []source.Sample {
	return []source.Sample{
		{Name: "create-user", Event: event.UserCreated, Body: func(unique string) []byte {
			return source.SampleBody(fields{
				"email": newUser(unique), "tenant_key": "acme-eu", "role": "editor", "permission_level": "LEVEL_3",
				"type": "create_user",
			})
		}},
		{Name: "invite-user", Event: event.UserInvited, Body: func(unique string) []byte {
			return source.SampleBody(fields{
				"email": newUser(unique), "role": "editor", "tenant_id": "acme-eu", "user_invite_id": "invite-" + unique,
				"type": "invite_user",
			})
		}},
		{Name: "invite-user-to-instance", Event: event.UserInvited, Body: func(unique string) []byte {
			return source.SampleBody(fields{
				"email": newUser(unique), "role": "viewer", "tenant_id": "acme-eu", "user_invite_id": "invite-" + unique,
				"resource_instance_key": "folder-finance", "type": "invite_user",
			})
		}},
		{Name: "role-assignment", Event: event.UserRoleAssigned, Body: func(unique string) []byte {
			return source.SampleBody(fields{
				"user_id": newUser(unique), "tenant_id": "acme-eu", "role": "admin", "permission_level": "LEVEL_2",
				"type": "role_assignment",
			})
		}},
		{Name: "access-request-pending", Event: event.RequestPending, Body: sampleAccess("pending", nil)},
		{Name: "access-request-approved", Event: event.RequestApproved, Body: sampleAccess("approved", "Until the audit ends")},
		{Name: "access-request-denied", Event: event.RequestDenied, Body: sampleAccess("denied", "Ask for the summary instead")},
		{Name: "access-request-cancelled", Event: event.RequestCancelled, Body: sampleAccess("canceled", nil)},
		{Name: "operation-approval-pending", Event: event.OperationPending, Body: sampleOperation("pending", nil)},
		{Name: "operation-approval-approved", Event: event.OperationApproved, Body: sampleOperation("approved", "Checked with the customer")},
		{Name: "operation-approval-denied", Event: event.OperationDenied, Body: sampleOperation("denied", "Above the daily limit")},
		{Name: "operation-approval-cancelled", Event: event.OperationCancelled, Body: sampleOperation("canceled", nil)},
		{Name: "pdp-sync-error", Event: event.Unrecognized, Body: func(unique string) []byte {
			return source.SampleBody(fields{
				"org_id": "org-acme", "project_id": "project-web", "env_id": "env-production",
				"pdp_ids": []string{"pdp-" + unique},
			})
		}},
	}
}

func newUser(unique string) string { return "new-user-" + unique + "@example.com" }

func sampleAccess(status string, comment any) func(string) []byte {
	return func(unique string) []byte {
		return source.SampleBody(sampleReview(status, comment, "Prepare the audit, ticket "+unique, accessDetails, fields{
			"tenant": "acme-eu", "resource": "report", "resource_instance": "report-2025-q4", "action": "read",
		}))
	}
}

func sampleOperation(status string, comment any) func(string) []byte {
	return func(unique string) []byte {
		return source.SampleBody(sampleReview(status, comment, "Refund for order "+unique, operationDetails, fields{
			"tenant": "acme-eu", "resource": "wire_transfer", "resource_instance": "transfer-" + unique,
		}))
	}
}

// sampleReview is reviewed if there is a comment: only who decides leaves one.
func sampleReview(status string, comment any, reason, detailsKey string, details fields) fields {
	var reviewer any
	if comment != nil {
		reviewer = sampleReviewer
	}
	return fields{
		"requesting_user_id": sampleRequester,
		detailsKey:           details,
		"reason":             reason,
		"status":             status,
		"reviewer_user_id":   reviewer,
		"reviewer_comment":   comment,
	}
}
