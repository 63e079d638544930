package p0

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

func TestContract(t *testing.T) {
	p := New()
	if p.Name() != "p0" || !slices.Equal(p.Methods(), []string{"POST"}) || !p.EmptyReply() {
		t.Errorf("%s %v %t", p.Name(), p.Methods(), p.EmptyReply())
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct{ name, body, field string }{
		{"no id", `{"name":"n","eventType":"e","data":{}}`, "id"},
		{"no name", `{"id":"i","eventType":"e","data":{}}`, "name"},
		{"no eventType", `{"id":"i","name":"n","data":{}}`, "eventType"},
		{"only the discriminator of the specification", `{"id":"i","name":"n","type":"preapproval-created","data":{}}`, "eventType"},
		{"no data", `{"id":"i","name":"n","eventType":"e"}`, "data"},
		{"null data", `{"id":"i","name":"n","eventType":"e","data":null}`, "data"},
		{"empty object", `{}`, "id"},
		{"not an object", `[]`, ""},
		{"not JSON", `id=1`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var env *source.EnvelopeError
			if err := New().Check([]byte(c.body)); !errors.As(err, &env) || env.Field != c.field {
				t.Errorf("Check: %v; want an *EnvelopeError of %q", err, c.field)
			}
		})
	}
}

// The whole mapping, independent of the maps that implement it.
func TestStatuses(t *testing.T) {
	want := map[event.Type]string{
		event.RequestPending:  "NEW PENDING_APPROVAL",
		event.RequestApproved: "APPROVED APPROVED_NOTIFIED STAGED",
		event.RequestDenied:   "DENIED DENIED_NOTIFIED",
		event.GrantActive:     "DONE DONE_NOTIFIED",
		event.RequestFailed:   "ERRORED ERRORED_NOTIFIED",
		event.GrantExpired:    "EXPIRY_SUBMITTED EXPIRED CLEANED_UP",
		event.GrantRevoked:    "REVOKE_SUBMITTED REVOKED",
		event.Unrecognized:    "DRAFT REVOKED_NOTIFIED EXPIRED_NOTIFIED approved DONE_ _NOTIFIED null",
	}
	for typ, words := range want {
		for _, status := range strings.Fields(words) {
			e := normalize([]byte(`{"id":"i","name":"n","eventType":"x","data":{"requestId":"r","status":"` + status + `"}}`))
			if e.Type != typ {
				t.Errorf("%s gives %s, want %s", status, e.Type, typ)
			}
			if e.PlatformEvent != "x:"+status || e.Request == nil || e.Request.ID != "r" {
				t.Errorf("%s: platform event %q, request %+v", status, e.PlatformEvent, e.Request)
			}
		}
	}
}

// Where the request was not approved, an approver is not said to have done so.
func TestApprovalStatus(t *testing.T) {
	want := map[string]string{
		"NEW": "", "PENDING_APPROVAL": "", "DENIED": "", "DENIED_NOTIFIED": "", "DRAFT": "", "OTHER": "",
		"APPROVED": "approved", "STAGED": "approved", "DONE": "approved", "ERRORED": "approved", "EXPIRED": "approved", "REVOKED": "approved",
	}
	for status, approval := range want {
		e := normalize([]byte(`{"id":"i","name":"n","eventType":"x","data":{"requestId":"r","status":"` + status + `","approver":{"id":"a"}}}`))
		if len(e.Approvals) != 1 || e.Approvals[0].Status != approval || e.Approvals[0].Approver.ID != "a" {
			t.Errorf("%s: %+v, want status %q", status, e.Approvals, approval)
		}
	}
}

// P0 sends no time of its own.
func TestNoEventTime(t *testing.T) {
	e := normalize([]byte(`{"id":"i","name":"n","eventType":"preapproval-created","data":{"id":"d","createdAt":1768469400000,"startsAt":1768469400000}}`))
	if !e.OccurredAt.IsZero() {
		t.Errorf("occurred_at is %s", e.OccurredAt)
	}
}
