package api_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/api"
	"accessrelay/internal/event"
)

// calls is one of each that needs Redis.
func calls(id string) []request {
	var out []request
	for _, c := range configs {
		out = append(out, request{method: "POST", path: channelsPath + "/" + c.slug, body: `{"name":"b",` + c.flat + `}`})
	}
	return append(out, []request{
		{method: "GET", path: channelsPath},
		{method: "GET", path: channelsPath + "/" + id},
		{method: "PUT", path: channelsPath + "/" + id, body: `{"enabled":true}`},
		{method: "DELETE", path: channelsPath + "/" + id},
		{method: "POST", path: channelsPath + "/" + id + "/test"},
		{method: "GET", path: "/v1/events/" + event.NewID(noon)},
		{method: "POST", path: "/v1/events", body: `{"type":"grant.revoked"}`},
		{method: "GET", path: "/v1/deliveries"},
		{method: "POST", path: "/v1/deliveries/" + event.DeliveryID(event.NewID(noon), 0) + "/replay"},
		{method: "POST", path: "/v1/deliveries/replay", body: `{}`},
		{method: "DELETE", path: "/v1/deliveries/" + event.DeliveryID(event.NewID(noon), 0)},
	}...)
}

// TestRedisHangs: a Redis that says nothing is told from one that says no, and
// the API answers as soon as it listens again.
func TestRedisHangs(t *testing.T) {
	h := start(t, func(c *api.Config) { c.Timeout = 100 * time.Millisecond })
	id := h.create("slack-webhook", `{"name":"a","url":"`+slackURL+`"}`)
	h.redis.Pause()
	for _, r := range calls(id) {
		began := time.Now()
		got := h.do(r)
		if got.status != 503 || got.header.Get("Retry-After") == "" || field(t, got.body, "code") != "unavailable" {
			t.Errorf("%s %s: %d %v %s", r.method, r.path, got.status, got.header, got.body)
		}
		if took := time.Since(began); took > 2*time.Second { // 100 ms and a busy machine
			t.Errorf("%s %s took %v", r.method, r.path, took)
		}
	}
	// What needs no Redis is answered as ever.
	if got := h.do(request{method: "GET", path: channelsPath, key: "-"}); got.status != 401 {
		t.Errorf("no key: %d", got.status)
	}
	if got := h.do(request{method: "GET", path: "/v1/events/evt_1"}); got.status != 404 {
		t.Errorf("no event id: %d", got.status)
	}
	h.redis.Resume()
	h.await200(request{method: "GET", path: channelsPath})
	if leaks(h.log.String()) {
		t.Error("the log holds a secret")
	}
}

func TestRedisIsGone(t *testing.T) {
	h := start(t, func(c *api.Config) { c.Timeout = 100 * time.Millisecond })
	id := h.create("slack-webhook", `{"name":"a","url":"`+slackURL+`"}`)
	h.redis.Kill()
	for _, r := range calls(id) {
		if got := h.do(r); got.status != 503 || got.header.Get("Retry-After") == "" {
			t.Errorf("%s %s: %d %s", r.method, r.path, got.status, got.body)
		}
	}
	h.redis.Restart()
	h.await200(request{method: "GET", path: channelsPath})
}

// await200 repeats r until it is answered well again.
func (h *harness) await200(r request) {
	h.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for got := h.do(r); got.status != 200; got = h.do(r) {
		if time.Now().After(deadline) {
			h.t.Fatalf("no 200 after Redis came back: %d %s", got.status, got.body)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// broken is a record that panics with what it was given.
type broken struct{ api.Receipts }

func (broken) Receipt(_ context.Context, id string) (event.Receipt, error) { panic(canary + id) }

func TestPanic(t *testing.T) {
	h := start(t, func(c *api.Config) { c.Receipts = broken{c.Receipts} })
	got := h.do(request{method: "GET", path: "/v1/events/" + event.NewID(noon)})
	if got.status != 500 || field(t, got.body, "code") != "internal" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if leaks(h.log.String()) {
		t.Error("the log holds the panic's value")
	}
	if line := h.callLine(got); line.Status != 500 {
		t.Errorf("logged as %+v", line)
	}
}

type callLine struct {
	Msg       string `json:"msg"`
	Method    string `json:"method"`
	Route     string `json:"route"`
	Status    int    `json:"status"`
	Tenant    string `json:"tenant"`
	Key       string `json:"key"`
	RequestID string `json:"request_id"`
}

// callLine finds the one line about the call that got answers.
func (h *harness) callLine(got reply) callLine {
	h.t.Helper()
	var found []callLine
	for line := range strings.Lines(h.log.String()) {
		var l callLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			h.t.Fatalf("%v: %s", err, line)
		}
		if l.Msg == "API call" && l.RequestID == got.header.Get("X-Request-Id") {
			found = append(found, l)
		}
	}
	if len(found) != 1 {
		h.t.Fatalf("%d lines about the call", len(found))
	}
	return found[0]
}

func TestLog(t *testing.T) {
	h := start(t)
	id := h.create("slack-webhook", `{"name":"a","url":"`+slackURL+`"}`)
	for _, tt := range []struct {
		req  request
		want callLine
	}{
		{request{method: "GET", path: channelsPath + "/" + id},
			callLine{Method: "GET", Route: "/v1/notification-channels/{id}", Status: 200, Tenant: acme, Key: "terraform"}},
		{request{method: "POST", path: channelsPath + "/generic-webhook", key: ciKey, body: `{"` + canary + `":1}`},
			callLine{Method: "POST", Route: "/v1/notification-channels/{type}", Status: 400, Tenant: acme, Key: "ci"}},
		{request{method: "HEAD", path: "/v1/deliveries?state=" + canary, key: bothKey, tenant: globex},
			callLine{Method: "HEAD", Route: "/v1/deliveries", Status: 400, Tenant: globex, Key: "shared"}},
		{request{method: "GET", path: channelsPath, tenant: globex},
			callLine{Method: "GET", Route: "/v1/notification-channels", Status: 403, Tenant: acme, Key: "terraform"}},
		{request{method: "GET", path: channelsPath, key: canary},
			callLine{Method: "GET", Route: "/v1/notification-channels", Status: 401}},
		{request{method: "GET", path: "/" + canary}, callLine{Method: "GET", Status: 404}},
		{request{method: "PATCH", path: channelsPath + "/" + canary}, callLine{Method: "PATCH", Status: 405}},
	} {
		h := *h
		got := h.doUnchecked(tt.req)
		line := h.callLine(got)
		tt.want.Msg, tt.want.RequestID = line.Msg, line.RequestID
		if line != tt.want {
			t.Errorf("%s %s\n got %+v\nwant %+v", tt.req.method, tt.req.path, line, tt.want)
		}
	}
	if leaks(h.log.String()) {
		t.Errorf("the log holds what was sent: %s", h.log)
	}
}

// TestReload: a key counts for as long as the tenants that are asked for have it.
func TestReload(t *testing.T) {
	gone := false
	h := start(t, func(c *api.Config) {
		all := c.Tenants
		c.Tenants = func() []api.Tenant {
			if gone {
				return all()[1:]
			}
			return all()
		}
	})
	for _, want := range []int{200, 401} {
		if got := h.do(request{method: "GET", path: channelsPath}); got.status != want {
			t.Errorf("%d, want %d", got.status, want)
		}
		gone = true
	}
}
