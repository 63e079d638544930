package ingest

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// outcome is what became of a request: a label of the metric.
type outcome string

const (
	accepted         outcome = "accepted"
	unauthenticated  outcome = "unauthenticated"
	malformed        outcome = "malformed"
	tooLarge         outcome = "too_large"
	unsupportedMedia outcome = "unsupported_media"
	methodNotAllowed outcome = "method_not_allowed"
	unknownSource    outcome = "unknown_source"
	rateLimited      outcome = "rate_limited"
	unavailable      outcome = "unavailable"
)

var outcomes = []outcome{
	accepted, unauthenticated, malformed, tooLarge, unsupportedMedia, methodNotAllowed, rateLimited, unavailable,
}

// unknown labels requests to sources that do not exist: their names are the
// sender's to choose, so they must not become labels.
const unknown = "unknown"

// Metrics are the hooks listener's. docs/metrics.md describes them.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewMetrics registers the metrics. platforms are all that this build knows.
func NewMetrics(reg prometheus.Registerer, platforms []string) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "accessrelay_ingest_requests_total",
			Help: "Requests to hooks, by what was answered.",
		}, []string{"source", "platform", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "accessrelay_ingest_request_duration_seconds",
			Help:    "How long a request to a hook took to answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
		}, []string{"platform"}),
	}
	m.requests.WithLabelValues(unknown, unknown, string(unknownSource))
	for _, p := range append([]string{unknown}, platforms...) {
		m.duration.WithLabelValues(p)
	}
	reg.MustRegister(m.requests, m.duration)
	return m
}

// Declare makes every label value of src present, at 0.
func (m *Metrics) Declare(src *Source) {
	for _, o := range outcomes {
		m.requests.WithLabelValues(src.ID, src.Platform.Name(), string(o))
	}
}

// observe counts a request; src is nil if its source is unknown.
func (m *Metrics) observe(src *Source, o outcome, took time.Duration) {
	id, platform := unknown, unknown
	if src != nil {
		id, platform = src.ID, src.Platform.Name()
	}
	m.requests.WithLabelValues(id, platform, string(o)).Inc()
	m.duration.WithLabelValues(platform).Observe(took.Seconds())
}
