package apono

import (
	"encoding/json"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// The times are fixed, so that a sample sent twice with one unique text is a
// repeat. They have the nine decimals that Apono writes.
const (
	asked  = json.Number("1768469280.851898000") // 2026-01-15T09:28:00Z
	happen = json.Number("1768469400.004512000") // 2026-01-15T09:30:00Z
	ends   = json.Number("1768483800.000000000") // 2026-01-15T13:30:00Z
)

type fields map[string]any

// Samples implements [source.Sampler].
func (Platform) Samples() []source.Sample {
	return []source.Sample{
		{Name: "request-created", Event: event.RequestPending, Body: sample("AccessRequestCreated", "Pending")},
		{Name: "request-approved", Event: event.RequestApproved, Body: sample("AccessRequestApproved", "Approved")},
		{Name: "request-rejected", Event: event.RequestDenied, Body: sample("AccessRequestRejected", "Rejected")},
		{Name: "request-granted", Event: event.GrantActive, Body: sample("AccessRequestGranted", "Approved")},
		{Name: "request-expired", Event: event.GrantExpired, Body: sample("AccessRequestExpired", "Approved")},
		{Name: "request-revoked", Event: event.GrantRevoked, Body: sample("AccessRequestRevoked", "Approved")},
		{Name: "request-failed", Event: event.RequestFailed, Body: sample("AccessRequestFailed", "Approved")},
		{Name: "manual", Event: event.Unrecognized, Body: sample("Manual", "Approved")},
	}
}

func sample(trigger, approval string) func(string) []byte {
	security := fields{"name": "Security", "type": "Group", "status": approval}
	if approval != "Pending" {
		security["approver"] = fields{"id": "user-7", "name": "Security approver", "email": "security-approver@example.com"}
	}
	return func(unique string) []byte {
		return source.SampleBody(fields{
			"event_type": trigger,
			"event_time": happen,
			"data": fields{
				"id":                         "req-" + unique,
				"friendly_id":                "AR-1042",
				"requester":                  fields{"id": "user-3", "name": "On-call engineer", "email": "on-call-engineer@example.com"},
				"grantee":                    fields{"id": "user-3", "source_id": "00u1a2b3", "name": "On-call engineer", "type": "user"},
				"justification":              "Fix the replication lag",
				"creation_date":              asked,
				"revocation_date":            ends,
				"access_duration_in_seconds": 14400,
				"access_flow":                fields{"id": "flow-1", "name": "Production databases"},
				"access_bundle":              fields{"id": "bundle-1", "name": "On call"},
				"access_groups":              []fields{sampleGroup()},
				"approvals_logical_relation": "AllOf",
				"approvals":                  []fields{security},
				"custom_fields":              fields{},
			},
		})
	}
}

func sampleGroup() fields {
	database := fields{"id": "postgresql-database", "name": "Database", "display_path": "Postgresql/Database"}
	unit := func(id, name string) fields {
		return fields{
			"resource":   fields{"id": id, "name": name, "path": "production/" + name, "type": database},
			"permission": fields{"id": "ReadWrite", "name": "ReadWrite"},
		}
	}
	return fields{
		"integration":    fields{"id": "integration-1", "name": "production", "type": "Postgresql"},
		"resource_types": []fields{database},
		"access_units":   []fields{unit("res-1", "orders"), unit("res-2", "billing")},
	}
}
