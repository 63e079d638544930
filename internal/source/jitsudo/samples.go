package jitsudo

import (
	"maps"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// The times are fixed, so that a sample sent twice with one unique text is a repeat.
const (
	happened = "2026-01-15T09:30:00Z"
	ends     = "2026-01-15T13:30:00Z"
)

type fields map[string]any

var (
	sampleRequester = fields{"id": "usr-oncall", "name": "On-call engineer", "email": "on-call-engineer@example.com"}
	sampleApprover  = fields{"id": "usr-approver", "name": "Security approver", "email": "security-approver@example.com"}
)

// Samples implements [source.Sampler]. The envelope is one of those that are
// understood: JITSudo documents none.
func (Platform) Samples() []source.Sample {
	asked := func(string) fields { return nil }
	decided := func(string) fields { return fields{"approver": sampleApprover} }
	unasked := func(unique string) fields { return fields{"grant_id": "grant-" + unique, "expires_at": ends} }
	granted := func(unique string) fields {
		return fields{"grant_id": "grant-" + unique, "expires_at": ends, "approver": sampleApprover}
	}
	return []source.Sample{
		{Name: "request-pending", Event: event.RequestPending, Body: sample("request.pending", asked)},
		{Name: "request-approved", Event: event.RequestApproved, Body: sample("request.approved", decided)},
		{Name: "request-denied", Event: event.RequestDenied, Body: sample("request.denied", decided)},
		{Name: "request-expired", Event: event.RequestExpired, Body: sample("request.expired", asked)},
		{Name: "request-break-glass", Event: event.RequestBreakGlass, Body: sample("request.break_glass", unasked)},
		{Name: "grant-active", Event: event.GrantActive, Body: sample("grant.active", granted)},
		{Name: "grant-expiring-soon", Event: event.GrantExpiringSoon, Body: sample("grant.expiring_soon", granted)},
		{Name: "grant-expired", Event: event.GrantExpired, Body: sample("grant.expired", granted)},
		{Name: "grant-revoked", Event: event.GrantRevoked, Body: sample("grant.revoked", granted)},
		{Name: "unknown-event", Event: event.Unrecognized, Body: sample("request.escalated", asked)},
	}
}

// sample is an event with the facts that all have, and those that more gives.
func sample(typ string, more func(unique string) fields) func(string) []byte {
	return func(unique string) []byte {
		data := fields{
			"request_id":         "req-" + unique,
			"resource_type":      "aws_account",
			"resource_id":        "123456789012",
			"permission_set_arn": "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef",
			"duration_seconds":   14400,
			"justification":      "Fix the replication lag",
			"requester":          sampleRequester,
		}
		maps.Copy(data, more(unique))
		return source.SampleBody(fields{"type": typ, "timestamp": happened, "data": data})
	}
}
