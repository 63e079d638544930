package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"accessrelay/internal/api"
	"accessrelay/internal/event"
	"accessrelay/internal/queue"
	"accessrelay/internal/receipt"
)

const (
	chOne = "6f1c2d3e-0000-4000-8000-000000000001"
	chTwo = "6f1c2d3e-0000-4000-8000-000000000002"
)

// deliverySpy sees the deliveries that are enqueued on their way to the queue.
type deliverySpy struct {
	*queue.Client
	tasks []queue.DeliveryTask
}

func (s *deliverySpy) EnqueueDelivery(ctx context.Context, t queue.DeliveryTask) error {
	s.tasks = append(s.tasks, t)
	return s.Client.EnqueueDelivery(ctx, t)
}

func spyOn(into **deliverySpy) func(*api.Config) {
	return func(c *api.Config) {
		*into = &deliverySpy{Client: c.Events.(*queue.Client)}
		c.Events = *into
	}
}

// waiting is how many deliveries wait for a worker.
func (h *harness) waiting() int {
	h.t.Helper()
	depths, err := h.queue.Depths(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, d := range depths {
		if d.Queue == queue.Deliveries {
			return d.Sizes["pending"]
		}
	}
	h.t.Fatal("no such queue")
	return 0
}

// gauge is the number of acme's dead letters that the metric shows.
func (h *harness) gauge() int {
	h.t.Helper()
	n, err := h.receipts.DeadLetters(h.t.Context(), []string{acme}, []string{"generic_webhook"})
	if err != nil {
		h.t.Fatal(err)
	}
	return n["generic_webhook"]
}

// replayPage replays by filter, one page.
func (h *harness) replayPage(body string) (ids []string, next *string) {
	h.t.Helper()
	got := h.do(request{method: "POST", path: "/v1/deliveries/replay", body: body})
	var page struct {
		Data []struct{ ID, Status string } `json:"data"`
		Next *string                       `json:"next_cursor"`
	}
	if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != 202 {
		h.t.Fatalf("%v: %d %s", err, got.status, got.body)
	}
	for _, d := range page.Data {
		if d.Status != "accepted" {
			h.t.Errorf("%+v", d)
		}
		ids = append(ids, d.ID)
	}
	return ids, page.Next
}

func TestReplay(t *testing.T) {
	var sent *deliverySpy
	h := start(t, spyOn(&sent))
	ev := h.record(acme, delivery(chOne, "one", event.StateDelivered), delivery(chTwo, "two", event.StateDead))
	h.record(acme, delivery(chTwo, "two", event.StateDead))
	id := event.DeliveryID(ev, 1)
	for i := range 2 { // the answer to the first may have been lost
		got := h.do(request{method: "POST", path: "/v1/deliveries/" + id + "/replay"})
		if got.status != 202 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		sameJSON(t, got.body, `{"id":"`+id+`","status":"accepted"}`)
		want := queue.DeliveryTask{EventID: ev, N: 1, Round: 2}
		if len(sent.tasks) != i+1 || sent.tasks[i] != want || h.waiting() != 1 {
			t.Errorf("tasks %+v, %d wait; want one %+v", sent.tasks, h.waiting(), want)
		}
	}
	if n := h.gauge(); n != 1 {
		t.Errorf("%d dead letters, want the other one", n)
	}
	got := h.do(request{method: "GET", path: "/v1/deliveries?event_id=" + ev})
	want := `"state":"pending","attempts":4,"retries_used":0,"last_error":"server_error: the destination answered 500","event_id"`
	if !strings.Contains(got.body, want) {
		t.Errorf("no %s in %s", want, got.body)
	}
	if got := h.do(request{method: "GET", path: "/v1/events/" + ev}); field(t, got.body, "status") != "pending" {
		t.Errorf("the receipt: %s", got.body)
	}
	if !strings.Contains(h.log.String(), id) {
		t.Error("the log does not name the delivery")
	}

	// Once the round has made an attempt it is no longer the same request.
	d, err := h.receipts.Delivery(t.Context(), acme, ev, 1)
	if err != nil {
		t.Fatal(err)
	}
	d.State, d.NextAttemptAt = event.StateRetrying, noon
	if err := h.receipts.Record(t.Context(), acme, d); err != nil {
		t.Fatal(err)
	}
	if got := h.do(request{method: "POST", path: "/v1/deliveries/" + id + "/replay"}); got.status != 409 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// dying is a record whose process dies before it begins a round.
type dying struct {
	api.Receipts
	err error
}

func (d *dying) Replay(ctx context.Context, tenantID string, del event.Delivery) error {
	if d.err != nil {
		return d.err
	}
	return d.Receipts.Replay(ctx, tenantID, del)
}

// TestReplayDeath: between the task and the record there is always a task, and
// never a delivery that is pending and has none.
func TestReplayDeath(t *testing.T) {
	var records *dying
	var sent *deliverySpy
	h := start(t, spyOn(&sent), func(c *api.Config) {
		records = &dying{c.Receipts, errors.New("no answer from Redis")}
		c.Receipts = records
	})
	ev := h.record(acme, delivery(chOne, "one", event.StateDead))
	replay := request{method: "POST", path: "/v1/deliveries/" + event.DeliveryID(ev, 0) + "/replay"}
	if got := h.do(replay); got.status != 503 || h.waiting() != 1 || h.gauge() != 1 {
		t.Fatalf("%d %s, %d wait", got.status, got.body, h.waiting())
	}
	records.err = nil
	if got := h.do(replay); got.status != 202 || h.waiting() != 1 || h.gauge() != 0 {
		t.Errorf("again: %d %s, %d wait, %d dead", got.status, got.body, h.waiting(), h.gauge())
	}

	records.err = receipt.ErrNotFound // deleted by somebody else
	gone := h.record(acme, delivery(chOne, "one", event.StateDead))
	if got := h.do(request{method: "POST", path: "/v1/deliveries/" + event.DeliveryID(gone, 0) + "/replay"}); got.status != 404 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if ids, next := h.replayPage(`{}`); len(ids) != 0 || next != nil {
		t.Errorf("by filter: %v", ids)
	}
}

func TestReplayByFilter(t *testing.T) {
	var sent *deliverySpy
	h := start(t, spyOn(&sent))
	var one, two []string
	for range 7 {
		ev := h.record(acme, delivery(chOne, "one", event.StateDead), delivery(chTwo, "two", event.StateDead), delivery(chOne, "one", event.StateDelivered))
		one, two = append(one, event.DeliveryID(ev, 0)), append(two, event.DeliveryID(ev, 1))
	}
	h.record(globex, delivery(chOne, "one", event.StateDead))
	h.record(acme, delivery(chOne, "one", event.StateRetrying))

	ev, _, _ := event.ParseDeliveryID(one[3])
	if ids, next := h.replayPage(`{"event_id":"` + ev + `","channel_id":"` + strings.ToUpper(chOne) + `"}`); !slices.Equal(ids, one[3:4]) || next != nil {
		t.Errorf("one event and channel: %v, %v", ids, next)
	}
	one = slices.Delete(one, 3, 4)

	var all []string
	body := `{"channel_id":"` + chOne + `","limit":2}`
	for range 10 {
		ids, next := h.replayPage(body)
		all = append(all, ids...)
		if len(ids) > 2 {
			t.Fatalf("a page of %d", len(ids))
		}
		if next == nil {
			break
		}
		// One that dies again at once is not met again on the way.
		h.dieAgain(ids[0])
		body = fmt.Sprintf(`{"channel_id":%q,"limit":2,"cursor":%q}`, chOne, *next)
	}
	slices.Sort(all)
	slices.Sort(one)
	if !slices.Equal(all, one) {
		t.Errorf("one channel, page by page: %v\nwant %v", all, one)
	}
	for _, task := range sent.tasks {
		if task.Round != 2 {
			t.Errorf("task %+v", task)
		}
	}
	died := h.deliveries("state=dead&channel_id=" + chOne)
	if len(died) == 0 {
		t.Error("nothing died again")
	}
	ids, next := h.replayPage(`{}`)
	if want := append(two, died...); next != nil || sortedJSON(t, ids) != sortedJSON(t, want) {
		t.Errorf("all that is left: %v, want %v", ids, want)
	}
	if n, waiting := h.gauge(), h.waiting(); n != 0 || waiting != 14+len(died) {
		t.Errorf("%d dead letters are counted, %d tasks wait", n, waiting)
	}
}

// dieAgain ends the delivery's round as a worker does.
func (h *harness) dieAgain(id string) {
	h.t.Helper()
	ev, n, _ := event.ParseDeliveryID(id)
	d, err := h.receipts.Delivery(h.t.Context(), acme, ev, n)
	if err != nil {
		h.t.Fatal(err)
	}
	d.State, d.DeadAt = event.StateDead, d.RoundAt
	if err := h.receipts.Record(h.t.Context(), acme, d); err != nil {
		h.t.Fatal(err)
	}
}

func TestDeleteDelivery(t *testing.T) {
	h := start(t)
	ev := h.record(acme, delivery(chOne, "one", event.StateDead), delivery(chTwo, "two", event.StateDelivered))
	id := event.DeliveryID(ev, 0)
	if got := h.do(request{method: "DELETE", path: "/v1/deliveries/" + id}); got.status != 204 || got.body != "" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	got := h.do(request{method: "GET", path: "/v1/events/" + ev})
	if field(t, got.body, "status") != "partial" || strings.Contains(got.body, id) || !strings.Contains(got.body, event.DeliveryID(ev, 1)) {
		t.Errorf("the receipt: %s", got.body)
	}
	if ids := h.deliveries("state=dead"); len(ids) != 0 || h.gauge() != 0 {
		t.Errorf("dead: %v, %d counted", ids, h.gauge())
	}
	if !strings.Contains(h.log.String(), id) {
		t.Error("the log does not name the delivery")
	}
}
