package queue

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestEventTaskArrivesAsSent(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	got := make(chan EventTask, 1)
	startPump(t, s.Addr(), Handlers{Event: func(_ context.Context, e EventTask) error { got <- e; return nil }})
	want := sampleEvent()
	want.ChannelID = "b2b7d0a8-0d6c-4b5d-9a63-1c1b5f5a7a10"
	want.IdempotencyKey = "order:7/~!"
	if err := c.EnqueueEvent(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	e := <-got
	if string(e.Body) != string(want.Body) {
		t.Errorf("body %q, want %q to the byte", e.Body, want.Body)
	}
	e.Body, want.Body = nil, nil
	if !e.ReceivedAt.Equal(want.ReceivedAt) {
		t.Errorf("received at %v, want %v", e.ReceivedAt, want.ReceivedAt)
	}
	e.ReceivedAt = want.ReceivedAt
	if !equalEvents(e, want) {
		t.Errorf("got %+v, want %+v", e, want)
	}
}

func equalEvents(a, b EventTask) bool {
	return a.ID == b.ID && a.TenantID == b.TenantID && a.Source == b.Source && a.Platform == b.Platform &&
		a.TraceParent == b.TraceParent && a.ChannelID == b.ChannelID && a.IdempotencyKey == b.IdempotencyKey && a.ReceivedAt.Equal(b.ReceivedAt)
}

func TestDeliveryTaskArrivesAsSent(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	got := make(chan DeliveryTask, 1)
	startPump(t, s.Addr(), Handlers{Delivery: func(_ context.Context, d DeliveryTask) error { got <- d; return nil }})
	want := DeliveryTask{EventID: sampleEvent().ID, N: 7, Round: 2, TraceParent: "tp"}
	if err := c.EnqueueDelivery(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if d := <-got; d != want {
		t.Errorf("got %+v, want %+v", d, want)
	}
}

func TestEnqueueTwiceIsOnce(t *testing.T) {
	_, rdb := newRedis(t)
	c := newClient(t, rdb)
	e, d := sampleEvent(), DeliveryTask{EventID: sampleEvent().ID, Round: 1}
	for range 2 {
		if err := c.EnqueueEvent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if err := c.EnqueueDelivery(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range Names() {
		if n := rdb.LLen(t.Context(), queueKey(q, "pending")).Val(); n != 1 {
			t.Errorf("%s holds %d tasks, want 1", q, n)
		}
	}
}

// An enqueue whose answer gets lost on the wire has happened. go-redis repeats
// it on a new connection and is told that the id is taken: by ourselves.
func TestEnqueueSurvivesALostAnswer(t *testing.T) {
	s, direct := newRedis(t)
	proxy := newLossyProxy(t, s.Addr())
	rdb := newRedisClient(t, proxy.addr())
	c := newClient(t, rdb)
	if err := c.EnqueueEvent(t.Context(), sampleEvent()); err != nil { // loads the script
		t.Fatal(err)
	}
	proxy.loseNext.Store(true)
	if err := c.EnqueueEvent(t.Context(), sampleEvent()); err != nil {
		t.Errorf("enqueue whose first answer was lost: %v", err)
	}
	if proxy.loseNext.Load() {
		t.Error("the proxy lost no answer, so this test shows nothing")
	}
	if n := direct.LLen(t.Context(), queueKey(Events, "pending")).Val(); n != 2 {
		t.Errorf("%d tasks, want 2", n)
	}
}

func TestEnqueueKeepsItsDeadlineWhileRedisHangs(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	if err := c.EnqueueEvent(t.Context(), sampleEvent()); err != nil {
		t.Fatal(err)
	}
	s.Pause()
	defer s.Resume()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.EnqueueEvent(ctx, sampleEvent()) }()
	select {
	case err := <-done:
		if err == nil {
			t.Error("confirmed although Redis was stopped")
		}
	case <-time.After(2 * time.Second): // the client's own time-out is 5 s
		t.Error("still waiting long after the deadline")
	}
}

func TestLookup(t *testing.T) {
	_, rdb := newRedis(t)
	c := newClient(t, rdb)
	want := sampleEvent()
	if _, found, err := c.Lookup(t.Context(), want.ID); err != nil || found {
		t.Fatalf("before: found %v, error %v", found, err)
	}
	if err := c.EnqueueEvent(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	got, found, err := c.Lookup(t.Context(), want.ID)
	if err != nil || !found {
		t.Fatalf("found %v, error %v", found, err)
	}
	if !equalEvents(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestDepths(t *testing.T) {
	_, rdb := newRedis(t)
	c := newClient(t, rdb)
	sizes := func() map[string]map[string]int {
		out := map[string]map[string]int{}
		ds, err := c.Depths(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range ds {
			out[d.Queue] = d.Sizes
		}
		return out
	}
	if got := sizes()[Events]["pending"]; got != 0 {
		t.Errorf("%d pending in a queue that was never used", got)
	}
	for range 3 {
		if err := c.EnqueueEvent(t.Context(), sampleEvent()); err != nil {
			t.Fatal(err)
		}
	}
	kill(t, rdb, Events, time.Now().Add(time.Minute))
	if got := sizes()[Events]; got["pending"] != 2 || got["active"] != 1 {
		t.Errorf("sizes %v, want 2 pending and 1 active", got)
	}
}

// lossyProxy passes bytes between a client and Redis, and on demand swallows one
// answer and cuts that connection.
type lossyProxy struct {
	ln       net.Listener
	loseNext atomic.Bool
}

func newLossyProxy(t *testing.T, upstream string) *lossyProxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &lossyProxy{ln: ln}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", upstream)
			if err != nil {
				_ = client.Close()
				continue
			}
			go pipe(server, client, nil)
			go pipe(client, server, &p.loseNext)
		}
	}()
	return p
}

func (p *lossyProxy) addr() string { return p.ln.Addr().String() }

func pipe(dst, src net.Conn, lose *atomic.Bool) {
	defer func() { _ = dst.Close(); _ = src.Close() }()
	buf := make([]byte, 4096)
	for {
		n, err := src.Read(buf)
		if err != nil {
			return
		}
		if lose != nil && lose.CompareAndSwap(true, false) {
			return
		}
		if _, err := dst.Write(buf[:n]); err != nil {
			return
		}
	}
}

var _ redis.Hook = (*parking)(nil)

func TestHoldsEvent(t *testing.T) {
	_, rdb := newRedis(t)
	c := newClient(t, rdb)
	e := sampleEvent()
	for _, want := range []bool{false, true} {
		if want {
			if err := c.EnqueueEvent(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		if holds, err := c.HoldsEvent(t.Context(), e.ID); err != nil || holds != want {
			t.Errorf("holds %t, %v; want %t", holds, err, want)
		}
	}
}
