package handlebars

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"accessrelay/internal/event"
)

// sample is an event to try a template with.
type sample struct {
	about string // "… for <about>"
	ev    *event.Event
}

// try executes t on events of every type, with all facts and with hardly any,
// and on some between, so that a template that is only sometimes JSON is found
// out when it is saved. What hangs on the raw payload cannot be foreseen. All share
// one bound on work, because saving happens where webhooks come in.
func (t *Template) try() error {
	left := maxTrial
	for _, s := range samples() {
		_, spent, err := t.executeWithin(left, eventValue(s.ev), s.ev.Raw, s.ev)
		var e *Error
		switch {
		case err == nil:
		case !errors.As(err, &e):
			return err
		case e.tooMuch:
			return errorAt(e.Line, "the template is too much work: for the %d small sample events that it is tried with, together, it takes more than %d steps; make it shorter, or its loops fewer", len(samples()), maxTrial)
		default:
			return errorAt(e.Line, "%s (tried with %s)", e.Text, s.about)
		}
		left -= spent
	}
	return nil
}

// samples are made once: nothing changes them.
var samples = sync.OnceValue(makeSamples)

func makeSamples() []sample {
	var out []sample
	platforms := []string{"p0", "apono", "permit", "jitsudo", "generic", "api"}
	for i, typ := range event.Types() {
		ev := fullSample()
		ev.Type, ev.Platform = typ, platforms[i%len(platforms)]
		out = append(out,
			sample{fmt.Sprintf("an event of type %s", typ), ev},
			sample{fmt.Sprintf("an event of type %s with no more than its required keys", typ), minimalSample(typ)})
	}
	one := fullSample()
	one.Access, one.Approvals = one.Access[:1], one.Approvals[:1]
	out = append(out, sample{"an event with one access and one approval", one})
	bare := fullSample()
	bare.Request, bare.Requester, bare.Grantee = &event.Request{}, &event.Person{}, &event.Person{}
	bare.Window, bare.Error = &event.Window{}, &event.Failure{}
	bare.Access, bare.Approvals = []event.Access{{}, {}}, []event.Approval{{}, {}}
	out = append(out, sample{"an event whose access, approvals and people have no keys", bare})
	for _, w := range []struct {
		out  string
		drop func(*event.Event)
	}{
		{"request", func(e *event.Event) { e.Request = nil }},
		{"requester", func(e *event.Event) { e.Requester = nil }},
		{"grantee", func(e *event.Event) { e.Grantee = nil }},
		{"access", func(e *event.Event) { e.Access = nil }},
		{"approvals", func(e *event.Event) { e.Approvals = nil }},
		{"window", func(e *event.Event) { e.Window = nil }},
		{"error", func(e *event.Event) { e.Error = nil }},
		{"raw", func(e *event.Event) { e.Raw = nil }},
		{"time", func(e *event.Event) { e.OccurredAt = time.Time{} }},
	} {
		ev := fullSample()
		w.drop(ev)
		out = append(out, sample{"an event without " + w.out, ev})
	}
	return out
}

var sampleTime = time.Date(2026, 3, 14, 9, 26, 53, 589000000, time.UTC)

func minimalSample(t event.Type) *event.Event {
	return &event.Event{
		ID: "evt_00000000000000000000000000", Type: t, TenantID: "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11",
		Source: "sample", Platform: "generic", ReceivedAt: sampleTime,
	}
}

// fullSample has every key, and in its texts what is special somewhere.
func fullSample() *event.Event {
	ev := minimalSample(event.RequestApproved)
	ev.PlatformEvent = "AccessRequestApproved"
	ev.OccurredAt = sampleTime.Add(-time.Second)
	ev.Request = &event.Request{ID: "123", DisplayID: "AR-123", Reason: "\"quoted\", {braced}, back\\slashed,\nsecond line, <tag> & more", URL: "https://example.com/requests/123?a=b&c=d"}
	ev.Requester = &event.Person{ID: "user-1", Name: "Requester \"R\"", Email: "requester@example.com"}
	ev.Grantee = &event.Person{ID: "user-2", Name: "Grantee", Email: "grantee@example.com"}
	for _, n := range []string{"1", "2"} {
		ev.Access = append(ev.Access, event.Access{
			Integration: &event.Integration{ID: "int-" + n, Name: "Integration " + n, Type: "aws"},
			Resource:    &event.Resource{ID: "res-" + n, Name: "Resource " + n, Path: "/path/" + n, Type: "database"},
			Permission:  &event.Permission{ID: "perm-" + n, Name: "Permission " + n, Description: "Description " + n},
		})
		ev.Approvals = append(ev.Approvals, event.Approval{
			Name: "Approval " + n, Type: "Person", Status: "approved", Comment: "Comment " + n,
			Approver: &event.Person{ID: "user-3", Name: "Approver " + n, Email: "approver@example.com"},
		})
	}
	ev.Window = &event.Window{StartsAt: sampleTime, EndsAt: sampleTime.Add(time.Hour)}
	ev.Error = &event.Failure{ID: "err-1", Type: "Failure", Message: "Message"}
	ev.Raw = json.RawMessage(`{"id":"123","number":1696263265.851898000,"list":["a","b"],"object":{"key":"value"}}`)
	return ev
}
