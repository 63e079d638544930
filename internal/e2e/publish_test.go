package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

const eventsPath = "/v1/events"

// published is a call that publishes an event; key may be "".
func (r *relay) published(key, body string) *http.Request {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodPost, r.ingest.listener("api")+eventsPath, strings.NewReader(body))
	if err != nil {
		r.t.Fatalf("making a request: %v", err)
	}
	req.Header.Set("X-API-Key", r.apiKey)
	req.Header.Set("X-Tenant-ID", tenant)
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	return req
}

// publish publishes an event that must be accepted, and returns its id.
func (r *relay) publish(key, body string) string {
	r.t.Helper()
	got, err := do(r.published(key, body))
	if err != nil {
		r.t.Fatalf("publishing: %v", err)
	}
	answer := decode[struct{ ID, Status string }](r.t, got, http.StatusAccepted)
	if answer.ID == "" || answer.ID != got.eventID() || answer.Status != "accepted" {
		r.t.Fatalf("publishing: %v %s", got.header, got.body)
	}
	return answer.ID
}

// delivered is what a generic webhook is sent.
type delivered struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		ID         string          `json:"id"`
		Type       string          `json:"type"`
		Tenant     string          `json:"tenant_id"`
		Source     string          `json:"source"`
		Platform   string          `json:"platform"`
		ReceivedAt time.Time       `json:"received_at"`
		Request    map[string]any  `json:"request"`
		Raw        json.RawMessage `json:"raw"`
	} `json:"data"`
}

func wantDelivered(t *testing.T, got received, id, sent string) delivered {
	t.Helper()
	var d delivered
	if err := json.Unmarshal(got.body, &d); err != nil {
		t.Fatalf("reading what was delivered: %v: %s", err, got.body)
	}
	var raw bytes.Buffer
	if err := json.Compact(&raw, []byte(sent)); err != nil {
		t.Fatal(err)
	}
	if d.Data.ID != id || d.Data.Tenant != tenant || d.Data.Source != "api" || d.Data.Platform != "api" ||
		d.Type != "grant.revoked" || d.Data.Type != d.Type || string(d.Data.Raw) != raw.String() {
		t.Errorf("delivered %s, want event %s of\n%s", got.body, id, sent)
	}
	return d
}

// TestPublish: an event of one's own goes the way of the hooks', and what one
// relay's webhook sends another takes as it is.
func TestPublish(t *testing.T) {
	t.Parallel()
	siem, picky := newSink(t), newSink(t)
	r := newRelay(t, webhookTo("siem", siem), channelConf{name: "picky", kind: "generic-webhook", config: map[string]any{"url": picky.url}, filters: []string{"request.*"}})
	r.writeFile()
	r.startIngest()

	const body = `{"type":"grant.revoked","timestamp":"2026-01-15T10:30:00.5+01:00","data":{"request":{"id":"r1","reason":"Left the team"}}}`
	id := r.publish("", body)
	if got := r.receipt(id); got.Status != "accepted" || got.Source != "api" || got.Platform != "api" {
		t.Errorf("receipt before a worker came: %+v", got)
	}
	r.startWorker()
	if got := r.settle(id, soon); got.Status != "delivered" || got.Type != "grant.revoked" || len(got.Deliveries) != 1 {
		t.Errorf("receipt %+v", got)
	}
	first := siem.await(t, 1)[0]
	d := wantDelivered(t, first, id, body)
	if want := time.Date(2026, 1, 15, 9, 30, 0, 500_000_000, time.UTC); !d.Timestamp.Equal(want) || d.Data.Request["id"] != "r1" {
		t.Errorf("delivered %s", first.body)
	}

	// The webhook's own body, sent on.
	again := r.publish("", string(first.body))
	if got := r.settle(again, soon); got.Status != "delivered" || got.Type != "grant.revoked" {
		t.Errorf("receipt of what was sent on: %+v", got)
	}
	second := wantDelivered(t, siem.await(t, 2)[1], again, string(first.body))
	if !second.Timestamp.Equal(d.Timestamp) || second.Data.Request["id"] != "r1" || second.Data.ReceivedAt.Equal(d.Data.ReceivedAt) {
		t.Errorf("sent on it is %+v, was %+v", second, d)
	}
	if n := len(picky.all()); n != 0 {
		t.Errorf("a channel that does not want the event had %d requests", n)
	}
	r.idle()
	r.worker.scrape().want(t, 2, "accessrelay_events_total", "platform", "api", "type", "grant.revoked", "outcome", "routed")
}

func TestPublishOnce(t *testing.T) {
	t.Parallel()
	siem := newSink(t)
	r := newRelay(t, webhookTo("siem", siem))
	r.start()
	const body = `{"type":"grant.revoked","data":{"request":{"id":"r1"}}}`
	for _, c := range []struct {
		key, body string
		status    string
	}{
		{"k1", body, "delivered"},
		{"k1", body, "duplicate"},
		{"k1", strings.Replace(body, "r1", "r2", 1), "duplicate"},
		{"k2", body, "delivered"},
		{"", body, "delivered"},
		{"", ` { "data": {"request": {"id":"r1"}}, "type" : "grant.revoked" } `, "duplicate"},
	} {
		id := r.publish(c.key, c.body)
		got := r.settle(id, soon)
		if got.Status != c.status || (got.DuplicateOf == "") == (c.status == "duplicate") {
			t.Errorf("key %q, %s: %+v, want %s", c.key, c.body, got, c.status)
		}
	}
	if n := len(siem.all()); n != 3 {
		t.Errorf("%d deliveries, want 3", n)
	}
}

// What is refused reaches Redis in no way.
func TestPublishRefused(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	r.start()
	const body = `{"type":"grant.revoked"}`
	for _, c := range []struct {
		name   string
		spoil  func(*http.Request)
		status int
		code   string
	}{
		{"no key", header("X-API-Key", ""), 401, "unauthenticated"},
		{"another key", header("X-API-Key", "ark_other"), 401, "unauthenticated"},
		{"a hook's token", both(header("X-API-Key", ""), header("Authorization", "Bearer "+r.signer.token())), 401, "unauthenticated"},
		{"another tenant", header("X-Tenant-ID", "0b0b0b0b-1111-4222-8333-abcdefabcdef"), 403, "tenant_mismatch"},
		{"no tenant", header("X-Tenant-ID", ""), 400, "tenant_required"},
		{"a type of nobody's", func(q *http.Request) { *q = *r.published("", `{"type":"grant.borrowed"}`) }, 400, "invalid"},
		{"an event that is none", func(q *http.Request) { *q = *r.published("", `[]`) }, 400, "malformed"},
	} {
		req := r.published("", body)
		c.spoil(req)
		got, err := do(req)
		if err != nil {
			t.Fatal(err)
		}
		wantProblem(t, c.name, got, c.status, c.code, "")
	}
	for _, kind := range []string{"events", "deliveries"} {
		if n := r.redis.Client().Keys(t.Context(), "asynq:{"+kind+"}:t:*").Val(); len(n) > 0 {
			t.Errorf("%s were enqueued: %v", kind, n)
		}
	}
	if n := r.redis.Client().Keys(t.Context(), "ar:{evt_*").Val(); len(n) > 0 {
		t.Errorf("events were recorded: %v", n)
	}
}
