package redisconn

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"accessrelay/internal/ack"
	"accessrelay/internal/redistest"

	"github.com/redis/go-redis/v9"
)

// BenchmarkAck is what a level costs an enqueue of 600 bytes: one at a time, and
// 64 at a time. The servers are on this machine, so what a network between
// master and replica adds is not in it.
func BenchmarkAck(b *testing.B) {
	durable := []string{"--appendonly", "yes", "--appendfsync", "always"}
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("memory/%d", callers), func(b *testing.B) {
			benchAck(b, redistest.Start(b), ack.Memory, callers)
		})
		b.Run(fmt.Sprintf("fsync/%d", callers), func(b *testing.B) {
			benchAck(b, redistest.Start(b, durable...), ack.Fsync, callers)
		})
		b.Run(fmt.Sprintf("replicas/%d", callers), func(b *testing.B) {
			master, _ := pair(b)
			benchAck(b, master, ack.Replicas(1), callers)
		})
	}
}

func benchAck(b *testing.B, s *redistest.Server, level ack.Level, callers int) {
	b.Helper()
	rdb := openWith(b, s.URL()+"?pool_size=64", ForIngest(), WithAck(level))
	enqueue := redis.NewScript(enqueueSource)
	payload := strings.Repeat("x", 600)
	var n, slowest atomic.Int64
	one := func() {
		id := fmt.Sprint(n.Add(1))
		ctx, cancel := context.WithTimeout(ack.Required(context.Background()), 5*time.Second)
		defer cancel()
		start := time.Now()
		if err := enqueue.Run(ctx, rdb, []string{"asynq:{q}:t:" + id, "asynq:{q}:pending"}, payload, id).Err(); err != nil {
			b.Error(err)
		}
		if took := int64(time.Since(start)); took > slowest.Load() {
			slowest.Store(took)
		}
	}
	one()
	slowest.Store(0)
	work := make(chan struct{}, callers)
	done := make(chan struct{})
	b.ResetTimer()
	for range callers {
		go func() {
			for range work {
				one()
			}
			done <- struct{}{}
		}()
	}
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	for range callers {
		<-done
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
	b.ReportMetric(float64(slowest.Load())/1e6, "slowest-ms")
}
