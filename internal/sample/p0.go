package sample

import "accessrelay/internal/event"

// The times are fixed, so that a sample sent twice with one unique text is a repeat.
const (
	p0Asked  = 1768469280000 // 2026-01-15T09:28:00Z
	p0Starts = 1768469400000 // 2026-01-15T09:30:00Z
	p0Ends   = 1768483800000 // 2026-01-15T13:30:00Z
)

type fields map[string]any

var p0Samples = []Sample{
	{"preapproval-created", event.PreapprovalCreated, p0Preapproval("preapproval-created")},
	{"preapproval-expired", event.PreapprovalExpired, p0Preapproval("preapproval-expired")},
	{"request-pending", event.RequestPending, p0Request("PENDING_APPROVAL", nil)},
	{"request-approved", event.RequestApproved, p0Request("APPROVED", fields{"approver": p0Approver})},
	{"request-denied", event.RequestDenied, p0Request("DENIED", fields{"approver": p0Approver})},
	{"request-failed", event.RequestFailed, p0Request("ERRORED", fields{
		"approver": p0Approver,
		"error":    fields{"type": "public", "message": "The permission set is not assigned to this account", "errorId": "b7c1e0"},
	})},
	{"grant-active", event.GrantActive, p0Request("DONE", fields{"approver": p0Approver})},
	{"grant-expired", event.GrantExpired, p0Request("EXPIRED", fields{"approver": p0Approver})},
	{"grant-revoked", event.GrantRevoked, p0Request("REVOKED", fields{"approver": p0Approver})},
	{"request-draft", event.Unrecognized, p0Request("DRAFT", nil)},
}

var p0Approver = fields{"id": "security-approver@example.com", "name": "Security approver", "email": "security-approver@example.com"}

func p0Envelope(eventType string, data fields) []byte {
	return body(fields{
		"id":        "accessrelay",
		"name":      "Access notifications",
		"eventType": eventType,
		"data":      data,
	})
}

func p0Preapproval(eventType string) func(string) []byte {
	return func(unique string) []byte {
		return p0Envelope(eventType, fields{
			"id":     "pre-" + unique,
			"type":   "ssh",
			"access": "session",
			"permission": fields{
				"name":        "db-primary-1",
				"description": "sudo SSH access to db-primary-1 in AWS account Production",
			},
			"startsAt":  p0Starts,
			"endsAt":    p0Ends,
			"createdAt": p0Asked,
			"principal": "on-call-engineer@example.com",
			"approver":  p0Approver,
			"reason":    "On call this week",
		})
	}
}

func p0Request(status string, more fields) func(string) []byte {
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
			"requestedTimestamp": p0Asked,
		}
		for k, v := range more {
			data[k] = v
		}
		// P0 documents no eventType for access requests: any will do.
		return p0Envelope("access-request", data)
	}
}
