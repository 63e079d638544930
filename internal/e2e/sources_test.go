package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"accessrelay/internal/catalog"
)

// townEvent is one event that a tenant's source sends, and what came of it.
type townEvent struct {
	house            *house
	source, platform string
	sign             signing
	sample, wantType string
	body             []byte
	idempotencyKey   string // of one that is published
	// ids are those that the relay gave it: two if it was sent again. The first is
	// that of the one that counted, once that is known.
	ids  []string
	ends []receipt // of ids, in their order, when nothing more was going to happen
}

func (e *townEvent) String() string { return e.source + "/" + e.sample }

// TestSources: all platforms at once, for three tenants, with every way to prove
// who sends. Every event arrives once, in exactly the channels of its tenant that
// want it, as what it is.
func TestSources(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	town := newTown(t)
	write(t, r.path(), townFile(t, town))
	r.startIngest()
	workers := []*process{r.startWorker(), r.startWorker()}

	events := townEvents(t, town)
	sendTown(t, r, events)
	settleTown(t, r, events)
	for _, h := range town {
		for _, c := range h.channels {
			checkChannel(t, h, c, events)
		}
	}
	checkTownReceipts(t, r, events)
	r.idle()
	checkTownMetrics(t, r.ingest.scrape(), []metrics{workers[0].scrape(), workers[1].scrape()}, events)
}

// townEvents are every sample of every source's platform, and some events that
// every tenant publishes itself.
func townEvents(t *testing.T, town []*house) []*townEvent {
	t.Helper()
	var out []*townEvent
	for _, h := range town {
		for _, s := range h.sources {
			samples := catalog.Samples(s.platform)
			if len(samples) == 0 {
				t.Errorf("%s has no samples", s.platform)
			}
			for _, sample := range samples {
				e := &townEvent{
					house: h, source: s.id, platform: s.platform, sign: s.sign, sample: sample.Name, wantType: string(sample.Event),
					body: sample.Body(s.id + "-" + sample.Name),
				}
				if s.fit != nil {
					e.body = s.fit(e.body)
				}
				out = append(out, e)
			}
		}
		for i, kind := range []string{"grant.revoked", "request.break_glass", "user.created", "operation.denied"} {
			e := &townEvent{house: h, source: "api", platform: "api", sample: kind, wantType: kind}
			e.body = fmt.Appendf(nil, `{"type":%q,"timestamp":"2026-01-15T09:30:00.5Z","data":{"request":{"id":"%s-%d"},"raw":{"n": 1.50}}}`, kind, h.name, i)
			if i%2 == 0 {
				e.idempotencyKey = fmt.Sprintf("key-%d", i) // the same for every tenant: a key is the tenant's own
			}
			out = append(out, e)
		}
	}
	return out
}

// again reports whether an event is sent twice. What no channel wants is not: it
// does not suppress its repeats, unless they are looked at in the same moment.
func (e *townEvent) again(i int) bool { return i%3 == 0 && !e.unrouted() }

// sendTown sends all events side by side, those to be repeated twice.
func sendTown(t *testing.T, r *relay, events []*townEvent) {
	t.Helper()
	hooks, api := r.ingest.listener("hooks"), r.ingest.listener("api")
	var wg sync.WaitGroup
	free := make(chan struct{}, 2*inParallel)
	for i, e := range events {
		wg.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			e.send(t, hooks, api)
			if e.again(i) {
				e.send(t, hooks, api)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// send sends the event once and keeps its id. It is of one goroutine.
func (e *townEvent) send(t *testing.T, hooks, api string) {
	t.Helper()
	url, want := hooks+"/v1/hooks/"+e.source, http.StatusOK
	if e.platform == "api" {
		url, want = api+"/v1/events", http.StatusAccepted
	}
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(e.body))
	if err != nil {
		t.Errorf("making a request: %v", err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	if e.platform == "api" {
		e.house.authorize(req)
		if e.idempotencyKey != "" {
			req.Header.Set("Idempotency-Key", e.idempotencyKey)
		}
	} else {
		e.sign(req, e.body)
	}
	got, err := do(req)
	if err != nil || got.status != want || got.eventID() == "" {
		t.Errorf("%s: status %d, event %q, %v: %s", e, got.status, got.eventID(), err, got.body)
		return
	}
	body := fmt.Sprintf(`{"data":{"id":%q,"status":"accepted"}}`, got.eventID())
	switch e.platform {
	case "p0":
		body = ""
	case "api":
		body = fmt.Sprintf(`{"id":%q,"status":"accepted"}`, got.eventID())
	}
	if strings.TrimSpace(string(got.body)) != body {
		t.Errorf("%s: the answer is %q, want %q", e, got.body, body)
	}
	e.ids = append(e.ids, got.eventID())
}

func (h *house) authorize(r *http.Request) {
	r.Header.Set("X-API-Key", h.apiKey)
	r.Header.Set("X-Tenant-ID", h.id)
}

// look asks for an event's receipt as the tenant does.
func (h *house) look(t *testing.T, r *relay, id string) reply {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, r.ingest.listener("api")+"/v1/events/"+id, nil)
	if err != nil {
		t.Fatalf("making a request: %v", err)
	}
	h.authorize(req)
	got, err := do(req)
	if err != nil {
		t.Fatalf("asking for a receipt: %v", err)
	}
	return got
}

// settleTown waits until nothing more is going to happen, and finds out which of
// two equal events counted: the workers decide in no order.
func settleTown(t *testing.T, r *relay, events []*townEvent) {
	t.Helper()
	for _, e := range events {
		for _, id := range e.ids {
			// There are hundreds, and other tests on the machine: more than soon.
			eventually(t, 5*soon, "event "+e.String()+" is settled", func() bool {
				got := decode[receipt](t, e.house.look(t, r, id), http.StatusOK)
				if got.final() {
					e.ends = append(e.ends, got)
				}
				return got.final()
			})
		}
		if e.ends[0].Status == "duplicate" && len(e.ids) == 2 {
			slices.Reverse(e.ids)
			slices.Reverse(e.ends)
		}
	}
}

// arrivals are the ids under which the channel is to hear of the event.
func (e *townEvent) arrivals(c houseChannel) []string {
	if !c.wants(e.wantType) {
		return nil
	}
	return e.ids[:1]
}

func (e *townEvent) unrouted() bool {
	for _, c := range e.house.channels {
		if c.wants(e.wantType) {
			return false
		}
	}
	return true
}

// checkChannel: the channel has what its tenant's sources sent and it wants, once
// each, and nothing else.
func checkChannel(t *testing.T, h *house, c houseChannel, events []*townEvent) {
	t.Helper()
	want := map[string]*townEvent{}
	for _, e := range events {
		if e.house == h {
			for _, id := range e.arrivals(c) {
				want[id] = e
			}
		}
	}
	got := c.sink.all()
	if len(got) != len(want) || len(want) == 0 {
		t.Errorf("%s/%s had %d requests, want %d", h.name, c.name, len(got), len(want))
	}
	if c.kind != "generic-webhook" {
		return // Slack's messages do not say which event they are about
	}
	seen := map[string]int{}
	for _, q := range got {
		seen[q.id()]++
		e := want[q.id()]
		if e == nil {
			t.Errorf("%s/%s was told of %s, a %s that is not for it: %s", h.name, c.name, q.id(), q.eventType(), q.body)
			continue
		}
		e.check(t, q)
	}
	for id, e := range want {
		if seen[id] != 1 {
			t.Errorf("%s/%s was told %d times of %s %s", h.name, c.name, seen[id], e, id)
		}
	}
}

// check reports a webhook that does not tell of the event as it was sent.
func (e *townEvent) check(t *testing.T, q received) {
	t.Helper()
	var told struct {
		Type string `json:"type"`
		Data struct {
			ID       string          `json:"id"`
			Type     string          `json:"type"`
			TenantID string          `json:"tenant_id"`
			Source   string          `json:"source"`
			Platform string          `json:"platform"`
			Raw      json.RawMessage `json:"raw"`
		} `json:"data"`
	}
	if err := json.Unmarshal(q.body, &told); err != nil {
		t.Errorf("%s: %v", e, err)
		return
	}
	d := told.Data
	if told.Type != e.wantType || d.Type != e.wantType || d.ID != q.id() || d.TenantID != e.house.id || d.Source != e.source || d.Platform != e.platform {
		t.Errorf("%s should be a %s of %s: type %q, %+v", e, e.wantType, e.house.name, told.Type, d)
	}
	if !reflect.DeepEqual(asWritten(t, d.Raw), asWritten(t, e.body)) {
		t.Errorf("%s: raw is\n%s\nand was sent as\n%s", e, d.Raw, e.body)
	}
}

// asWritten reads JSON and leaves numbers as they are written.
func asWritten(t *testing.T, text []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Errorf("reading %s: %v", text, err)
	}
	return v
}

// checkTownReceipts: what counted is delivered, its repeat is known as one, and
// another tenant sees neither.
func checkTownReceipts(t *testing.T, r *relay, events []*townEvent) {
	t.Helper()
	repeats := 0
	for i, e := range events {
		got := e.ends[0]
		var wanted, told []string
		for _, c := range e.house.channels {
			if c.wants(e.wantType) {
				wanted = append(wanted, c.name)
			}
		}
		for _, d := range got.Deliveries {
			told = append(told, d.ChannelName)
			if d.State != "delivered" || d.Attempts != 1 {
				t.Errorf("%s: %+v", e, d)
			}
		}
		status := "delivered"
		if e.unrouted() {
			status = "unrouted"
		}
		if got.Status != status || got.Type != e.wantType || got.Source != e.source || got.Platform != e.platform || !reflect.DeepEqual(wanted, told) {
			t.Errorf("%s: %+v, want it %s and told to %v", e, got, status, wanted)
		}
		if e.again(i) != (len(e.ids) == 2) {
			t.Errorf("%s was sent %d times", e, len(e.ids))
		}
		for _, got := range e.ends[1:] {
			repeats++
			if got.Status != "duplicate" || got.DuplicateOf != e.ids[0] || len(got.Deliveries) != 0 {
				t.Errorf("the repeat of %s: %+v", e, got)
			}
		}
		if i%20 == 0 {
			checkUnseen(t, r, e, events)
		}
	}
	if repeats < 10 {
		t.Errorf("%d repeats show little", repeats)
	}
}

func checkUnseen(t *testing.T, r *relay, e *townEvent, events []*townEvent) {
	t.Helper()
	for _, other := range events {
		if other.house != e.house {
			wantProblem(t, "another tenant's event", other.house.look(t, r, e.ids[0]), http.StatusNotFound, "not_found", "")
			return
		}
	}
}

// checkTownMetrics: what both programs count adds up to what was sent.
func checkTownMetrics(t *testing.T, ingest metrics, workers []metrics, events []*townEvent) {
	t.Helper()
	accepted, outcomes, deliveries := map[string]float64{}, map[string]float64{}, map[string]float64{}
	for _, e := range events {
		for n := range e.ids {
			if e.platform != "api" {
				accepted[series("accessrelay_ingest_requests_total", "source", e.source, "platform", e.platform, "outcome", "accepted")]++
			}
			outcome := "routed"
			switch {
			case e.unrouted():
				outcome = "unrouted"
			case n > 0:
				outcome = "duplicate"
			}
			outcomes[series("accessrelay_events_total", "platform", e.platform, "type", e.wantType, "outcome", outcome)]++
		}
		for _, c := range e.house.channels {
			kind := strings.ReplaceAll(c.kind, "-", "_")
			deliveries[series("accessrelay_delivery_attempts_total", "channel_type", kind, "outcome", "delivered")] += float64(len(e.arrivals(c)))
		}
	}
	addUp(t, "accessrelay_ingest_requests_total", accepted, ingest)
	addUp(t, "accessrelay_events_total", outcomes, workers...)
	addUp(t, "accessrelay_delivery_attempts_total", deliveries, workers...)
}

// addUp: the sum of the scrapes has the wanted values and nothing but zeros beside
// them.
func addUp(t *testing.T, name string, want map[string]float64, scrapes ...metrics) {
	t.Helper()
	got := map[string]float64{}
	for _, m := range scrapes {
		for s, v := range m {
			if strings.HasPrefix(s, name+"{") && v != 0 {
				got[s] += v
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is\n%v, want\n%v", name, got, want)
	}
}
