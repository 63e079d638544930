package queue

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/redistest"
)

func newTestScanner(rdb redis.UniversalClient) *scanner {
	s := newSweeper(rdb, quiet()).scan
	s.pause = 0
	return s
}

func TestScanMendsEventsInNoList(t *testing.T) {
	backends := redistest.Backends(t)
	backends["cluster of three"] = redistest.StartClusterOf(t, 3, 0).Client()
	for name, rdb := range backends {
		c := newClient(t, rdb)
		var events []EventTask
		for range 40 { // some in every shard
			e := sampleEvent()
			events = append(events, e)
			if err := c.EnqueueEvent(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		d := DeliveryTask{EventID: events[0].ID, Round: 1}
		if err := c.EnqueueDelivery(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		place{t, rdb, c.shards.of(Deliveries, d.EventID)}.strip(d.id(), "active")
		for i, e := range events {
			if i%2 == 0 {
				place{t, rdb, c.shards.of(Events, e.ID)}.strip(e.ID, "active")
			}
		}
		if _, err := newTestScanner(rdb).scan(t.Context(), false); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, e := range events {
			if in := fmt.Sprint(place{t, rdb, c.shards.of(Events, e.ID)}.where(e.ID)); in != "[pending]" {
				t.Errorf("%s: event is in %s", name, in)
			}
		}
		if in := (place{t, rdb, c.shards.of(Deliveries, d.EventID)}).where(d.id()); len(in) != 0 {
			t.Errorf("%s: the scan looked at a delivery, which is in %v now: its record knows better", name, in)
		}
	}
}

func TestScanSeesAllKeys(t *testing.T) {
	_, rdb := newRedis(t)
	c := newClient(t, rdb)
	const n = 3 * scanCount
	p := place{t, rdb, Events}
	ids := map[string]bool{}
	for range n {
		e := sampleEvent()
		ids[e.ID] = true
		if err := c.EnqueueEvent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	rdb.Rename(t.Context(), p.key("pending"), "elsewhere")
	for id := range ids {
		rdb.HSet(t.Context(), p.key("t:"+id), "state", "active")
	}
	if _, err := newTestScanner(rdb).scan(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	for _, id := range rdb.LRange(t.Context(), p.key("pending"), 0, -1).Val() {
		delete(ids, id)
	}
	if len(ids) != 0 || rdb.LLen(t.Context(), p.key("pending")).Val() != n {
		t.Errorf("%d of %d were not found; %d pending", len(ids), n, rdb.LLen(t.Context(), p.key("pending")).Val())
	}
}

func TestOneScansAtATime(t *testing.T) {
	_, rdb := newRedis(t)
	a, b := newTestScanner(rdb), newTestScanner(rdb)
	if err := a.take(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if err := a.take(t.Context(), false); err != nil {
		t.Errorf("holding on to it: %v", err)
	}
	if _, err := b.scan(t.Context(), true); !errors.Is(err, errNotOurs) {
		t.Errorf("while another scans: %v", err)
	}
	if _, err := a.scan(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if _, err := b.scan(t.Context(), false); !errors.Is(err, errNotOurs) {
		t.Errorf("just after another: %v", err)
	}
	if ttl := rdb.TTL(t.Context(), scanKey()).Val(); ttl <= 0 || ttl > scanLate {
		t.Errorf("that it was done holds for %v", ttl)
	}
	if _, err := b.scan(t.Context(), true); err != nil {
		t.Errorf("a worker that has just started: %v", err)
	}
}

// A worker died with its suspects. The one that starts finds them.
func TestAStartingPumpScans(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	e := sampleEvent()
	if err := c.EnqueueEvent(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	place{t, rdb, Events}.strip(e.ID, "active")
	startPump(t, s.Addr(), Handlers{})
	eventually(t, "the event was run", func() bool {
		return rdb.Exists(t.Context(), queueKey(Events, "t:"+e.ID)).Val() == 0
	})
}

// A worker died and was not replaced: what the others take up of it tells them.
func TestALostWorkerCallsForAScan(t *testing.T) {
	_, rdb := newRedis(t)
	c := newClient(t, rdb)
	if err := c.EnqueueDelivery(t.Context(), DeliveryTask{EventID: sampleEvent().ID, Round: 1}); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	kill(t, rdb, Deliveries, start.Add(-time.Second))
	s := newSweeper(rdb, quiet())
	sweepAt(t, s, start)
	if len(s.scan.lost) != 0 {
		t.Error("called for before anything was taken up")
	}
	sweepAt(t, s, start.Add(12*time.Second))
	if len(s.scan.lost) != 1 {
		t.Error("not called for")
	}
}
