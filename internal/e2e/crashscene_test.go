package e2e

import (
	"net/http"
	"strings"
)

// The scenes: each sets something up, has a program die in the midst of it, lets
// others go on, and looks at what came out.

func sceneHook(s *stage) {
	body := preapproval("a")
	s.acceptanceDies(func() (*http.Request, error) { return s.hook(body), nil }, func() string { return s.send(body) })
}

// acceptanceDies has an ingest die that is sent an event, and the event sent again,
// as every sender does that was not told that it was accepted.
func (s *stage) acceptanceDies(ask func() (*http.Request, error), sendAgain func() string) {
	s.t.Helper()
	hook := newSink(s.t)
	s.open(webhookTo("a", hook))
	s.ingestDies(ask)
	again := sendAgain()
	s.aWorker()
	got := s.settle(again)
	original := again
	if got.Status == "duplicate" {
		original = got.DuplicateOf
	}
	// Where the first copy is there, this one repeats it. Or the other way round:
	// the worker takes both at once, and may come to this one first.
	if s.point.left == "nothing" && original != again {
		s.t.Fatalf("it repeats what is not there: %+v", got)
	}
	s.rest()
	s.want(s.settle(original), "a", hook, "delivered", 1, 0, 1)
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

func sceneTurn(s *stage) {
	a := newSink(s.t)
	c := webhookTo("a", a)
	c.rate = "2/m" // so that the second waits in the queue
	s.open(c)
	s.before(func() { s.settle(s.send(preapproval("first"))) })
	s.id = s.send(preapproval("a"))
	s.workerDies()
	s.aWorker()
	got := s.settle(s.id)
	s.rest()
	s.want(got, "a", a, "delivered", 1, 0, 1)
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
