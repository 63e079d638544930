package queue

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// sweepAt runs one sweep as if it were that time.
func sweepAt(t *testing.T, s *sweeper, at time.Time) {
	t.Helper()
	s.now = func() time.Time { return at }
	if err := s.sweep(t.Context(), Deliveries); err != nil {
		t.Fatal(err)
	}
}

func pending(t *testing.T, rdb redis.UniversalClient) int64 {
	t.Helper()
	return rdb.LLen(t.Context(), queueKey(Deliveries, "pending")).Val()
}

func TestSweep(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	for _, tt := range []struct {
		name  string
		lease time.Time                                         // of the killed worker's task
		live  func(rdb redis.UniversalClient, id string, i int) // what happens before the ith sweep
		steps []time.Duration                                   // sweeps, from start
		want  int64                                             // tasks pending at the end
	}{
		{"expired lease is taken up", start.Add(-time.Second), nil, []time.Duration{0, 5 * time.Second, 12 * time.Second}, 1},
		{"missing lease is taken up", time.Time{}, nil, []time.Duration{0, 5 * time.Second, 12 * time.Second}, 1},
		{"not before it was watched long enough", start.Add(-time.Second), nil, []time.Duration{0, 5 * time.Second, 10 * time.Second}, 0},
		{"not while the lease holds", start.Add(30 * time.Second), nil, []time.Duration{0, 12 * time.Second, 29 * time.Second}, 0},
		{"as soon as the lease is over", start.Add(30 * time.Second), nil, []time.Duration{0, 12 * time.Second, 31 * time.Second}, 1},
		{"not from a living worker whose clock is behind", start.Add(-time.Minute), func(rdb redis.UniversalClient, id string, i int) {
			rdb.ZAdd(t.Context(), queueKey(Deliveries, "lease"), redis.Z{Score: float64(start.Unix() - 60 + int64(5*i)), Member: id})
		}, []time.Duration{0, 5 * time.Second, 10 * time.Second, 15 * time.Second, 20 * time.Second}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, rdb := newRedis(t)
			c := newClient(t, rdb)
			task := DeliveryTask{EventID: sampleEvent().ID, Round: 1}
			if err := c.EnqueueDelivery(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			id := kill(t, rdb, Deliveries, tt.lease)
			s := newSweeper(rdb, quiet())
			for i, d := range tt.steps {
				if tt.live != nil {
					tt.live(rdb, id, i)
				}
				sweepAt(t, s, start.Add(d))
			}
			if got := pending(t, rdb); got != tt.want {
				t.Errorf("%d tasks pending, want %d", got, tt.want)
			}
			if got := rdb.LLen(t.Context(), queueKey(Deliveries, "active")).Val(); got != 1-tt.want {
				t.Errorf("%d tasks active, want %d", got, 1-tt.want)
			}
			if state := rdb.HGet(t.Context(), queueKey(Deliveries, "t:"+id), "state").Val(); tt.want == 1 && state != "pending" {
				t.Errorf("state %q, want pending", state)
			}
		})
	}
}

// Two workers sweep at once: one takes the task up, the other finds it gone.
func TestSweepsDoNotDouble(t *testing.T) {
	_, rdb := newRedis(t)
	c := newClient(t, rdb)
	if err := c.EnqueueDelivery(t.Context(), DeliveryTask{EventID: sampleEvent().ID, Round: 1}); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	kill(t, rdb, Deliveries, start.Add(-time.Second))
	a, b := newSweeper(rdb, quiet()), newSweeper(rdb, quiet())
	sweepAt(t, a, start)
	sweepAt(t, b, start)
	sweepAt(t, a, start.Add(12*time.Second))
	kill(t, rdb, Deliveries, start.Add(42*time.Second)) // taken again at once, by a living worker
	sweepAt(t, b, start.Add(12*time.Second))
	if got := pending(t, rdb); got != 0 {
		t.Errorf("%d tasks pending: a living worker's task was taken away", got)
	}
}

// After an outage in which nobody could renew a lease, a worker that lives gets
// the time to do so, or to write down what it did meanwhile.
func TestSweepAfterOutage(t *testing.T) {
	_, rdb := newRedis(t)
	c := newClient(t, rdb)
	if err := c.EnqueueDelivery(t.Context(), DeliveryTask{EventID: sampleEvent().ID, Round: 1}); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	kill(t, rdb, Deliveries, start.Add(30*time.Second))
	s := newSweeper(rdb, quiet())
	sweepAt(t, s, start)
	away, cancel := context.WithCancel(t.Context())
	cancel()
	s.now = func() time.Time { return start.Add(time.Minute) }
	if err := s.sweep(away, Deliveries); err == nil {
		t.Fatal("a sweep without Redis succeeded")
	}
	back := start.Add(time.Minute + time.Second)
	sweepAt(t, s, back)
	if got := pending(t, rdb); got != 0 {
		t.Errorf("%d tasks pending at once: the living worker's was taken away", got)
	}
	sweepAt(t, s, back.Add(orphanWatch))
	if got := pending(t, rdb); got != 1 {
		t.Errorf("%d tasks pending in the end: the lost worker's was not taken up", got)
	}
}

// States that no script of asynq's leaves in one piece, made by hand.
func TestSweepOfHalfWrittenTasks(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	over, later := float64(start.Unix()-1), float64(start.Unix()+3600)
	for _, tt := range []struct {
		name    string
		prepare func(p place, id string)
		want    string // where the task is in the end
	}{
		{"leased and not active", func(p place, id string) {
			p.strip(id, "active")
			p.rdb.ZAdd(t.Context(), p.key("lease"), redis.Z{Score: over, Member: id})
		}, "[pending]"},
		{"seen active, then in no list", func(p place, id string) { p.strip(id, "active") }, "[pending]"},
		{"an old lease of a task that waits", func(p place, id string) {
			p.rdb.ZAdd(t.Context(), p.key("lease"), redis.Z{Score: over, Member: id})
		}, "[pending]"},
		{"an old lease of a task that is to be retried", func(p place, id string) {
			p.strip(id, "retry")
			p.rdb.ZAdd(t.Context(), p.key("retry"), redis.Z{Score: later, Member: id})
			p.rdb.ZAdd(t.Context(), p.key("lease"), redis.Z{Score: over, Member: id})
		}, "[retry]"},
		{"active twice", func(p place, id string) {
			p.strip(id, "active")
			p.rdb.LPush(t.Context(), p.key("active"), id, id)
		}, "[pending]"},
		{"a hash without a message", func(p place, id string) {
			p.strip(id, "active")
			p.rdb.HDel(t.Context(), p.key("t:"+id), "msg")
			p.rdb.LPush(t.Context(), p.key("active"), id)
			p.rdb.ZAdd(t.Context(), p.key("lease"), redis.Z{Score: over, Member: id})
		}, "[]"},
		{"an id without a hash", func(p place, id string) {
			p.strip(id, "active")
			p.rdb.Del(t.Context(), p.key("t:"+id))
			p.rdb.LPush(t.Context(), p.key("active"), id)
		}, "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, rdb := newRedis(t)
			c := newClient(t, rdb)
			task := DeliveryTask{EventID: sampleEvent().ID, Round: 1}
			if err := c.EnqueueDelivery(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			s := newSweeper(rdb, quiet())
			id := task.id()
			p := place{t, rdb, Deliveries}
			if tt.name == "seen active, then in no list" {
				kill(t, rdb, Deliveries, start.Add(time.Hour))
				sweepAt(t, s, start)
			}
			tt.prepare(p, id)
			sweepAt(t, s, start)
			sweepAt(t, s, start.Add(12*time.Second))
			if in := fmt.Sprint(p.where(id)); in != tt.want {
				t.Errorf("in %s, want %s", in, tt.want)
			}
			hash := rdb.Exists(t.Context(), p.key("t:"+id)).Val() == 1
			if hash != (tt.want != "[]") {
				t.Errorf("hash is there: %v", hash)
			}
			if n := len(s.watches[Deliveries].seen) + len(s.watches[Deliveries].gone); n != 0 {
				t.Errorf("the sweep still remembers %d tasks", n)
			}
		})
	}
}

// A full Redis refuses what would need more memory, this script or that. Nothing
// is lost by it, and everything goes on once there is room.
func TestSweepOnAFullRedis(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	_, rdb := newRedis(t)
	c := newClient(t, rdb)
	orphan, dropped := DeliveryTask{EventID: sampleEvent().ID, Round: 1}, DeliveryTask{EventID: sampleEvent().ID, Round: 1}
	if err := c.EnqueueDelivery(t.Context(), orphan); err != nil {
		t.Fatal(err)
	}
	kill(t, rdb, Deliveries, start.Add(-time.Second))
	if err := c.EnqueueDelivery(t.Context(), dropped); err != nil {
		t.Fatal(err)
	}
	p := place{t, rdb, Deliveries}
	p.strip(dropped.id(), "active")
	s := newSweeper(rdb, quiet())
	s.suspects.add(Deliveries, dropped.id())
	s.now = func() time.Time { return start }
	if err := rdb.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.sweep(t.Context(), Deliveries); err == nil {
		t.Error("a full Redis took the dropped task")
	}
	s.now = func() time.Time { return start.Add(12 * time.Second) }
	if err := s.sweep(t.Context(), Deliveries); err == nil {
		t.Error("a full Redis took the orphan")
	}
	if in := fmt.Sprint(p.where(orphan.id())); in != "[active lease]" {
		t.Errorf("the refused requeue left the task in %s", in)
	}
	if err := rdb.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	sweepAt(t, s, start.Add(17*time.Second))
	for _, task := range []DeliveryTask{orphan, dropped} {
		if in := fmt.Sprint(p.where(task.id())); in != "[pending]" {
			t.Errorf("with room again a task is in %s", in)
		}
	}
}

// A worker's own retry on a full Redis, with asynq's script as it is: whichever
// way Redis takes it, the task must come to run again.
func TestATaskRetriedOnAFullRedisIsNotLost(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	running, finish, second := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var runs atomic.Int32
	startPump(t, s.Addr(), Handlers{Event: func(context.Context, EventTask) error {
		if runs.Add(1) == 1 {
			close(running)
			<-finish
			return again{0, true}
		}
		close(second)
		return nil
	}})
	if err := c.EnqueueEvent(t.Context(), sampleEvent()); err != nil {
		t.Fatal(err)
	}
	<-running
	rdb.ConfigSet(t.Context(), "maxmemory", "1")
	close(finish)
	eventually(t, "the script was tried", func() bool {
		return rdb.ZCard(t.Context(), queueKey(Events, "retry")).Val() > 0 || rdb.LLen(t.Context(), queueKey(Events, "active")).Val() == 0
	})
	rdb.ConfigSet(t.Context(), "maxmemory", "0")
	select {
	case <-second:
	case <-time.After(60 * time.Second):
		t.Fatal("never run again")
	}
}
