// Package queue carries an event's two steps through Redis on asynq: what a
// task holds, how it is enqueued, and the pumps that hand tasks to the worker's
// handlers. It is the only package that knows asynq.
//
// A task is a hint that somebody should look, not a record: what was delivered
// is written elsewhere, so a task that runs twice, late or after a crash does
// no harm. asynq's own counting, archive and retention are not relied on.
package queue

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/hibiken/asynq"

	"accessrelay/internal/event"
)

// The queues, one for each kind of task. On a Redis Cluster each is made up of
// several.
const (
	Events     = "events"     // accepted events that wait for a worker
	Deliveries = "deliveries" // one task for each channel of an event
)

// Names returns the names of the queues, in a fixed order, without shards.
func Names() []string { return []string{Events, Deliveries} }

// Kinds of task. They are compared whole, never by prefix as asynq's ServeMux
// does: event:v1 must not take event:v10.
const (
	kindEvent    = "event:v1"
	kindDelivery = "delivery:v1"
)

// Task headers. The payload of an event's task is the sender's body to the byte.
const (
	headerTenant      = "tenant"
	headerSource      = "source"
	headerPlatform    = "platform"
	headerReceivedAt  = "received_at" // microseconds since the epoch
	headerTraceParent = "traceparent"
	headerEvent       = "event"
	headerChannel     = "channel"
	headerKey         = "idempotency_key"
)

// EventTask is an accepted event on its way to a worker.
type EventTask struct {
	ID          string
	TenantID    string
	Source      string
	Platform    string
	ReceivedAt  time.Time // exact to the microsecond
	TraceParent string    // W3C trace context, or ""
	ChannelID   string    // "": routed by the channels' filters; else to this channel alone
	// IdempotencyKey, if not "", says what the event repeats instead of its body.
	IdempotencyKey string
	Body           []byte // as received
}

// DeliveryTask asks for one delivery to be looked at. Everything else about it
// stands in its record.
type DeliveryTask struct {
	EventID     string
	N           int // place in the event's fan-out
	Round       int // the record's round; a task of an earlier one is stale
	TraceParent string
}

// id is the task's id: one task a delivery and round, so that a second enqueue
// of the same is refused by Redis instead of running twice.
func (t DeliveryTask) id() string {
	return event.DeliveryID(t.EventID, t.N) + "." + strconv.Itoa(t.Round)
}

func (t EventTask) encode() *asynq.Task {
	h := map[string]string{
		headerEvent:      t.ID,
		headerTenant:     t.TenantID,
		headerSource:     t.Source,
		headerPlatform:   t.Platform,
		headerReceivedAt: strconv.FormatInt(t.ReceivedAt.UnixMicro(), 10),
	}
	if t.TraceParent != "" {
		h[headerTraceParent] = t.TraceParent
	}
	if t.ChannelID != "" {
		h[headerChannel] = t.ChannelID
	}
	if t.IdempotencyKey != "" {
		h[headerKey] = t.IdempotencyKey
	}
	return asynq.NewTaskWithHeaders(kindEvent, t.Body, h)
}

func decodeEvent(headers map[string]string, payload []byte) (EventTask, error) {
	t := EventTask{
		ID:             headers[headerEvent],
		TenantID:       headers[headerTenant],
		Source:         headers[headerSource],
		Platform:       headers[headerPlatform],
		TraceParent:    headers[headerTraceParent],
		ChannelID:      headers[headerChannel],
		IdempotencyKey: headers[headerKey],
		Body:           payload,
	}
	us, err := strconv.ParseInt(headers[headerReceivedAt], 10, 64)
	if err != nil {
		return t, fmt.Errorf("reading task header %s: %w", headerReceivedAt, err)
	}
	t.ReceivedAt = time.UnixMicro(us).UTC()
	if !event.ValidID(t.ID) {
		return t, fmt.Errorf("task header %s is not an event id", headerEvent)
	}
	return t, nil
}

type deliveryPayload struct {
	EventID string `json:"event_id"`
	N       int    `json:"n"`
	Round   int    `json:"round"`
}

func (t DeliveryTask) encode() (*asynq.Task, error) {
	payload, err := json.Marshal(deliveryPayload{t.EventID, t.N, t.Round})
	if err != nil {
		return nil, fmt.Errorf("encoding delivery task: %w", err)
	}
	h := map[string]string{headerEvent: t.EventID}
	if t.TraceParent != "" {
		h[headerTraceParent] = t.TraceParent
	}
	return asynq.NewTaskWithHeaders(kindDelivery, payload, h), nil
}

func decodeDelivery(headers map[string]string, payload []byte) (DeliveryTask, error) {
	var p deliveryPayload
	if err := json.Unmarshal(payload, &p); err != nil {
		return DeliveryTask{}, fmt.Errorf("decoding delivery task: %w", err)
	}
	if !event.ValidID(p.EventID) || p.N < 0 || p.Round < 1 {
		return DeliveryTask{}, fmt.Errorf("delivery task names no delivery")
	}
	return DeliveryTask{p.EventID, p.N, p.Round, headers[headerTraceParent]}, nil
}
