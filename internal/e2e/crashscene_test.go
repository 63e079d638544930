package e2e

import (
	"net/http"
	"strings"
)

// The scenes: each sets something up, has a program die in the midst of it, lets
// others go on, and looks at what came out.

func sceneHook(s *stage) {
	hook := newSink(s.t)
	s.open(webhookTo("a", hook))
	body := preapproval("a")
	s.ingestDies(func() (*http.Request, error) { return s.hook(body), nil })

	again := s.send(body) // as every sender does that was not told 200
	s.aWorker()
	got := s.settle(again)
	first := again
	if s.point.left != "nothing" { // the first copy is there: this one repeats it
		if got.Status != "duplicate" || got.DuplicateOf == "" {
			s.t.Fatalf("the repeat: %+v", got)
		}
		first = got.DuplicateOf
	}
	s.rest()
	s.want(s.settle(first), "a", hook, "delivered", 1, 0, 1)
	if n := len(hook.all()); n != 1 {
		s.t.Errorf("%d requests in all, want 1", n)
	}
}

func sceneEvent(s *stage) {
	a, b := newSink(s.t), newSink(s.t)
	s.open(webhookTo("a", a), webhookTo("b", b))
	s.id = s.send(preapproval("a"))
	s.workerDies()
	s.aWorker()
	got := s.settle(s.id)
	s.rest()
	if got.Status != "delivered" || len(got.Deliveries) != 2 {
		s.t.Errorf("%+v", got)
	}
	s.want(got, "a", a, "delivered", 1, 0, 1)
	s.want(got, "b", b, "delivered", 1, 0, 1)
	s.wantRepeat(s.id)
}

// wantRepeat: the event's payload is known as its own, so that a repeat of it is
// one.
func (s *stage) wantRepeat(id string) {
	s.t.Helper()
	if got := s.settle(s.send(preapproval("a"))); got.Status != "duplicate" || got.DuplicateOf != id {
		s.t.Errorf("a repeat: %+v", got)
	}
}

func sceneRepeat(s *stage) {
	a := newSink(s.t)
	s.open(webhookTo("a", a))
	var first string
	s.before(func() {
		first = s.send(preapproval("a"))
		s.settle(first)
	})
	s.id = s.send(preapproval("a"))
	s.workerDies()
	s.aWorker()
	got := s.settle(s.id)
	s.rest()
	if got.Status != "duplicate" || got.DuplicateOf != first || len(got.Deliveries) != 0 {
		s.t.Errorf("%+v", got)
	}
	if n := len(a.all()); n != 1 {
		s.t.Errorf("%d requests, want 1", n)
	}
}

func sceneUnrouted(s *stage) {
	a := newSink(s.t)
	c := webhookTo("a", a)
	c.filters = []string{"grant.*"}
	s.open(c)
	s.id = s.send(preapproval("a"))
	s.workerDies()
	s.aWorker()
	for range 2 {
		if got := s.settle(s.id); got.Status != "unrouted" || len(got.Deliveries) != 0 {
			s.t.Errorf("%+v, want it unrouted: nothing is a repeat of what nobody got", got)
		}
		s.id = s.send(preapproval("a"))
	}
	s.rest()
	if n := len(a.all()); n != 0 {
		s.t.Errorf("%d requests, want none", n)
	}
}

func sceneDelivery(s *stage) {
	a := newSink(s.t)
	s.open(webhookTo("a", a))
	s.id = s.send(preapproval("a"))
	if s.point.at.op == "" {
		_, px := s.doomedWorker(anEvent)
		s.diesInSend(a, px)
	} else {
		s.workerDies()
	}
	s.aWorker()
	got := s.settle(s.id)
	s.rest()
	s.want(got, "a", a, "delivered", 1, 0, 1+s.extra())
	s.wantRepeat(s.id)
}

// diesInSend has the worker die when a destination has its request and has not
// answered.
func (s *stage) diesInSend(to *sink, px *crashProxy) {
	s.t.Helper()
	to.mu.Lock()
	to.seen = func(n int) {
		if n == 1 {
			px.die()
		}
	}
	late := len(to.requests) > 0
	to.mu.Unlock()
	if late {
		px.die()
	}
	s.await(px)
}

func sceneRetry(s *stage) {
	script := []answer{status(500), {}}
	if s.point.again { // the one that nobody knows of
		script = append([]answer{status(500)}, script...)
	}
	a := newSink(s.t, script...)
	s.open(webhookTo("a", a))
	s.id = s.send(preapproval("a"))
	s.workerDies()
	s.aWorker()
	got := s.settle(s.id)
	s.rest()
	s.want(got, "a", a, "delivered", 2, 1, 2+s.extra())
}

func sceneDead(s *stage) {
	a := newSink(s.t, status(400))
	s.open(webhookTo("a", a))
	s.id = s.send(preapproval("a"))
	s.workerDies()
	s.aWorker()
	got := s.settle(s.id)
	s.rest()
	s.want(got, "a", a, "dead", 1, 0, 1+s.extra())
	s.wantDead(1)
}

func sceneGone(s *stage) {
	a, b := newSink(s.t, status(410)), newSink(s.t)
	other := webhookTo("b", b)
	other.filters = []string{"grant.*"} // it gets the notice and nothing else
	s.open(webhookTo("a", a), other)
	s.goneIn(a, b)
}

func sceneGoneAPI(s *stage) {
	a, b := newSink(s.t, status(410)), newSink(s.t)
	other := webhookTo("b", b)
	other.filters = []string{"grant.*"}
	s.seal()
	s.open(other)
	s.create("generic-webhook", map[string]any{"name": "a", "url": a.url})
	s.goneIn(a, b)
}

func (s *stage) goneIn(a, b *sink) {
	s.t.Helper()
	s.off = true
	s.id = s.send(preapproval("a"))
	s.workerDies()
	s.aWorker()
	got := s.settle(s.id)
	s.rest()
	// Once the channel is off nobody asks the destination again, and the attempt
	// that told us so is not on record.
	attempts := 1
	if strings.Contains(s.point.left, "record: pending; listed; channel off") {
		attempts = 0
	}
	s.want(got, "a", a, "dead", attempts, 0, 1+s.extra())
	if s.channel("a").Enabled {
		s.t.Error("the channel is on")
	}
	s.wantDead(1)
	b.await(s.t, 1)
	if all := b.all(); len(all) != 1 || all[0].eventType() != "relay.channel_disabled" {
		s.t.Errorf("the other channel had %d requests, want one notice", len(all))
	}
}

func sceneTest(s *stage) {
	a := newSink(s.t, status(410), answer{})
	s.open(webhookTo("a", a))
	s.testIn(a)
}

func sceneTestAPI(s *stage) {
	a := newSink(s.t, status(410), answer{})
	s.seal()
	s.open()
	s.create("generic-webhook", map[string]any{"name": "a", "url": a.url})
	s.testIn(a)
}

func (s *stage) testIn(a *sink) {
	s.t.Helper()
	s.before(func() { s.settle(s.send(preapproval("a"))) })
	ch := s.channel("a")
	if ch.Enabled {
		s.t.Fatal("the channel is on before its test")
	}
	s.off = true
	s.id = s.test(ch.ID)
	s.workerDies()
	s.aWorker()
	got := s.settle(s.id)
	s.rest()
	s.want(got, "a", a, "delivered", 1, 0, 1+s.extra())
	if !s.channel("a").Enabled {
		s.t.Error("the channel is off after its test was delivered")
	}
}

// died has a delivery die before the crash. Its destination is well from now on.
func (s *stage) died() (a *sink, deliveryID string) {
	s.t.Helper()
	a = newSink(s.t, status(400), answer{})
	s.open(webhookTo("a", a))
	s.before(func() {
		s.id = s.send(preapproval("a"))
		deliveryID = s.settle(s.id).to(s.t, "a").ID
	})
	s.wantDead(1)
	return a, deliveryID
}

// wantReplayed: the replay was delivered, and it is off the list of the dead.
func (s *stage) wantReplayed(a *sink) {
	s.t.Helper()
	var got receipt
	s.eventually("the replay is delivered", func() bool {
		got = s.receipt(s.id)
		return got.Status == "delivered"
	})
	s.rest()
	s.want(got, "a", a, "delivered", 2, 0, 2+s.extra())
	s.wantDead(0)
}

func (s *stage) replay(id string) {
	s.t.Helper()
	if got := s.call(http.MethodPost, "/v1/deliveries/"+id+"/replay", ""); got.status != http.StatusAccepted {
		s.t.Fatalf("replaying: status %d, %s", got.status, got.body)
	}
}

func sceneReplay(s *stage) {
	a, id := s.died()
	s.replay(id)
	s.doomedDies()
	s.aWorker()
	s.wantReplayed(a)
}

// doomedDies is workerDies where no event comes first.
func (s *stage) doomedDies() {
	s.t.Helper()
	_, px := s.doomedWorker(deliveries)
	s.await(px)
}

// sceneUnwritten: an ingest died after it asked for the replay, so that the
// worker does the rest.
func sceneUnwritten(s *stage) {
	a, id := s.died()
	point := s.point
	s.point = crashPoint{at: crash{op: "the delivery is enqueued", after: true}, left: "delivery pending; claim; record: dead; listed; listed dead"}
	s.ingestDies(func() (*http.Request, error) { return s.request(http.MethodPost, "/v1/deliveries/"+id+"/replay", "") })
	s.point = point
	s.doomedDies()
	s.aWorker()
	s.wantReplayed(a)
}

// request is a call of the API that is not made yet.
func (s *stage) request(method, path, body string) (*http.Request, error) {
	req, err := http.NewRequest(method, s.ingest.listener("api")+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-API-Key", s.apiKey)
	req.Header.Set("X-Tenant-ID", tenant)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

func sceneReplayCall(s *stage) {
	a, id := s.died()
	s.ingestDies(func() (*http.Request, error) { return s.request(http.MethodPost, "/v1/deliveries/"+id+"/replay", "") })
	if !strings.Contains(s.point.left, "delivery pending") {
		s.replay(id) // else the worker does it without being asked again
	}
	s.aWorker()
	s.wantReplayed(a)
}

func sceneDeleteCall(s *stage) {
	a, id := s.died()
	path := "/v1/deliveries/" + id
	s.ingestDies(func() (*http.Request, error) { return s.request(http.MethodDelete, path, "") })
	want := http.StatusNoContent
	if strings.Contains(s.point.left, "deleted") {
		want = http.StatusNotFound
	}
	if got := s.call(http.MethodDelete, path, ""); got.status != want {
		s.t.Errorf("asked again: status %d, want %d: %s", got.status, want, got.body)
	}
	s.wantDead(0)
	s.want0(a)
}

// want0: nothing was sent by what the API was asked for.
func (s *stage) want0(a *sink) {
	s.t.Helper()
	if n := len(a.all()); n != 1 {
		s.t.Errorf("%d requests, want the one before", n)
	}
	s.rest()
}

func sceneChannel(s *stage) {
	a := newSink(s.t)
	s.seal()
	s.open()
	s.off = true
	fields := map[string]any{"name": "a", "url": a.url}
	create := func() (*http.Request, error) {
		return s.request(http.MethodPost, channelsPath+"/generic-webhook", toJSON(s.t, fields))
	}
	had := func() int {
		return len(decode[list[channelView]](s.t, s.call(http.MethodGet, channelsPath, ""), http.StatusOK).Data)
	}
	done := s.point.at.after
	switch s.point.at.op {
	case "the channel is stored":
		s.ingestDies(create)
		if done {
			wantProblem(s.t, "creating it again", s.call(http.MethodPost, channelsPath+"/generic-webhook", toJSON(s.t, fields)), 409, "name_taken", "")
		} else {
			s.create("generic-webhook", fields)
		}
	case "the channel is changed":
		ch := s.create("generic-webhook", map[string]any{"name": "old", "url": "https://example.com/"})
		change := map[string]any{"name": "a", "config": map[string]any{"url": a.url}}
		s.ingestDies(func() (*http.Request, error) {
			return s.request(http.MethodPut, channelsPath+"/"+ch.ID, toJSON(s.t, change))
		})
		s.update(ch.ID, change)
	case "the channel is deleted":
		ch := s.create("generic-webhook", fields)
		s.ingestDies(func() (*http.Request, error) { return s.request(http.MethodDelete, channelsPath+"/"+ch.ID, "") })
		want := map[bool]int{false: http.StatusNoContent, true: http.StatusNotFound}[done]
		if got := s.call(http.MethodDelete, channelsPath+"/"+ch.ID, ""); got.status != want {
			s.t.Errorf("deleting it again: status %d, want %d", got.status, want)
		}
		if n := had(); n != 0 {
			s.t.Errorf("%d channels, want none", n)
		}
		s.create("generic-webhook", fields) // its name is free
	}
	if n := had(); n != 1 {
		s.t.Fatalf("%d channels, want 1", n)
	}
	s.aWorker()
	s.id = s.send(preapproval("a"))
	s.want(s.settle(s.id), "a", a, "delivered", 1, 0, 1)
	s.rest()
}

func sceneShutdown(s *stage) {
	never := make(chan struct{})
	a := newSink(s.t, answer{hold: never}, answer{})
	s.open(webhookTo("a", a))
	s.id = s.send(preapproval("a"))
	w, px := s.doomedWorker(anEvent, "--shutdown-timeout=4s")
	a.await(s.t, 1)
	w.terminate()
	s.await(px)
	s.aWorker()
	got := s.settle(s.id)
	s.rest()
	s.want(got, "a", a, "delivered", 1, 0, 1+s.extra())
}

// sceneOrphan: a worker died in the midst of a send, and the one that is to put
// the task back dies too.
func sceneOrphan(s *stage) {
	a := newSink(s.t)
	s.open(webhookTo("a", a))
	s.id = s.send(preapproval("a"))
	point := s.point
	s.point = crashPoint{left: "delivery active; claim; record: pending; listed"}
	_, px := s.doomedWorker(anEvent)
	s.diesInSend(a, px)
	s.point = point
	_, px = s.doomedWorker(deliveries)
	s.await(px)
	s.aWorker()
	got := s.settle(s.id)
	s.rest()
	s.want(got, "a", a, "delivered", 1, 0, 1+s.extra())
}

// sceneOrphanEvent is the same for an event.
func sceneOrphanEvent(s *stage) {
	a := newSink(s.t)
	s.open(webhookTo("a", a))
	s.id = s.send(preapproval("a"))
	s.firstDies(crash{op: "the claim"}, "event active")
	s.doomedDies()
	s.aWorker()
	s.wantDelivered(a)
}

// sceneClosed: all is delivered, and only the index of the open still has the
// event.
func sceneClosed(s *stage) {
	a := newSink(s.t)
	s.open(webhookTo("a", a))
	s.id = s.send(preapproval("a"))
	s.workerDies()
	s.aWorker()
	s.wantClosed(a)
}

// wantClosed: who looks at the closed event forgets it, and sends nothing.
func (s *stage) wantClosed(a *sink) {
	s.t.Helper()
	s.eventually("the index of the open is empty", func() bool {
		return s.relay.redis.Client().Exists(s.t.Context(), "ar:{"+tenant+"}:open").Val() == 0
	})
	s.rest()
	s.want(s.receipt(s.id), "a", a, "delivered", 1, 0, 1)
}

// sceneLook: a worker died before it took a closed event off the index.
func sceneLook(s *stage) {
	a := newSink(s.t)
	s.open(webhookTo("a", a))
	s.id = s.send(preapproval("a"))
	s.firstDies(crash{op: "the delivery is done", after: true}, "claim; record: delivered; listed")
	s.doomedDies()
	s.aWorker()
	s.wantClosed(a)
}

// firstDies has a worker die before the one that the test is about.
func (s *stage) firstDies(at crash, left string) {
	s.t.Helper()
	point := s.point
	s.point = crashPoint{at: at, left: left}
	s.workerDies()
	s.point = point
}

// sceneVanished: the task of a delivery is gone, as after a failover.
func sceneVanished(s *stage) {
	a := newSink(s.t)
	s.open(webhookTo("a", a))
	s.id = s.send(preapproval("a"))
	s.firstDies(crash{op: eventDone, after: true}, "delivery pending; claim; record: pending; listed")
	ctx, rdb := s.t.Context(), s.relay.redis.Client()
	for _, key := range append(rdb.Keys(ctx, "asynq:{deliveries}:t:*").Val(), "asynq:{deliveries}:pending") {
		rdb.Del(ctx, key)
	}
	s.doomedDies()
	s.aWorker()
	s.wantDelivered(a)
}

// wantDelivered: the event's only delivery came to its end.
func (s *stage) wantDelivered(a *sink) {
	s.t.Helper()
	got := s.settle(s.id)
	s.rest()
	s.want(got, "a", a, "delivered", 1, 0, 1+s.extra())
}

// sceneMisplacedDelivery: a delivery's task is in no list, as after trouble with
// Redis in the midst of one of asynq's scripts.
func sceneMisplacedDelivery(s *stage) {
	a := newSink(s.t)
	s.open(webhookTo("a", a))
	s.id = s.send(preapproval("a"))
	s.firstDies(crash{op: eventDone, after: true}, "delivery pending; claim; record: pending; listed")
	s.relay.redis.Client().Del(s.t.Context(), "asynq:{deliveries}:pending")
	s.doomedDies()
	s.aWorker()
	s.wantDelivered(a)
}

// sceneMisplacedEvent is the same for an event. It is found by a scan.
func sceneMisplacedEvent(s *stage) {
	a := newSink(s.t)
	s.open(webhookTo("a", a))
	s.id = s.send(preapproval("a"))
	s.relay.redis.Client().Del(s.t.Context(), "asynq:{events}:pending")
	_, px := s.doomedWorker(deliveries)
	s.await(px)
	s.aWorker()
	s.wantDelivered(a)
}
