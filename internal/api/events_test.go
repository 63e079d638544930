package api_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/api"
	"accessrelay/internal/event"
	"accessrelay/internal/queue"
	"accessrelay/internal/source/canonical"
)

func TestReceipts(t *testing.T) {
	h := start(t)
	const ch = "6f1c2d3e-0000-4000-8000-00000000000"
	all := h.record(acme,
		delivery(ch+"1", "one", event.StatePending), delivery(ch+"2", "two", event.StateRetrying),
		delivery(ch+"3", "three", event.StateThrottled), delivery(ch+"4", "four", event.StateDelivered),
		delivery(ch+"5", "five", event.StateDead))
	settled := func(change func(*event.Receipt)) string {
		r := event.Receipt{ID: event.NewID(noon), TenantID: acme, Type: event.GrantActive, Source: "acme-p0", Platform: "p0", ReceivedAt: noon}
		change(&r)
		if _, err := h.receipts.Settle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		return r.ID
	}
	d := func(n string) string { return `"id":"dlv_` + strings.TrimPrefix(all, "evt_") + `_` + n + `"` }
	const head = `"source":"acme-p0","platform":"p0","received_at":"2026-03-01T12:00:00.123456Z"`

	queued := h.enqueue(acme)
	duplicate := settled(func(r *event.Receipt) { r.DuplicateOf = all })
	unrouted := settled(func(r *event.Receipt) { r.Unrouted = true })
	delivered := h.record(acme, delivery(ch+"1", "one", event.StateDelivered))
	failed := h.record(acme, delivery(ch+"1", "one", event.StateDead))
	for _, tt := range []struct{ name, id, want string }{
		{"accepted", queued, `{"id":"` + queued + `",` + head + `,"status":"accepted","deliveries":[]}`},
		{"duplicate", duplicate, `{"id":"` + duplicate + `","type":"grant.active",` + head + `,"status":"duplicate","duplicate_of":"` + all + `","deliveries":[]}`},
		{"unrouted", unrouted, `{"id":"` + unrouted + `","type":"grant.active",` + head + `,"status":"unrouted","deliveries":[]}`},
		{"pending", all, `{"id":"` + all + `","type":"grant.active",` + head + `,"status":"pending","deliveries":[
			{` + d("0") + `,"channel_id":"` + ch + `1","channel_name":"one","channel_type":"generic_webhook","state":"pending","attempts":0,"retries_used":0},
			{` + d("1") + `,"channel_id":"` + ch + `2","channel_name":"two","channel_type":"generic_webhook","state":"retrying","attempts":1,"retries_used":1,
			 "last_error":"timeout: no answer","next_attempt_at":"2026-03-01T12:00:02.123456Z"},
			{` + d("2") + `,"channel_id":"` + ch + `3","channel_name":"three","channel_type":"generic_webhook","state":"throttled","attempts":1,"retries_used":0,
			 "last_error":"rate_limited: asked to wait 2 s","next_attempt_at":"2026-03-01T12:00:02.123456Z"},
			{` + d("3") + `,"channel_id":"` + ch + `4","channel_name":"four","channel_type":"generic_webhook","state":"delivered","attempts":1,"retries_used":0,
			 "delivered_at":"2026-03-01T12:00:02.123456Z"},
			{` + d("4") + `,"channel_id":"` + ch + `5","channel_name":"five","channel_type":"generic_webhook","state":"dead","attempts":4,"retries_used":3,
			 "last_error":"server_error: the destination answered 500"}]}`},
		{"delivered", delivered, ""},
		{"failed", failed, ""},
	} {
		got := h.do(request{method: "GET", path: "/v1/events/" + tt.id})
		if got.status != 200 || field(t, got.body, "status") != tt.name {
			t.Errorf("%s: %d %s", tt.name, got.status, got.body)
		}
		if tt.want != "" {
			sameJSON(t, got.body, tt.want)
		}
	}
}

// late is a record that a worker writes only once it has been asked for.
type late struct {
	api.Receipts
	asked int
	write func()
}

func (l *late) Receipt(ctx context.Context, id string) (event.Receipt, error) {
	l.asked++
	r, err := l.Receipts.Receipt(ctx, id)
	if l.asked == 1 {
		l.write()
	}
	return r, err
}

// TestReceiptWhileAWorkerFinishes: between the look at the record and the look
// at the queue, a worker may write the one and leave the other.
func TestReceiptWhileAWorkerFinishes(t *testing.T) {
	id := event.NewID(noon)
	var records *late
	h := start(t, func(c *api.Config) {
		records = &late{Receipts: c.Receipts}
		c.Receipts = records
	})
	records.write = func() {
		_, err := h.receipts.Settle(t.Context(), event.Receipt{
			ID: id, TenantID: acme, Type: event.GrantActive, Source: "acme-p0", Platform: "p0", ReceivedAt: noon, Unrouted: true,
		})
		if err != nil {
			t.Error(err)
		}
	}
	if got := h.do(request{method: "GET", path: "/v1/events/" + id}); got.status != 200 || field(t, got.body, "status") != "unrouted" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestDeliveries(t *testing.T) {
	h := start(t)
	const one, two = "6f1c2d3e-0000-4000-8000-000000000001", "6f1c2d3e-0000-4000-8000-000000000002"
	dead := h.record(acme, delivery(one, "one", event.StateDead))
	both := h.record(acme, delivery(one, "one", event.StateDelivered), delivery(two, "two", event.StateDead))
	h.record(globex, delivery(two, "two", event.StateDead))

	got := h.do(request{method: "GET", path: "/v1/deliveries?state=dead&channel_id=" + one})
	sameJSON(t, got.body, `{"data":[{"id":"`+event.DeliveryID(dead, 0)+`","channel_id":"`+one+`","channel_name":"one",
		"channel_type":"generic_webhook","state":"dead","attempts":4,"retries_used":3,
		"last_error":"server_error: the destination answered 500",
		"event_id":"`+dead+`","event_type":"grant.active","created_at":"2026-03-01T12:00:01.123456Z"}],"next_cursor":null}`)

	for query, want := range map[string][]string{
		"":                                        {event.DeliveryID(dead, 0), event.DeliveryID(both, 0), event.DeliveryID(both, 1)},
		"state=dead":                              {event.DeliveryID(dead, 0), event.DeliveryID(both, 1)},
		"state=delivered":                         {event.DeliveryID(both, 0)},
		"state=pending":                           nil,
		"channel_id=" + one:                       {event.DeliveryID(dead, 0), event.DeliveryID(both, 0)},
		"event_id=" + both:                        {event.DeliveryID(both, 0), event.DeliveryID(both, 1)},
		"event_id=" + both + "&state=dead":        {event.DeliveryID(both, 1)},
		"event_id=" + event.NewID(noon):           nil,
		"channel_id=" + h.file[0].ID:              nil,
		"state=dead&channel_id=" + two:            {event.DeliveryID(both, 1)},
		"state=retrying&channel_id=" + two:        nil,
		"event_id=" + dead + "&channel_id=" + two: nil,
	} {
		for _, limit := range []string{"1", "500"} {
			if got := h.deliveries(query + "&limit=" + limit); sortedJSON(t, got) != sortedJSON(t, want) {
				t.Errorf("?%s in pages of %s: %v, want %v", query, limit, got, want)
			}
		}
	}
}

// deliveries collects the ids over all pages.
func (h *harness) deliveries(query string) []string {
	h.t.Helper()
	ids := []string{}
	for cursor := ""; ; {
		got := h.do(request{method: "GET", path: "/v1/deliveries?" + query + "&cursor=" + cursor})
		var page struct {
			Data []struct {
				ID string `json:"id"`
			} `json:"data"`
			Next *string `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != 200 {
			h.t.Fatalf("%v: %d %s", err, got.status, got.body)
		}
		for _, d := range page.Data {
			ids = append(ids, d.ID)
		}
		if page.Next == nil {
			return ids
		}
		if len(ids) > 100 {
			h.t.Fatal("the list does not end")
		}
		cursor = *page.Next
	}
}

// spy sees what is enqueued on its way to the real queue.
type spy struct {
	*queue.Client
	tasks []queue.EventTask
}

func (s *spy) EnqueueEvent(ctx context.Context, t queue.EventTask) error {
	s.tasks = append(s.tasks, t)
	return s.Client.EnqueueEvent(ctx, t)
}

func TestTestEvent(t *testing.T) {
	var sent *spy
	h := start(t, func(c *api.Config) {
		sent = &spy{Client: c.Events.(*queue.Client)}
		c.Events = sent
	})
	api := h.create("slack-webhook", `{"name":"off <duty>","url":"`+slackURL+`","enabled":false,"event_filters":["grant.active"]}`)
	for _, ch := range []string{api, strings.ToUpper(api), h.file[0].ID} {
		sent.tasks = nil
		got := h.do(request{method: "POST", path: channelsPath + "/" + ch + "/test"})
		id := got.header.Get("Accessrelay-Event-Id")
		if got.status != 202 || got.body != "" || got.header.Get("Content-Length") != "0" || !event.ValidID(id) {
			t.Fatalf("%d %v %q", got.status, got.header, got.body)
		}
		if len(sent.tasks) != 1 {
			t.Fatalf("%d events", len(sent.tasks))
		}
		task := sent.tasks[0]
		if task.ID != id || task.TenantID != acme || task.Source != "relay" || task.Platform != "relay" ||
			task.ChannelID != strings.ToLower(ch) || !task.ReceivedAt.Equal(noon) {
			t.Errorf("task %+v", task)
		}
		// What a worker makes of the body.
		ev := &event.Event{ID: id, TenantID: acme, Source: "relay", Platform: "relay", ReceivedAt: task.ReceivedAt}
		canonical.New(canonical.Relay).Normalize(task.Body, ev)
		if ev.Type != event.Test || ev.Request == nil || !strings.HasPrefix(ev.Request.Reason, "This is a test of the channel") ||
			ev.At().Sub(noon).Abs() > time.Millisecond {
			t.Errorf("event %+v from %s", ev, task.Body)
		}
		if got := h.do(request{method: "GET", path: "/v1/events/" + id}); got.status != 200 || field(t, got.body, "status") != "accepted" {
			t.Errorf("its receipt: %d %s", got.status, got.body)
		}
		if !strings.Contains(h.log.String(), id) {
			t.Error("the log does not name the event")
		}
	}
	// A body is of no interest, whatever it is.
	got := h.do(request{method: "POST", path: channelsPath + "/" + api + "/test", body: "{", header: map[string]string{"Content-Type": "text/plain"}})
	if got.status != 202 {
		t.Errorf("with a body: %d %s", got.status, got.body)
	}
}
