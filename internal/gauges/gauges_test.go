package gauges

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"accessrelay/internal/channel"
	"accessrelay/internal/queue"
)

// redis is all of Redis, as far as gauges go.
type redis struct {
	down  bool
	reads int
}

var errDown = errors.New("no answer from Redis")

func (r *redis) Depths(context.Context) ([]queue.Depth, error) {
	r.reads++
	if r.down {
		return nil, errDown
	}
	return []queue.Depth{{Queue: "events", Sizes: map[string]int{"pending": 3}, Latency: 2 * time.Second}}, nil
}

func (r *redis) DeadLetters(context.Context, []string, []string) (map[string]int, error) {
	return map[string]int{"slack_webhook": 7}, nil
}

func (r *redis) DeadLetterBytes(context.Context, []string, []string) (map[string]int64, error) {
	return map[string]int64{"slack_webhook": 9100}, nil
}

func (r *redis) Channels(_ context.Context, tenant string) ([]*channel.Channel, error) {
	return []*channel.Channel{
		{ID: tenant + "1", Type: "slack_webhook", Enabled: true}, {ID: tenant + "2", Type: "slack_webhook"},
	}, nil
}

func (r *redis) Broken(_ context.Context, ids []string) (map[string]bool, error) {
	return map[string]bool{ids[1]: true}, nil
}

func newCollector(r *redis) *Collector {
	return New(Config{
		Depths: r, DeadLetters: r, Channels: r, Breakers: r, Tenants: func() []string { return []string{"a", "b"} },
		ChannelTypes: []string{"slack_webhook", "generic_webhook"}, Log: slog.New(slog.DiscardHandler),
	})
}

func TestGauges(t *testing.T) {
	r := &redis{}
	c := newCollector(r)
	const want = `
# HELP accessrelay_breakers_open Channels whose breaker is open, over all of Redis.
# TYPE accessrelay_breakers_open gauge
accessrelay_breakers_open{channel_type="generic_webhook"} 0
accessrelay_breakers_open{channel_type="slack_webhook"} 2
# HELP accessrelay_channels_disabled Channels that are disabled, over all of Redis.
# TYPE accessrelay_channels_disabled gauge
accessrelay_channels_disabled{channel_type="generic_webhook"} 0
accessrelay_channels_disabled{channel_type="slack_webhook"} 2
# HELP accessrelay_dead_letters Deliveries given up and kept, over all of Redis.
# TYPE accessrelay_dead_letters gauge
accessrelay_dead_letters{channel_type="generic_webhook"} 0
accessrelay_dead_letters{channel_type="slack_webhook"} 7
# HELP accessrelay_dead_letters_bytes Memory of Redis that dead letters take: an estimate from a random sample.
# TYPE accessrelay_dead_letters_bytes gauge
accessrelay_dead_letters_bytes{channel_type="generic_webhook"} 0
accessrelay_dead_letters_bytes{channel_type="slack_webhook"} 9100
# HELP accessrelay_queue_latency_seconds Age of the oldest task that waits for a worker.
# TYPE accessrelay_queue_latency_seconds gauge
accessrelay_queue_latency_seconds{queue="events"} 2
# HELP accessrelay_queue_size Tasks in a queue by state, over all of Redis.
# TYPE accessrelay_queue_size gauge
accessrelay_queue_size{queue="events",state="active"} 0
accessrelay_queue_size{queue="events",state="archived"} 0
accessrelay_queue_size{queue="events",state="pending"} 3
accessrelay_queue_size{queue="events",state="retry"} 0
accessrelay_queue_size{queue="events",state="scheduled"} 0
`
	for range 3 {
		if err := testutil.CollectAndCompare(c, strings.NewReader(want)); err != nil {
			t.Fatal(err)
		}
	}
	if r.reads != 1 {
		t.Errorf("three scrapes in a row read Redis %d times", r.reads)
	}
}

func TestNothingStaleIsShown(t *testing.T) {
	r := &redis{}
	c := newCollector(r)
	if n := testutil.CollectAndCount(c); n == 0 {
		t.Fatal("nothing to go stale")
	}
	r.down, c.at = true, time.Time{}
	if n := testutil.CollectAndCount(c); n != 0 {
		t.Errorf("%d metrics shown without Redis", n)
	}
}
