package queue

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"accessrelay/internal/redistest"
)

// BenchmarkWakeUp compares, in one run, how long a task waits in an idle queue:
// with asynq's own polling at its default and with the wake-up. The metric
// "times-faster" is the ratio of the medians.
func BenchmarkWakeUp(b *testing.B) {
	s := redistest.Start(b)
	connect := func() redis.UniversalClient {
		rdb := redis.NewClient(&redis.Options{Addr: s.Addr()})
		b.Cleanup(func() { _ = rdb.Close() })
		return rdb
	}
	c := NewClient(connect())
	b.Cleanup(func() { _ = c.Close() })
	median := func(start func(h asynq.Handler) (stop func())) time.Duration {
		taken := make(chan time.Time, 1)
		stop := start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { taken <- time.Now(); return nil }))
		defer stop()
		var waits []time.Duration
		for i := range 12 {
			enqueued := time.Now()
			if err := c.EnqueueEvent(context.Background(), sampleEvent()); err != nil {
				b.Fatal(err)
			}
			wait := (<-taken).Sub(enqueued)
			if i > 1 { // the first find the server awake
				waits = append(waits, wait)
			}
		}
		slices.Sort(waits)
		return waits[len(waits)/2]
	}
	for b.Loop() {
		polled := median(func(h asynq.Handler) func() {
			cfg := asynq.Config{Queues: map[string]int{Events: 1}, LogLevel: asynq.ErrorLevel}
			server := asynq.NewServerFromRedisClient(connect(), cfg)
			if err := server.Start(h); err != nil {
				b.Fatal(err)
			}
			return server.Shutdown
		})
		woken := median(func(h asynq.Handler) func() {
			p := NewPump(connect(), PumpConfig{
				Handlers: Handlers{
					Event: func(ctx context.Context, e EventTask) error { return h.ProcessTask(ctx, e.encode()) },
				},
				EventConcurrency: 1, DeliveryConcurrency: 1, ShutdownTimeout: time.Second, Log: quiet(),
			})
			if err := p.Start(); err != nil {
				b.Fatal(err)
			}
			return p.Shutdown
		})
		b.ReportMetric(float64(polled.Microseconds())/1000, "polled-ms")
		b.ReportMetric(float64(woken.Microseconds())/1000, "woken-ms")
		b.ReportMetric(float64(polled)/float64(woken), "times-faster")
	}
	b.ReportMetric(0, "ns/op")
}
