package e2e

// The scenes of what a lost worker left, and of who looks after it and dies too.

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
