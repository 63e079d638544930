package jitsudo

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

func TestContract(t *testing.T) {
	p := New()
	if p.Name() != "jitsudo" || !slices.Equal(p.Methods(), []string{"POST"}) || p.EmptyReply() {
		t.Errorf("%s %v %t", p.Name(), p.Methods(), p.EmptyReply())
	}
}

// The message is what somebody reads who points JITSudo, or a template of their
// own, at the relay: it has all names that would do.
func TestCheck(t *testing.T) {
	const missing = "type: required under one of the names type, event, event_type, but missing or null"
	for _, c := range []struct{ body, message string }{
		{`{"type":"grant.active"}`, ""},
		{`{"event":"grant.active"}`, ""},
		{`{"event_type":"grant.active"}`, ""},
		{`{"type":null,"event":null,"event_type":"x"}`, ""},
		{`{"type":""}`, ""}, // of a wrong type or empty: the worker's to see
		{`{"event":{"name":"grant.active"}}`, ""},
		{`{"event_type":0}`, ""},
		{`{}`, missing},
		{`{"type":null,"event":null,"event_type":null}`, missing},
		{`{"data":{"type":"grant.active"}}`, missing},
		{`{"eventType":"grant.active","Type":"grant.active","event-type":"x"}`, missing},
		{`[{"type":"grant.active"}]`, "the body is JSON, but not an object"},
	} {
		err := New().Check([]byte(c.body))
		var envelope *source.EnvelopeError
		switch {
		case c.message == "" && err != nil:
			t.Errorf("Check(%s): %v", c.body, err)
		case c.message != "" && (!errors.As(err, &envelope) || err.Error() != c.message):
			t.Errorf("Check(%s): %v, want %s", c.body, err, c.message)
		}
	}
}

// The whole mapping, independent of the map that implements it, under each name.
func TestTypes(t *testing.T) {
	const names = "request.pending request.approved request.denied request.expired request.break_glass " +
		"grant.active grant.expiring_soon grant.expired grant.revoked"
	const others = "request.cancelled request.failed grant.failed preapproval.created user.created operation.pending " +
		"unrecognized test relay.channel_disabled request grant grant. .active Grant.Active GRANT.ACTIVE grant_active " +
		"grant-active request.break-glass request.breakglass request.created request.submitted"
	for _, key := range []string{"type", "event", "event_type"} {
		for word := range strings.FieldsSeq(names + " " + others) {
			want := event.Unrecognized
			if slices.Contains(strings.Fields(names), word) {
				want = event.Type(word)
			}
			e := normalize(fmt.Sprintf(`{%q:%q,"data":{"request_id":"r"}}`, key, word))
			if e.Type != want || e.PlatformEvent != word {
				t.Errorf("%s %s gives %s, %q; want %s", key, word, e.Type, e.PlatformEvent, want)
			}
			if e.Request == nil || e.Request.ID != "r" {
				t.Errorf("%s %s loses its facts: %+v", key, word, e)
			}
		}
	}
}

// Each name of the type and of the time goes with each of the other, and with facts
// in data and beside it.
func TestEnvelopes(t *testing.T) {
	at := time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC)
	for _, typeKey := range []string{"type", "event", "event_type"} {
		for _, timeKey := range []string{"timestamp", "occurred_at", "event_time"} {
			for _, when := range []string{`"2026-01-15T09:30:00Z"`, `"2026-01-15T04:30:00-05:00"`, `1768469400`, `1768469400000`, `"1768469400"`} {
				for _, rest := range []string{`"data":{"request_id":"r"}`, `"request_id":"r"`, `"request_id":"r","data":{}`} {
					body := fmt.Sprintf(`{%q:"grant.active",%q:%s,%s}`, typeKey, timeKey, when, rest)
					e := normalize(body)
					if e.Type != event.GrantActive || !e.OccurredAt.Equal(at) || e.OccurredAt.Location() != time.UTC {
						t.Errorf("%s gives %s at %s", body, e.Type, e.OccurredAt)
					}
					if e.Request == nil || e.Request.ID != "r" {
						t.Errorf("%s gives %+v", body, e.Request)
					}
				}
			}
		}
	}
}

// Every fact, in data and beside it, and none of its neighbours.
func TestFacts(t *testing.T) {
	email := event.Person{Email: "a@example.com"}
	for fact, want := range map[string]event.Event{
		`"request_id":"x"`:                      {Request: &event.Request{ID: "x"}},
		`"justification":"x"`:                   {Request: &event.Request{Reason: "x"}},
		`"requester":"a@example.com"`:           {Requester: &email},
		`"requester":{"email":"a@example.com"}`: {Requester: &email},
		`"approver":"a@example.com"`:            {Approvals: []event.Approval{{Status: "approved", Approver: &email}}},
		`"approver":{"email":"a@example.com"}`:  {Approvals: []event.Approval{{Status: "approved", Approver: &email}}},
		`"resource_type":"x"`:                   {Access: []event.Access{{Resource: &event.Resource{Type: "x"}}}},
		`"resource_id":"x"`:                     {Access: []event.Access{{Resource: &event.Resource{ID: "x"}}}},
		`"permission_set_arn":"x"`:              {Access: []event.Access{{Permission: &event.Permission{ID: "x"}}}},
		`"expires_at":"2026-01-15T09:30:00Z"`:   {Window: &event.Window{EndsAt: time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC)}},
		`"expires_at":1768469400`:               {Window: &event.Window{EndsAt: time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC)}},
		`"expires_at":"soon"`:                   {},
		`"duration_seconds":3600`:               {}, // from when, nothing says
		`"grant_id":"x"`:                        {}, // not the request's id
		`"approver":{}`:                         {},
		`"reason":"x"`:                          {},
	} {
		for _, body := range []string{`{"type":"grant.active",` + fact + `}`, `{"type":"grant.active","data":{` + fact + `}}`} {
			var got event.Event
			New().Normalize([]byte(body), &got)
			w := want
			w.Type, w.PlatformEvent = event.GrantActive, "grant.active"
			if !reflect.DeepEqual(got, w) {
				t.Errorf("%s gives %+v, want %+v", body, got, w)
			}
		}
	}
}

// An approver is not said to have approved what was not approved.
func TestApprovalStatus(t *testing.T) {
	for typ, want := range map[string]string{
		"request.pending": "", "request.approved": "approved", "request.denied": "denied", "request.expired": "",
		"request.break_glass": "", "grant.active": "approved", "grant.expiring_soon": "approved",
		"grant.expired": "approved", "grant.revoked": "approved", "request.escalated": "",
	} {
		e := normalize(fmt.Sprintf(`{"type":%q,"approver":"p"}`, typ))
		if len(e.Approvals) != 1 || e.Approvals[0].Status != want || e.Approvals[0].Approver.ID != "p" {
			t.Errorf("%s: approvals %+v, want status %q", typ, e.Approvals, want)
		}
	}
}
