package queue

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"accessrelay/internal/event"
	"accessrelay/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// newRedis returns a client of its own to a server of its own.
func newRedis(t *testing.T) (*redistest.Server, redis.UniversalClient) {
	t.Helper()
	s := redistest.Start(t)
	return s, newRedisClient(t, s.Addr())
}

func newRedisClient(t *testing.T, addr string) redis.UniversalClient {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func newClient(t *testing.T, rdb redis.UniversalClient) *Client {
	t.Helper()
	c := NewClient(rdb)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func startPump(t *testing.T, addr string, h Handlers) *Pump {
	t.Helper()
	if h.Event == nil {
		h.Event = func(context.Context, EventTask) error { return nil }
	}
	if h.Delivery == nil {
		h.Delivery = func(context.Context, DeliveryTask) error { return nil }
	}
	p := NewPump(newRedisClient(t, addr), PumpConfig{
		Handlers: h, EventConcurrency: 4, DeliveryConcurrency: 4, ShutdownTimeout: 5 * time.Second, Log: quiet(),
	})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Shutdown)
	return p
}

func sampleEvent() EventTask {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return EventTask{
		ID: event.NewID(now), TenantID: "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11", Source: "acme-p0", Platform: "p0",
		ReceivedAt: now, TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		Body: []byte(`{ "a": 1.0 }`),
	}
}

// eventually waits for cond, for as long as a busy machine may need.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	eventuallyIn(t, 20*time.Second, what, cond)
}

func eventuallyIn(t *testing.T, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// again is the error of a handler that wants another run.
type again struct {
	after  time.Duration
	failed bool
}

func (a again) Error() string                { return "again" }
func (a again) RunAgainAfter() time.Duration { return a.after }
func (a again) Failed() bool                 { return a.failed }

// kill leaves a task of the queue as a worker does that is killed while it runs it.
func kill(t *testing.T, rdb redis.UniversalClient, queue string, lease time.Time) (id string) {
	t.Helper()
	ctx := context.Background()
	id, err := rdb.RPopLPush(ctx, queueKey(queue, "pending"), queueKey(queue, "active")).Result()
	if err != nil {
		t.Fatal(err)
	}
	rdb.HSet(ctx, queueKey(queue, "t:"+id), "state", "active")
	if !lease.IsZero() {
		rdb.ZAdd(ctx, queueKey(queue, "lease"), redis.Z{Score: float64(lease.Unix()), Member: id})
	}
	return id
}

func TestNamesHoldNoBraces(t *testing.T) {
	// A brace would move a key to another slot of a Cluster than its queue.
	ids := append(Names(), sampleEvent().ID, DeliveryTask{EventID: sampleEvent().ID, N: 12, Round: 3}.id())
	for _, id := range ids {
		if strings.ContainsAny(id, "{}") {
			t.Errorf("%q holds a brace", id)
		}
	}
}
