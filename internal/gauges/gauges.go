// Package gauges shows the state of all of Redis as metrics: how full the queues
// are, how many dead letters wait, which channels are off, and which breakers open. Every worker shows
// the same, so dashboards take the maximum over workers, not the sum.
package gauges

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"accessrelay/internal/channel"
	"accessrelay/internal/queue"
)

const (
	// keepFor spares Redis when several scrapers ask.
	keepFor = 2 * time.Second
	// readTimeout bounds what a scrape waits for Redis.
	readTimeout = time.Second
)

// Depths counts the tasks of every queue.
type Depths interface {
	Depths(ctx context.Context) ([]queue.Depth, error)
}

// DeadLetters counts and weighs dead deliveries by channel type. Every type asked
// for is in the answer.
type DeadLetters interface {
	DeadLetters(ctx context.Context, tenantIDs, channelTypes []string) (map[string]int, error)
	DeadLetterBytes(ctx context.Context, tenantIDs, channelTypes []string) (map[string]int64, error)
}

// Channels lists a tenant's channels.
type Channels interface {
	Channels(ctx context.Context, tenantID string) ([]*channel.Channel, error)
}

// Breakers tells which of the channels have an open breaker.
type Breakers interface {
	Broken(ctx context.Context, channelIDs []string) (map[string]bool, error)
}

// Config is what a [Collector] reads. Every field must be set.
type Config struct {
	Depths       Depths
	DeadLetters  DeadLetters
	Channels     Channels
	Breakers     Breakers
	Tenants      func() []string // ids
	ChannelTypes []string
	Log          *slog.Logger
}

// Collector reads when it is scraped. While Redis does not answer it shows
// nothing rather than something stale. It is safe for concurrent use.
type Collector struct {
	Config
	size, latency, dead, deadBytes, disabled, broken *prometheus.Desc

	mu   sync.Mutex
	last []prometheus.Metric
	at   time.Time
}

// New returns a Collector, to be registered by the caller.
func New(cfg Config) *Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("accessrelay_"+name, help, labels, nil)
	}
	return &Collector{
		Config:  cfg,
		size:    desc("queue_size", "Tasks in a queue by state, over all of Redis.", "queue", "state"),
		latency: desc("queue_latency_seconds", "Age of the oldest task that waits for a worker.", "queue"),
		dead:    desc("dead_letters", "Deliveries given up and kept, over all of Redis.", "channel_type"),
		deadBytes: desc("dead_letters_bytes",
			"Memory of Redis that dead letters take: an estimate from a random sample.", "channel_type"),
		disabled: desc("channels_disabled", "Channels that are disabled, over all of Redis.", "channel_type"),
		broken:   desc("breakers_open", "Channels whose breaker is open, over all of Redis.", "channel_type"),
	}
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.size, c.latency, c.dead, c.deadBytes, c.disabled, c.broken} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) > keepFor {
		c.last, c.at = c.read(), time.Now()
	}
	for _, m := range c.last {
		ch <- m
	}
}

func (c *Collector) read() []prometheus.Metric {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	var out []prometheus.Metric
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out = append(out, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...))
	}

	depths, err := c.Depths.Depths(ctx)
	if err != nil {
		c.Log.Warn("queue metrics are left out of this scrape", "error", err)
		return nil
	}
	for _, d := range depths {
		for _, state := range queue.DepthStates() {
			gauge(c.size, float64(d.Sizes[state]), d.Queue, state)
		}
		gauge(c.latency, d.Latency.Seconds(), d.Queue)
	}

	tenants := c.Tenants()
	dead, err := c.DeadLetters.DeadLetters(ctx, tenants, c.ChannelTypes)
	if err != nil {
		c.Log.Warn("dead letters are left out of this scrape", "error", err)
		return out
	}
	if bytes, err := c.DeadLetters.DeadLetterBytes(ctx, tenants, c.ChannelTypes); err != nil { // MEMORY may be forbidden
		c.Log.Warn("the memory of dead letters is left out of this scrape", "error", err)
	} else {
		for _, t := range c.ChannelTypes {
			gauge(c.deadBytes, float64(bytes[t]), t)
		}
	}
	disabled, broken := map[string]int{}, map[string]int{}
	for _, t := range tenants {
		channels, err := c.Channels.Channels(ctx, t)
		if err != nil {
			c.Log.Warn("disabled channels are left out of this scrape", "error", err)
			return out
		}
		var ids []string
		for _, ch := range channels {
			ids = append(ids, ch.ID)
			if !ch.Enabled {
				disabled[ch.Type]++
			}
		}
		open, err := c.Breakers.Broken(ctx, ids)
		if err != nil {
			c.Log.Warn("open breakers are left out of this scrape", "error", err)
			return out
		}
		for _, ch := range channels {
			if open[ch.ID] {
				broken[ch.Type]++
			}
		}
	}
	for _, t := range c.ChannelTypes {
		gauge(c.dead, float64(dead[t]), t)
		gauge(c.disabled, float64(disabled[t]), t)
		gauge(c.broken, float64(broken[t]), t)
	}
	return out
}
