package p0

import (
	"maps"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// The times are fixed, so that a sample sent twice with one unique text is a repeat.
const (
	asked  = 1768469280000 // 2026-01-15T09:28:00Z
	starts = 1768469400000 // 2026-01-15T09:30:00Z
	ends   = 1768483800000 // 2026-01-15T13:30:00Z
)

type fields map[string]any

// Samples implements [source.Sampler].
func (Platform) Samples() []source.Sample {
	return []source.Sample{
		{Name: "preapproval-created", Event: event.PreapprovalCreated, Body: samplePreapproval("preapproval-created")},
		{Name: "preapproval-expired", Event: event.PreapprovalExpired, Body: samplePreapproval("preapproval-expired")},
		{Name: "request-pending", Event: event.RequestPending, Body: sampleRequest("PENDING_APPROVAL", nil)},
		{Name: "request-approved", Event: event.RequestApproved, Body: sampleRequest("APPROVED", fields{"approver": sampleApprover})},
		{Name: "request-denied", Event: event.RequestDenied, Body: sampleRequest("DENIED", fields{"approver": sampleApprover})},
		{Name: "request-failed", Event: event.RequestFailed, Body: sampleRequest("ERRORED", fields{
			"approver": sampleApprover,
			"error":    fields{"type": "public", "message": "The permission set is not assigned to this account", "errorId": "b7c1e0"},
		})},
		{Name: "grant-active", Event: event.GrantActive, Body: sampleRequest("DONE", fields{"approver": sampleApprover})},
		{Name: "grant-expired", Event: event.GrantExpired, Body: sampleRequest("EXPIRED", fields{"approver": sampleApprover})},
		{Name: "grant-revoked", Event: event.GrantRevoked, Body: sampleRequest("REVOKED", fields{"approver": sampleApprover})},
		{Name: "request-draft", Event: event.Unrecognized, Body: sampleRequest("DRAFT", nil)},
	}
}

var sampleApprover = fields{"id": "security-approver@example.com", "name": "Security approver", "email": "security-approver@example.com"}

func sampleEnvelope(eventType string, data fields) []byte {
	return source.SampleBody(fields{
		"id":        "accessrelay",
		"name":      "Access notifications",
		"eventType": eventType,
		"data":      data,
	})
}

func samplePreapproval(eventType string) func(string) []byte {
	return func(unique string) []byte {
		return sampleEnvelope(eventType, fields{
			"id":     "pre-" + unique,
			"type":   "ssh",
			"access": "session",
			"permission": fields{
				"name":        "db-primary-1",
				"description": "sudo SSH access to db-primary-1 in AWS account Production",
			},
			"startsAt":  starts,
			"endsAt":    ends,
			"createdAt": asked,
			"principal": "on-call-engineer@example.com",
			"approver":  sampleApprover,
			"reason":    "On call this week",
		})
	}
}

func sampleRequest(status string, more fields) func(string) []byte {
	return func(unique string) []byte {
		data := fields{
			"requestId": "req-" + unique,
			"type":      "aws",
			"access":    "permission-set",
			"permission": fields{
				"name":        "DatabaseAdmin",
				"description": "DatabaseAdmin in AWS account Production",
			},
			"status":             status,
			"principal":          "on-call-engineer@example.com",
			"requestor":          "on-call-engineer@example.com",
			"reason":             "Fix the replication lag",
			"requestedTimestamp": asked,
		}
		maps.Copy(data, more)
		// P0 documents no eventType for access requests: any will do.
		return sampleEnvelope("access-request", data)
	}
}
