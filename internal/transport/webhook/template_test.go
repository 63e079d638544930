package webhook

import (
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/transport"
	"accessrelay/internal/transport/transporttest"
)

func TestBodyTemplate(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook(whsec)
	if err != nil {
		t.Fatal(err)
	}
	ev := &event.Event{
		ID: transporttest.Event().ID, Type: event.RequestBreakGlass, Source: "acme", Platform: "p0", ReceivedAt: time.Now(),
		Request: &event.Request{Reason: "\"},\n{\\"},
	}
	header, body := delivery(t, map[string]any{
		"signing_secret": whsec, "content_type": "application/vnd.example+json; v=1",
		"body_template": `{"type": {{type}}, "why": "{{request.reason}}", "who": {{requester}} }`,
	}, ev, time.Now())
	if want := `{"type": "request.break_glass", "why": "\"},\n{\\", "who": null }`; string(body) != want {
		t.Errorf("body %s, want %s", body, want)
	}
	if got := header.Get("Content-Type"); got != "application/vnd.example+json; v=1" {
		t.Errorf("Content-Type = %q", got)
	}
	if header.Get("Webhook-Id") != ev.ID || header.Get("Webhook-Timestamp") == "" {
		t.Errorf("headers %v", header)
	}
	if err := verifier.Verify(body, header); err != nil {
		t.Errorf("the library refuses the delivery: %v", err)
	}

	header, body = delivery(t, map[string]any{
		"content_type": "application/x-www-form-urlencoded", "body_template": "why={{request.reason}}&type={{type}}\n",
	}, ev, time.Now())
	if want := `why=%22%7D%2C%0A%7B%5C&type=request.break_glass`; string(body) != want || header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("body %s, want %s", body, want)
	}
}

// What the samples cannot foresee hangs on the raw payload.
func TestBodyTemplateUnrenderable(t *testing.T) {
	ev := transporttest.Event()
	ev.Raw = []byte(`{"canary": "canary"}`)
	for _, tt := range []struct{ template, want string }{
		{"{\"a\": 1\n{{#if raw.canary}}x{{/if}}}", "body_template: line 2: a comma is missing"},
		{"{{#if raw.canary}}{{else}}1{{/if}}", "body_template: line 1: the template writes nothing"},
	} {
		c := parse(t, map[string]any{"url": "https://a.example/", "body_template": tt.template})
		ch := &channel.Channel{Config: c}
		se := transport.AsSendError(transporttest.Send(t.Context(), New(transport.Clients{}), ch, ev, time.Now()))
		if se.Reason != transport.ReasonRender || se.Class != transport.Dead || !se.NoAttempt ||
			strings.Contains(se.Error(), "canary") || !strings.Contains(se.Error(), tt.want) {
			t.Errorf("%+v, want %s", se, tt.want)
		}
	}
}
