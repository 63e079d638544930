package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/api"
	"accessrelay/internal/event"
	"accessrelay/internal/queue"
	"accessrelay/internal/source/canonical"
)

const eventsPath = "/v1/events"

// startSpied is start with a queue that shows what is enqueued.
func startSpied(t *testing.T) (*harness, *spy) {
	t.Helper()
	var sent *spy
	h := start(t, func(c *api.Config) {
		sent = &spy{Client: c.Events.(*queue.Client)}
		c.Events = sent
	})
	return h, sent
}

// What a worker makes of a task.
func normalized(t *testing.T, task queue.EventTask) *event.Event {
	t.Helper()
	p, ok := canonical.Own(task.Platform)
	if !ok {
		t.Fatalf("nobody reads the platform %q", task.Platform)
	}
	ev := &event.Event{ID: task.ID, TenantID: task.TenantID, Source: task.Source, Platform: task.Platform, ReceivedAt: task.ReceivedAt, Raw: task.Body}
	p.Normalize(task.Body, ev)
	return ev
}

func TestPublish(t *testing.T) {
	h, sent := startSpied(t)
	forwarded := `{"type":"grant.active","timestamp":"2026-01-15T08:00:00Z","data":{"id":"evt_06h02p513g5bywchr2ns19rrp0","type":"grant.active",` +
		`"tenant_id":"` + globex + `","source":"globex-p0","platform":"p0","platform_event":"access-request:DONE","occurred_at":"2026-01-15T08:00:00Z",` +
		`"received_at":"2026-01-15T08:00:01.5Z","request":{"id":"r1"},"raw":{"id":null,"n":1.50}}}`
	bodies := []string{
		`{"type":"grant.revoked"}`,
		"\t{ \"type\" : \"grant.revoked\" ,\n \"data\" : { } }\n",
		`{"type":"request.break_glass","timestamp":"2026-01-15T09:30:00.123456789+05:30","data":{"request":{"reason":"The site is down"}}}`,
		forwarded,
	}
	for _, typ := range canonical.Types() {
		bodies = append(bodies, fmt.Sprintf(`{"type":%q,"data":{"request":{"id":"req-1"}}}`, typ))
	}
	for _, body := range bodies {
		sent.tasks = nil
		got := h.do(request{method: "POST", path: eventsPath, body: body})
		id := got.header.Get("Accessrelay-Event-Id")
		if got.status != 202 || !event.ValidID(id) {
			t.Fatalf("%d %v %s", got.status, got.header, got.body)
		}
		sameJSON(t, got.body, `{"id":"`+id+`","status":"accepted"}`)
		if len(sent.tasks) != 1 {
			t.Fatalf("%d events", len(sent.tasks))
		}
		task := sent.tasks[0]
		if task.ID != id || task.TenantID != acme || task.Source != "api" || task.Platform != "api" || task.ChannelID != "" ||
			task.IdempotencyKey != "" || !task.ReceivedAt.Equal(noon) || string(task.Body) != body {
			t.Errorf("task %+v of %s", task, body)
		}
		ev := normalized(t, task)
		if typ := field(t, body, "type"); string(ev.Type) != typ || ev.ID != id || ev.TenantID != acme || ev.Source != "api" ||
			ev.Platform != "api" || !ev.ReceivedAt.Equal(noon) || string(ev.Raw) != body {
			t.Errorf("event %+v of %s", ev, body)
		}
		receipt := h.do(request{method: "GET", path: eventsPath + "/" + id})
		if receipt.status != 200 || field(t, receipt.body, "status") != "accepted" || field(t, receipt.body, "source") != "api" || field(t, receipt.body, "platform") != "api" {
			t.Errorf("its receipt: %d %s", receipt.status, receipt.body)
		}
		if other := h.do(request{method: "GET", path: eventsPath + "/" + id, key: gloKey, tenant: globex}); other.status != 404 {
			t.Errorf("another tenant's look at it: %d %s", other.status, other.body)
		}
		if !strings.Contains(h.log.String(), id) {
			t.Error("the log does not name the event")
		}
	}
	if strings.Contains(h.log.String(), "The site is down") {
		t.Error("the log quotes a payload")
	}
}

func TestPublishWithAKey(t *testing.T) {
	h, sent := startSpied(t)
	for _, key := range []string{"k", "!", "~", `"quoted";q=1,two`, strings.Repeat("x", 255)} {
		sent.tasks = nil
		got := h.do(request{method: "POST", path: eventsPath, body: `{"type":"grant.revoked"}`, header: map[string]string{"Idempotency-Key": key}})
		if got.status != 202 || len(sent.tasks) != 1 || sent.tasks[0].IdempotencyKey != key {
			t.Errorf("%q: %d %s, tasks %+v", key, got.status, got.body, sent.tasks)
		}
	}
	if strings.Contains(h.log.String(), "quoted") {
		t.Error("the log holds an idempotency key")
	}
}

// The sender's trace context goes with the event, if it is one.
func TestPublishWithATrace(t *testing.T) {
	h, sent := startSpied(t)
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for given, want := range map[string]string{trace: trace, trace + canary: ""} {
		sent.tasks = nil
		got := h.do(request{method: "POST", path: eventsPath, body: `{"type":"grant.revoked"}`, header: map[string]string{"Traceparent": given}})
		if got.status != 202 || len(sent.tasks) != 1 || sent.tasks[0].TraceParent != want {
			t.Errorf("%q: %d, tasks %+v", given, got.status, sent.tasks)
		}
	}
	if log := h.log.String(); !strings.Contains(log, trace) || leaks(log) {
		t.Errorf("the log has the wrong context: %s", log)
	}
}

// Nothing that is refused is enqueued. What can be wrong with the fields of an
// event is tested where they are read.
func TestPublishRefuses(t *testing.T) {
	h, sent := startSpied(t)
	const good = `{"type":"grant.revoked"}`
	deep := strings.Repeat(`[`, 9900) + strings.Repeat(`]`, 9900)
	for _, c := range []struct {
		name   string
		req    request
		status int
		code   string
		fields string
	}{
		{"no key", request{key: "-", body: good}, 401, "unauthenticated", ""},
		{"a wrong key, a wrong body", request{key: "nobody's", body: `{`}, 401, "unauthenticated", ""},
		{"no tenant", request{tenant: "-", body: good}, 400, "tenant_required", ""},
		{"another tenant", request{tenant: globex, body: good}, 403, "tenant_mismatch", ""},
		{"no body", request{}, 415, "unsupported_media_type", ""},
		{"a form", request{body: good, header: map[string]string{"Content-Type": "text/plain"}}, 415, "unsupported_media_type", ""},
		{"compressed", request{body: good, header: map[string]string{"Content-Encoding": "gzip"}}, 415, "unsupported_media_type", ""},
		{"too large", request{body: `{"type":"grant.revoked","data":{"raw":"` + strings.Repeat("x", 1<<20) + `"}}`}, 413, "too_large", ""},
		{"no JSON", request{body: `{"type":`}, 400, "malformed", ""},
		{"not UTF-8", request{body: "{\"type\":\"grant.revoked\",\"data\":{\"raw\":\"\xff\"}}"}, 400, "malformed", ""},
		{"a list", request{body: `[` + good + `]`}, 400, "malformed", ""},
		{"two", request{body: good + good}, 400, "malformed", ""},
		{"too deep", request{body: `{"type":"grant.revoked","data":{"raw":` + deep + `}}`}, 400, "malformed", ""},
		{"deeper than JSON is read", request{body: `{"type":"grant.revoked","data":{"raw":[` + deep + deep + `]}}`}, 400, "malformed", ""},
		{"no type", request{body: `{"data":{}}`}, 400, "invalid", `["type"]`},
		{"the relay's own type", request{body: `{"type":"test"}`}, 400, "invalid", `["type"]`},
		{"unrecognized", request{body: `{"type":"unrecognized"}`}, 400, "invalid", `["type"]`},
		{"a key twice", request{body: `{"type":"grant.revoked","type":"grant.revoked"}`}, 400, "invalid", `["type"]`},
		{"a key twice further in", request{body: `{"type":"grant.revoked","data":{"request":{"id":"1","id":"2"}}}`}, 400, "invalid", `["data.request.id"]`},
		{"a key of nobody's", request{body: `{"type":"grant.revoked","source":"x"}`}, 400, "invalid", `["source"]`},
		{"a key of nobody's further in", request{body: `{"type":"grant.revoked","data":{"requestor":{}}}`}, 400, "invalid", `["data.requestor"]`},
		{"everything", request{body: `{"type":"x","timestamp":0,"data":{"access":{}}}`, header: map[string]string{"Idempotency-Key": " "}},
			400, "invalid", `["Idempotency-Key","data.access","timestamp","type"]`},
		{"an empty idempotency key", request{body: good, header: map[string]string{"Idempotency-Key": " "}}, 400, "invalid", `["Idempotency-Key"]`},
		{"one with a blank", request{body: good, header: map[string]string{"Idempotency-Key": "a b"}}, 400, "invalid", `["Idempotency-Key"]`},
		{"one with a tab", request{body: good, header: map[string]string{"Idempotency-Key": "a\tb"}}, 400, "invalid", `["Idempotency-Key"]`},
		{"one that is not ASCII", request{body: good, header: map[string]string{"Idempotency-Key": "schlüssel"}}, 400, "invalid", `["Idempotency-Key"]`},
		{"one of 256", request{body: good, header: map[string]string{"Idempotency-Key": strings.Repeat("x", 256)}}, 400, "invalid", `["Idempotency-Key"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := *h
			h.t = t
			c.req.method, c.req.path = "POST", eventsPath
			got := h.do(c.req)
			if got.status != c.status || field(t, got.body, "code") != c.code {
				t.Fatalf("%d %s, want %d %s", got.status, got.body, c.status, c.code)
			}
			if c.fields != "" {
				if keys := wrongFields(t, got.body); keys != c.fields {
					t.Errorf("details name %s, want %s", keys, c.fields)
				}
			}
			if got.header.Get("Accessrelay-Event-Id") != "" {
				t.Error("the answer names an event")
			}
		})
	}
	if len(sent.tasks) != 0 {
		t.Errorf("%d events were enqueued", len(sent.tasks))
	}
}

func TestPublishRefusesTwoKeys(t *testing.T) {
	h, sent := startSpied(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.server.URL+eventsPath, strings.NewReader(`{"type":"grant.revoked"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"X-Api-Key": {acmeKey}, "X-Tenant-Id": {acme}, "Content-Type": {"application/json"}, "Idempotency-Key": {"a", "a"}}
	res, err := h.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 400 || len(sent.tasks) != 0 {
		t.Errorf("%d, and %d events", res.StatusCode, len(sent.tasks))
	}
}

// held is a queue that confirms when it is let.
type held struct {
	*queue.Client
	asked chan context.Context
	let   chan error
}

func (q *held) EnqueueEvent(ctx context.Context, _ queue.EventTask) error {
	q.asked <- ctx
	return <-q.let
}

func startHeld(t *testing.T) (*harness, *held) {
	t.Helper()
	q := &held{asked: make(chan context.Context), let: make(chan error)}
	h := start(t, func(c *api.Config) {
		q.Client = c.Events.(*queue.Client)
		c.Events = q
	})
	return h, q
}

// 202 is written once Redis has confirmed, and not before.
func TestPublishWaitsForTheConfirmation(t *testing.T) {
	h, q := startHeld(t)
	for _, c := range []struct {
		err    error
		status int
		text   string
	}{
		{nil, 202, `"accepted"`},
		{context.DeadlineExceeded, 503, "send it again"},
		{errors.New("OOM command not allowed when used memory > 'maxmemory'"), 503, "Redis is full"},
	} {
		answers := make(chan reply, 1)
		go func() { answers <- h.do(request{method: "POST", path: eventsPath, body: `{"type":"grant.revoked"}`}) }()
		<-q.asked
		select {
		case got := <-answers:
			t.Fatalf("answered before Redis did: %d", got.status)
		default:
		}
		q.let <- c.err
		got := <-answers
		if got.status != c.status || !strings.Contains(got.body, c.text) {
			t.Errorf("%d %s, want %d", got.status, got.body, c.status)
		}
		if retry := got.header.Get("Retry-After"); (retry != "") != (c.status == 503) {
			t.Errorf("%d with Retry-After %q", got.status, retry)
		}
		if id := got.header.Get("Accessrelay-Event-Id"); (id != "") != (c.status == 202) {
			t.Errorf("%d with the event %q", got.status, id)
		}
	}
}

// A caller that hangs up has still sent the event.
func TestPublishOutlivesItsCaller(t *testing.T) {
	h, q := startHeld(t)
	ctx, hangUp := context.WithCancel(t.Context())
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, eventsPath, strings.NewReader(`{"type":"grant.revoked"}`))
	req.Header = http.Header{"X-Api-Key": {acmeKey}, "X-Tenant-Id": {acme}, "Content-Type": {"application/json"}}
	answer := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.server.Config.Handler.ServeHTTP(answer, req)
	}()
	enqueue := <-q.asked
	hangUp()
	if err := enqueue.Err(); err != nil {
		t.Errorf("the enqueue was given up: %v", err)
	}
	if deadline, ok := enqueue.Deadline(); !ok || time.Until(deadline) > 2*time.Second {
		t.Errorf("the enqueue may take until %v (%t)", deadline, ok)
	}
	q.let <- nil
	<-done
	if answer.Code != 202 || !strings.Contains(h.log.String(), "event accepted") {
		t.Errorf("%d: %s", answer.Code, h.log)
	}
}
