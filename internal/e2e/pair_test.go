package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const signingSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // the specification's own example

// p0Sample is the body that P0's documentation shows, to the byte.
func p0Sample(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/p0-sample.json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPair: an event of P0's goes in, notifications come out, a repeat does not.
func TestPair(t *testing.T) {
	t.Parallel()
	hook, chat := newSink(t), newSink(t)
	webhook := webhookTo("hook", hook)
	webhook.config["signing_secret"] = signingSecret
	webhook.config["headers"] = map[string]any{"X-Env": "prod"}
	r := newRelay(t, webhook, channelConf{
		name: "chat", kind: "slack-webhook", config: map[string]any{"url": chat.url}, filters: []string{"preapproval.*"},
	})
	const window = 3 * time.Second
	r.window = "3s"
	r.startInline()
	body := p0Sample(t)

	before := time.Now()
	request := r.hook(body)
	request.Header.Set("Traceparent", traceParent)
	first, err := do(request)
	if err != nil {
		t.Fatal(err)
	}
	if first.status != http.StatusOK || len(first.body) != 0 || first.header.Get("X-Request-Id") == "" {
		t.Fatalf("status %d, body %q, header %v; want 200 and no body", first.status, first.body, first.header)
	}
	// Inside the window whatever the clock does until the second is answered.
	second := r.send(body)
	if took := time.Since(before); took > window {
		t.Fatalf("the machine took %v for two requests", took)
	}
	windowOver := time.Now().Add(window)

	got := r.settle(first.eventID(), soon)
	if got.Status != "delivered" || got.Type != "preapproval.created" || got.Source != theSource || got.Platform != "p0" ||
		got.ReceivedAt.Before(before.Add(-time.Millisecond)) || got.ReceivedAt.After(time.Now()) {
		t.Errorf("receipt %+v", got)
	}
	for _, name := range []string{"hook", "chat"} {
		if d := got.to(t, name); d.State != "delivered" || d.Attempts != 1 || d.RetriesUsed != 0 || d.LastError != "" || d.DeliveredAt.IsZero() {
			t.Errorf("delivery %+v", d)
		}
	}
	if dup := r.settle(second, soon); dup.Status != "duplicate" || dup.DuplicateOf != first.eventID() || len(dup.Deliveries) != 0 {
		t.Errorf("receipt of the repeat %+v", dup)
	}
	if n, m := len(hook.all()), len(chat.all()); n != 1 || m != 1 {
		t.Fatalf("%d and %d requests for an event and its repeat, want 1 and 1", n, m)
	}
	checkWebhook(t, hook.all()[0], first.eventID(), body)
	checkSlack(t, chat.all()[0].body)
	checkFollowed(t, r, first.eventID())

	waitUntil(windowOver)
	third := r.send(body)
	if got := r.settle(third, soon); got.Status != "delivered" {
		t.Errorf("after the window: %+v", got)
	}
	if n := len(hook.of(third)); n != 1 {
		t.Errorf("after the window: %d requests", n)
	}
	r.idle()
	m := r.worker.scrape()
	m.want(t, 2, "accessrelay_events_total", "platform", "p0", "type", "preapproval.created", "outcome", "routed")
	m.want(t, 1, "accessrelay_events_total", "platform", "p0", "type", "preapproval.created", "outcome", "duplicate")
	m.want(t, 2, "accessrelay_delivery_attempts_total", "channel_type", "slack_webhook", "outcome", "delivered")
	m.want(t, 2, "accessrelay_delivery_latency_seconds_count", "channel_type", "generic_webhook")
	r.ingest.scrape().want(t, 3, "accessrelay_ingest_requests_total", "source", theSource, "platform", "p0", "outcome", "accepted")
}

const traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" // the W3C's own example

// checkFollowed: an event can be followed through the logs of both programs.
func checkFollowed(t *testing.T, r *relay, id string) {
	t.Helper()
	for _, step := range []struct {
		p    *process
		msg  string
		want int
	}{{r.ingest, "event accepted", 1}, {r.worker, "event routed", 1}, {r.worker, "delivered", 2}} {
		var of []record
		eventually(t, soon, fmt.Sprintf("%s has %d records %q of the event", step.p.name, step.want, step.msg), func() bool {
			of = slices.DeleteFunc(step.p.logged(step.msg), func(rec record) bool { return rec.text("event") != id })
			return len(of) >= step.want
		})
		for _, rec := range of {
			if len(of) != step.want || rec.text("source") != theSource || rec.text("tenant") != tenant || rec.text("trace") != traceParent {
				t.Errorf("%s logged %v", step.p.name, rec)
			}
		}
	}
}

// startInline starts the pair with the key in the file itself.
func (r *relay) startInline() {
	r.t.Helper()
	const indent = "              "
	key := indent + strings.ReplaceAll(strings.TrimSpace(r.signer.publicPEM()), "\n", "\n"+indent)
	write(r.t, r.path(), strings.ReplaceAll(r.file(), "key_file: p0-public.pem", "key: |\n"+key))
	r.startIngest()
	r.startWorker()
}

func checkWebhook(t *testing.T, got received, id string, sent []byte) {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(signingSecret)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(got.body, got.header); err != nil {
		t.Errorf("the independent library refuses the webhook: %v", err)
	}
	if got.id() != id || got.header.Get("X-Env") != "prod" || !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
		t.Errorf("headers %v", got.header)
	}
	var body struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      struct {
			ID         string          `json:"id"`
			Type       string          `json:"type"`
			TenantID   string          `json:"tenant_id"`
			Platform   string          `json:"platform"`
			ReceivedAt time.Time       `json:"received_at"`
			OccurredAt time.Time       `json:"occurred_at"`
			Request    map[string]any  `json:"request"`
			Raw        json.RawMessage `json:"raw"`
		} `json:"data"`
	}
	if err := json.Unmarshal(got.body, &body); err != nil {
		t.Fatalf("reading the webhook: %v", err)
	}
	at := body.Data.OccurredAt
	if at.IsZero() {
		at = body.Data.ReceivedAt
	}
	if body.Type != "preapproval.created" || body.Data.Type != body.Type || body.Data.ID != id || body.Data.TenantID != tenant ||
		body.Data.Platform != "p0" || !body.Timestamp.Equal(at) {
		t.Errorf("the webhook is %s", got.body)
	}
	if body.Data.Request["reason"] != "Need to give a big customer a fancy demo" {
		t.Errorf("request %v", body.Data.Request)
	}
	if !equalJSON(t, body.Data.Raw, sent) {
		t.Errorf("raw is %s, want what was sent", body.Data.Raw)
	}
}

// equalJSON compares with numbers as written.
func equalJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var out [2]bytes.Buffer
	for i, raw := range [][]byte{a, b} {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatalf("reading JSON: %v", err)
		}
		if err := json.NewEncoder(&out[i]).Encode(v); err != nil { // sorts the keys
			t.Fatalf("writing JSON: %v", err)
		}
	}
	return out[0].String() == out[1].String()
}

// TestWindowCountsReceipts: with the workers away over the end of a window,
// repeats and later events are told apart by when they were received.
func TestWindowCountsReceipts(t *testing.T) {
	t.Parallel()
	hook := newSink(t)
	r := newRelay(t, webhookTo("hook", hook))
	const window = 3 * time.Second
	r.window = "3s"
	r.writeFile()
	r.startIngest()

	before := time.Now()
	first := r.send(preapproval("a"))
	repeat := r.send(preapproval("a"))
	if took := time.Since(before); took > window {
		t.Fatalf("the machine took %v for two requests", took)
	}
	waitUntil(time.Now().Add(window))
	later := r.send(preapproval("a"))
	for _, id := range []string{first, repeat, later} {
		if got := r.receipt(id); got.Status != "accepted" || got.ID != id || got.Source != theSource {
			t.Errorf("before any worker came: %+v", got)
		}
	}
	r.startWorker()

	// A worker takes both of the first window at a time, so either may be the
	// one that the other repeats.
	originals := map[string]bool{}
	for _, id := range []string{first, repeat, later} {
		switch got := r.settle(id, soon); got.Status {
		case "delivered":
			originals[id] = true
		case "duplicate":
			if want := other(id, first, repeat); got.DuplicateOf != want {
				t.Errorf("%s repeats %q, want %q", id, got.DuplicateOf, want)
			}
		default:
			t.Errorf("receipt %+v", got)
		}
	}
	if !originals[later] || originals[first] == originals[repeat] {
		t.Errorf("delivered were %v; want the last, and one of the first two", originals)
	}
	if n, m, all := len(hook.of(first))+len(hook.of(repeat)), len(hook.of(later)), len(hook.all()); n != 1 || m != 1 || all != 2 {
		t.Errorf("%d and %d deliveries, %d in all; want 1, 1 and 2", n, m, all)
	}
}

// other returns the one of a and b that x is not; "" if x is neither.
func other(x, a, b string) string {
	switch x {
	case a:
		return b
	case b:
		return a
	default:
		return ""
	}
}

// TestManyWorkers: three ingests and three workers make one relay.
func TestManyWorkers(t *testing.T) {
	t.Parallel()
	hook := newSink(t)
	r := newRelay(t, webhookTo("hook", hook))
	r.writeFile()
	for range 2 {
		r.startWorker()
	}
	var ids []string
	for _, name := range []string{"a", "b"} {
		r.startIngest()
		for _, body := range [][]byte{preapproval(name), preapproval("same")} {
			ids = append(ids, r.send(body))
		}
	}
	delivered := 0
	for _, id := range ids {
		if r.settle(id, soon).Status == "delivered" {
			delivered++
		}
	}
	if n := len(hook.all()); delivered != 3 || n != 3 {
		t.Errorf("%d delivered, %d requests; want 3: one event was sent through both", delivered, n)
	}
}
