package p0

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
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

// Normalize is also given what Check would have refused, after a roll-back say.
func TestNormalizeWhatCheckRefuses(t *testing.T) {
	for _, body := range []string{``, `null`, `[]`, `"x"`, `{`, `{}`, `{"eventType":null}`, `{"eventType":"preapproval-created"}`, "\xff"} {
		if e := normalize([]byte(body)); e.Type != event.Unrecognized {
			t.Errorf("%q gives %s", body, e.Type)
		}
	}
}

// Identity and raw are the caller's.
func TestNormalizeLeavesIdentityAlone(t *testing.T) {
	body := []byte(`{"id":"i","name":"n","eventType":"preapproval-created","data":{"id":"d","tenant_id":"x","source":"x"}}`)
	e, before := normalize(body), normalize(nil)
	if e.ID != before.ID || e.TenantID != before.TenantID || e.Source != before.Source || e.Platform != before.Platform ||
		!e.ReceivedAt.Equal(before.ReceivedAt) || !bytes.Equal(e.Raw, body) {
		t.Errorf("%+v", e)
	}
	if !e.OccurredAt.IsZero() {
		t.Errorf("P0 sends no event time, but occurred_at is %s", e.OccurredAt)
	}
}

func addGoldens(f *testing.F) {
	f.Helper()
	for _, path := range goldens(f) {
		body, _, _ := readGolden(f, path)
		f.Add(body)
	}
}

func FuzzCheck(f *testing.F) {
	addGoldens(f)
	f.Add([]byte(`{"id":1,"name":2,"eventType":3}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		err := New().Check(body)
		var env *source.EnvelopeError
		if err != nil && !errors.As(err, &env) {
			t.Fatalf("Check: %v is not an *EnvelopeError", err)
		}
		var all map[string]*json.RawMessage // nil for null
		if err == nil && json.Unmarshal(body, &all) != nil {
			t.Fatal("Check passes what is not an object")
		}
		for _, key := range required {
			if err == nil && all[key] == nil {
				t.Fatalf("Check passes without %s", key)
			}
		}
	})
}

// Whatever passes Check gives an event of a known type that can be written, and
// that holds the body as it came.
func FuzzNormalize(f *testing.F) {
	addGoldens(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		e := normalize(body)
		if !e.Type.Known() {
			t.Fatalf("type %q", e.Type)
		}
		if New().Check(body) != nil {
			return
		}
		var back struct{ Raw json.RawMessage }
		if err := json.Unmarshal(marshal(t, e), &back); err != nil {
			t.Fatal(err)
		}
		sent, err := event.Fingerprint(body)
		if err != nil {
			t.Fatal(err)
		}
		if kept, err := event.Fingerprint(back.Raw); err != nil || kept != sent {
			t.Fatalf("raw is not what was sent: %v\n%s\n%s", err, back.Raw, body)
		}
		if !reflect.DeepEqual(decode(t, back.Raw), decode(t, body)) {
			t.Fatalf("raw is not what was sent:\n%s\n%s", back.Raw, body)
		}
	})
}

// decode keeps numbers as written.
func decode(t *testing.T, body []byte) (v any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func BenchmarkNormalize(b *testing.B) {
	body, _, _ := readGolden(b, "testdata/golden/preapproval_created_documented.txt")
	b.ReportAllocs()
	for b.Loop() {
		var e event.Event
		New().Normalize(body, &e)
	}
}
