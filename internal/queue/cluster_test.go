package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"accessrelay/internal/redistest"
)

// tally counts the runs of tasks by id.
type tally struct {
	mu   sync.Mutex
	runs map[string]int
}

func (c *tally) add(id string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.runs == nil {
		c.runs = map[string]int{}
	}
	c.runs[id]++
	return c.runs[id]
}

func (c *tally) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.runs)
}

func startClusterPump(t *testing.T, rdb redis.UniversalClient, h Handlers) {
	t.Helper()
	p := NewPump(rdb, PumpConfig{
		Handlers: h, EventConcurrency: 4, DeliveryConcurrency: 8, ShutdownTimeout: 5 * time.Second, Log: quiet(),
	})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Shutdown)
}

// The whole way on a Cluster of three masters and their replicas, one of which
// dies on the way.
func TestPumpOnACluster(t *testing.T) {
	cluster := redistest.StartClusterOf(t, 3, 1)
	t.Cleanup(func() {
		// A pool that was closed while it dialled a dead server ends with its next
		// try, a second later.
		eventually(t, "nobody dials", func() bool {
			stacks := make([]byte, 1<<20)
			return !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("tryDial"))
		})
	})
	rdb := newClusterClient(t, cluster.Nodes()[0].Addr())
	c := newClient(t, rdb)
	var events, deliveries tally
	hold := make(chan struct{})
	startClusterPump(t, newClusterClient(t, cluster.Nodes()[0].Addr()), Handlers{
		Event: func(ctx context.Context, e EventTask) error {
			events.add(e.ID)
			return c.EnqueueDelivery(ctx, DeliveryTask{EventID: e.ID, Round: 1})
		},
		Delivery: func(_ context.Context, d DeliveryTask) error {
			if deliveries.add(d.id()) == 1 {
				return again{time.Second, true} // through the retry set, and forwarded from there
			}
			<-hold
			return nil
		},
	})
	const n = 64
	enqueue := func() {
		for range n {
			e := sampleEvent()
			eventually(t, "an event is enqueued", func() bool { return c.EnqueueEvent(t.Context(), e) == nil })
		}
	}
	enqueue()
	eventually(t, "all events were run", func() bool { return events.len() == n && deliveries.len() == n })
	eventually(t, "retries are running", func() bool {
		ds, err := c.Depths(context.Background())
		return err == nil && ds[1].Queue == Deliveries && ds[1].Sizes["active"] == 8
	})
	inspector := asynq.NewInspectorFromRedisClient(rdb)
	if used, err := inspector.Queues(); err != nil || len(used) != 16 {
		t.Errorf("asynq knows the queues %v, error %v; want 16", used, err)
	}
	if servers, err := inspector.Servers(); err != nil || len(servers) != 2 {
		t.Errorf("%d servers, error %v; want one a kind", len(servers), err)
	}
	close(hold)

	cluster.Serving(queueKey("deliveries-40", "pending")).Kill()
	enqueue()
	eventually(t, "everything was run", func() bool { return events.len() >= 2*n && deliveries.len() >= 2*n })
	// What the dead master's workers were doing waits for its lease to be over.
	eventuallyIn(t, 90*time.Second, "nothing is left", func() bool {
		ds, err := c.Depths(context.Background())
		if err != nil {
			return false
		}
		left := 0
		for _, d := range ds {
			for _, n := range d.Sizes {
				left += n
			}
		}
		return left == 0
	})
}

// One wake-up serves all shards, and a pump parks only when all are empty.
func TestATaskInAnyShardIsTakenAtOnce(t *testing.T) {
	s := redistest.StartCluster(t)
	c := newClient(t, s.ClusterClient())
	ran := make(chan struct{})
	startClusterPump(t, newClusterClient(t, s.Addr()), Handlers{Event: func(context.Context, EventTask) error { ran <- struct{}{}; return nil }})
	start := time.Now()
	for range 50 {
		if err := c.EnqueueEvent(t.Context(), sampleEvent()); err != nil {
			t.Fatal(err)
		}
		<-ran
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("50 tasks one after the other took %v", took)
	}
}

// newClusterClient returns a client of its own, which learns of a failover soon.
func newClusterClient(t *testing.T, addr string) *redis.ClusterClient {
	t.Helper()
	rdb := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{addr}, ContextTimeoutEnabled: true, DisableIdentity: true,
		ClusterStateReloadInterval: time.Second, DialerRetries: 1,
	})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func TestAnIdlePumpOnAClusterAsksLittle(t *testing.T) {
	s := redistest.StartCluster(t)
	ran := make(chan struct{}, 1)
	startClusterPump(t, newClusterClient(t, s.Addr()), Handlers{Event: func(context.Context, EventTask) error { ran <- struct{}{}; return nil }})
	c := newClient(t, s.ClusterClient())
	if err := c.EnqueueEvent(t.Context(), sampleEvent()); err != nil {
		t.Fatal(err)
	}
	<-ran
	// Two kinds of eight shards: a dequeue and two looks at what is due each, every
	// second, and a sweep every five: two sweeps fall into ten seconds, whereas
	// five may have one or two.
	const seconds, most = 10, 60
	if n := s.Requests(t, seconds*time.Second); n > seconds*most {
		t.Errorf("%d requests in %d s, want at most %d a second", n, seconds, most)
	} else {
		t.Logf("%.1f requests a second", float64(n)/seconds)
	}
}

// The hook itself: it counts a kind's empty answers in a row, whatever shard
// they are of.
func TestParkingWaitsForTheLastShard(t *testing.T) {
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}})
	defer func() { _ = rdb.Close() }()
	p := newParking(rdb, nil)
	close(p.stop) // so that no wait lasts
	var answer error
	var asked atomic.Int32
	hook := p.ProcessHook(func(context.Context, redis.Cmder) error { asked.Add(1); return answer })
	ask := func(queue string, err error) {
		answer = err
		cmd := redis.NewCmd(t.Context(), "evalsha", "sha", 2, queueKey(queue, "pending"), queueKey(queue, "paused"), 1)
		if got := hook(t.Context(), cmd); !errors.Is(got, err) {
			t.Errorf("the hook made %v of %v", got, err)
		}
	}
	count := func() string { return fmt.Sprint(p.empty[Events].Load(), p.empty[Deliveries].Load()) }
	expect := func(want string) {
		t.Helper()
		if got := count(); got != want {
			t.Errorf("empty answers in a row %s, want %s", got, want)
		}
	}
	for i, q := range shardNames[Events][:7] {
		ask(q, redis.Nil)
		expect(fmt.Sprint(i+1, 0))
	}
	ask(Deliveries, redis.Nil)
	expect("7 1")
	p.wake(Events)
	ask(shardNames[Events][7], redis.Nil) // parks: the wake-up or the stop ends it
	expect("0 1")
	ask(shardNames[Events][3], redis.Nil)
	ask(shardNames[Events][5], nil) // a task: the round begins anew
	expect("0 1")
	ask(shardNames[Events][3], redis.Nil)
	ask(shardNames[Events][5], context.DeadlineExceeded)
	expect("0 1")
	ask("somebody-elses", redis.Nil)
	expect("0 1")
}
