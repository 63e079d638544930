package api_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/queue"
	"accessrelay/internal/secret"
)

// seed fills the relay: channels of two tenants, and events that are queued and
// recorded. It returns what there is by name.
func (h *harness) seed() map[string]string {
	h.t.Helper()
	n := map[string]string{
		"nobody": "00000000-0000-4000-8000-000000000000",
		"hash":   secret.HashAPIKey(acmeKey),
		"file":   h.file[0].ID,
	}
	n["api"] = h.create("slack-webhook", `{"name":"engineering-slack","webhook_url":"`+slackURL+`"}`)
	n["API"] = strings.ToUpper(n["api"])
	n["siem"] = h.create("generic-webhook", `{"name":"siem","url":"`+webhookURL+`"}`)
	got := h.do(request{method: "POST", path: "/v1/notification-channels/generic-webhook", key: gloKey, tenant: globex,
		body: `{"name":"globex-hook","url":"` + webhookURL + `"}`})
	n["globex-channel"] = field(h.t, got.body, "id")

	n["no-event"] = event.NewID(noon)
	n["queued"] = h.enqueue(acme)
	n["globex-queued"] = h.enqueue(globex)
	n["globex-event"] = h.record(globex, delivery(n["globex-channel"], "globex-hook", event.StateDelivered))
	n["partial"] = h.record(acme,
		delivery(n["api"], "engineering-slack", event.StateDelivered), delivery(n["siem"], "siem", event.StateDead))
	failed := h.record(acme, delivery(n["siem"], "siem", event.StateDead), delivery(n["siem"], "siem", event.StateDead), delivery(n["siem"], "siem", event.StateRetrying))
	n["dead"], n["dead-too"], n["open"] = event.DeliveryID(failed, 0), event.DeliveryID(failed, 1), event.DeliveryID(failed, 2)
	n["delivered"], n["no-delivery"] = event.DeliveryID(n["partial"], 0), event.DeliveryID(n["partial"], 2)
	n["globex-failed"] = h.record(globex, delivery(n["globex-channel"], "globex-hook", event.StateDead))
	n["globex-dead"] = event.DeliveryID(n["globex-failed"], 0)
	return n
}

// enqueue puts an event of the tenant's into the queue, where no worker comes for it.
func (h *harness) enqueue(tenantID string) string {
	h.t.Helper()
	id := event.NewID(noon)
	err := h.queue.EnqueueEvent(h.t.Context(), queue.EventTask{
		ID: id, TenantID: tenantID, Source: "acme-p0", Platform: "p0", ReceivedAt: noon, Body: []byte(`{"reason":"` + canary + `"}`),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// record leaves an event of the tenant's as a worker does that has made the deliveries.
func (h *harness) record(tenantID string, deliveries ...event.Delivery) string {
	h.t.Helper()
	id := event.NewID(noon)
	plan := slices.Clone(deliveries)
	for i := range plan {
		plan[i].EventID, plan[i].N, plan[i].Round = id, i, 1
		plan[i].CreatedAt, plan[i].RoundAt = noon.Add(time.Second), noon.Add(time.Second)
	}
	asPlanned := slices.Clone(plan)
	for i := range asPlanned {
		d := &asPlanned[i]
		d.State, d.Attempts, d.RetriesUsed, d.LastReason, d.LastError = event.StatePending, 0, 0, "", ""
		d.NextAttemptAt, d.DeliveredAt, d.DeadAt = time.Time{}, time.Time{}, time.Time{}
	}
	ev := &event.Event{
		ID: id, Type: event.GrantActive, TenantID: tenantID, Source: "acme-p0", Platform: "p0", ReceivedAt: noon,
		Raw: json.RawMessage(`{"reason":"` + canary + `"}`),
	}
	if _, err := h.receipts.Open(h.t.Context(), ev, asPlanned); err != nil {
		h.t.Fatal(err)
	}
	for i, d := range plan {
		if d.State == event.StatePending {
			continue
		}
		if err := h.receipts.Record(h.t.Context(), tenantID, plan[i]); err != nil {
			h.t.Fatal(err)
		}
	}
	return id
}

// delivery is one in the given state, with the facts that such a one has.
func delivery(channelID, name string, s event.State) event.Delivery {
	d := event.Delivery{ChannelID: channelID, ChannelName: name, ChannelType: "generic_webhook", State: s}
	at := noon.Add(2 * time.Second)
	switch s {
	case event.StatePending: // nothing more is known of it
	case event.StateDelivered:
		d.Attempts, d.DeliveredAt = 1, at
	case event.StateDead:
		d.Attempts, d.RetriesUsed, d.DeadAt = 4, 3, at
		d.LastReason, d.LastError = "server_error", "server_error: the destination answered 500"
	case event.StateRetrying:
		d.Attempts, d.RetriesUsed, d.NextAttemptAt = 1, 1, at
		d.LastReason, d.LastError = "timeout", "timeout: no answer"
	case event.StateThrottled:
		d.Attempts, d.NextAttemptAt = 1, at
		d.LastReason, d.LastError = "rate_limited", "rate_limited: asked to wait 2 s"
	}
	return d
}

func sortedJSON(t *testing.T, keys []string) string {
	t.Helper()
	keys = append([]string{}, keys...) // [] and null are one list here
	slices.Sort(keys)
	b, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
