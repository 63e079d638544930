package relay

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

const (
	outcomeRouted    outcome = "routed"
	outcomeDuplicate outcome = "duplicate"
	outcomeUnrouted  outcome = "unrouted"
)

// Metrics are the worker's counters. docs/metrics.md describes them.
type Metrics struct {
	events   *prometheus.CounterVec
	attempts *prometheus.CounterVec
	failures *prometheus.CounterVec
	duration *prometheus.HistogramVec
	latency  *prometheus.HistogramVec
	resumed  prometheus.Counter
}

// NewMetrics registers the metrics, every label value present at 0. platforms
// and channelTypes are all that this build knows.
func NewMetrics(reg prometheus.Registerer, platforms, channelTypes []string) *Metrics {
	m := &Metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "accessrelay_events_total",
			Help: "Events that workers have come to, by what became of them.",
		}, []string{"platform", "type", "outcome"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "accessrelay_delivery_attempts_total",
			Help: "Attempts made to deliver, by what came of them.",
		}, []string{"channel_type", "outcome"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "accessrelay_delivery_failures_total",
			Help: "Failures to deliver, by reason; with or without an attempt.",
		}, []string{"channel_type", "reason"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "accessrelay_delivery_attempt_duration_seconds",
			Help:    "How long an attempt took.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 30},
		}, []string{"channel_type"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "accessrelay_delivery_latency_seconds",
			Help:    "From the receipt of an event to its delivery.",
			Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 5, 15, 60, 300, 1800, 7200, 86400},
		}, []string{"channel_type"}),
		resumed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "accessrelay_deliveries_resumed_total",
			Help: "Open deliveries whose task had vanished, found and enqueued again.",
		}),
	}
	for _, p := range platforms {
		for _, t := range event.Types() {
			for _, o := range []outcome{outcomeRouted, outcomeDuplicate, outcomeUnrouted} {
				m.events.WithLabelValues(p, string(t), string(o))
			}
		}
	}
	for _, ct := range channelTypes {
		for _, o := range []outcome{outcomeDelivered, outcomeRetried, outcomeThrottled, outcomeDead} {
			m.attempts.WithLabelValues(ct, string(o))
		}
		for _, reason := range transport.Reasons() {
			m.failures.WithLabelValues(ct, string(reason))
		}
		m.duration.WithLabelValues(ct)
		m.latency.WithLabelValues(ct)
	}
	reg.MustRegister(m.events, m.attempts, m.failures, m.duration, m.latency, m.resumed)
	return m
}

func (m *Metrics) event(ev *event.Event, o outcome) {
	m.events.WithLabelValues(ev.Platform, string(ev.Type), string(o)).Inc()
}

func (m *Metrics) attempted(channelType string, took time.Duration) {
	m.duration.WithLabelValues(channelType).Observe(took.Seconds())
}

// failed counts a delivery that waits, or is dead, without an attempt.
func (m *Metrics) failed(d event.Delivery) {
	m.failures.WithLabelValues(d.ChannelType, d.LastReason).Inc()
}

func (m *Metrics) delivery(ev *event.Event, d event.Delivery, o outcome, err *transport.SendError) {
	if err == nil || !err.NoAttempt {
		m.attempts.WithLabelValues(d.ChannelType, string(o)).Inc()
	}
	if err != nil {
		m.failures.WithLabelValues(d.ChannelType, d.LastReason).Inc()
		return
	}
	m.latency.WithLabelValues(d.ChannelType).Observe(d.DeliveredAt.Sub(ev.ReceivedAt).Seconds())
}
