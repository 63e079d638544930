package e2e

import (
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// metrics are the samples of one scrape, by series as Prometheus writes it.
type metrics map[string]float64

// scrape reads /metrics.
func (p *process) scrape() metrics {
	p.t.Helper()
	req, err := http.NewRequest(http.MethodGet, p.listener("ops")+"/metrics", nil)
	if err != nil {
		p.t.Fatalf("making a request: %v", err)
	}
	a, err := do(req)
	if err != nil || a.status != http.StatusOK {
		p.t.Fatalf("scraping %s: status %d, %v", p.name, a.status, err)
	}
	m := metrics{}
	for line := range strings.Lines(string(a.body)) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if line == "" || line[0] == '#' || at < 0 {
			continue
		}
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			p.t.Fatalf("metric %q: %v", line, err)
		}
		m[line[:at]] = v
	}
	return m
}

// series writes a series as Prometheus does: labels are names and values in turn.
func series(name string, labels ...string) string {
	if len(labels) == 0 {
		return name
	}
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, fmt.Sprintf("%s=%q", labels[i], labels[i+1]))
	}
	sort.Strings(pairs)
	return name + "{" + strings.Join(pairs, ",") + "}"
}

// want reports series that have not the wanted value.
func (m metrics) want(t *testing.T, value float64, name string, labels ...string) {
	t.Helper()
	s := series(name, labels...)
	if got, ok := m[s]; !ok || got != value {
		t.Errorf("%s is %v (present: %v), want %v", s, got, ok, value)
	}
}

// What the documentation promises, written out once more: a name that changes
// breaks somebody's dashboard.
var (
	eventTypes = strings.Fields(`request.pending request.approved request.denied request.expired request.cancelled
		request.failed request.break_glass grant.active grant.expiring_soon grant.expired grant.revoked
		grant.failed preapproval.created preapproval.expired user.created user.invited user.role_assigned
		operation.pending operation.approved operation.denied operation.cancelled unrecognized test relay.channel_disabled`)
	ingestOutcomes  = strings.Fields("accepted unauthenticated malformed too_large unsupported_media method_not_allowed rate_limited unavailable")
	attemptOutcomes = strings.Fields("delivered retried throttled dead")
	failureReasons  = strings.Fields(`connection tls timeout server_error rate_limited unavailable client_error redirect gone bad_response
		deferred rejected address_blocked render channel_deleted channel_disabled channel_config rate_limit breaker_open max_age`)
	channelTypes = strings.Fields("slack_webhook email generic_webhook aws_sns")
	processNames = strings.Fields("go_goroutines process_start_time_seconds")
)

// TestMetricsFromTheStart: every series is there before anything has happened,
// so that a rate over it sees the first event.
func TestMetricsFromTheStart(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	r.start()

	m := r.ingest.scrape()
	for _, o := range ingestOutcomes {
		m.want(t, 0, "accessrelay_ingest_requests_total", "source", theSource, "platform", "p0", "outcome", o)
	}
	m.want(t, 0, "accessrelay_ingest_request_duration_seconds_count", "platform", "p0")
	present(t, m, append(processNames, "accessrelay_build_info", "accessrelay_ingest_requests_total")...)
	if n := countSeries(m, "accessrelay_ingest_requests_total", `outcome="unknown_source"`); n != 1 {
		t.Errorf("%d series for unknown sources, want one", n)
	}

	m = r.worker.scrape()
	for _, e := range eventTypes {
		for _, o := range []string{"routed", "duplicate", "unrouted"} {
			for _, platform := range []string{"p0", "api", "relay"} {
				m.want(t, 0, "accessrelay_events_total", "platform", platform, "type", e, "outcome", o)
			}
		}
	}
	for _, c := range channelTypes {
		for _, o := range attemptOutcomes {
			m.want(t, 0, "accessrelay_delivery_attempts_total", "channel_type", c, "outcome", o)
		}
		for _, reason := range failureReasons {
			m.want(t, 0, "accessrelay_delivery_failures_total", "channel_type", c, "reason", reason)
		}
		m.want(t, 0, "accessrelay_delivery_attempt_duration_seconds_count", "channel_type", c)
		m.want(t, 0, "accessrelay_delivery_latency_seconds_count", "channel_type", c)
		m.want(t, 0, "accessrelay_dead_letters", "channel_type", c)
		m.want(t, 0, "accessrelay_channels_disabled", "channel_type", c)
		m.want(t, 0, "accessrelay_breakers_open", "channel_type", c)
	}
	for _, queue := range []string{"events", "deliveries"} {
		m.want(t, 0, "accessrelay_queue_latency_seconds", "queue", queue)
		for _, state := range []string{"pending", "active", "retry"} {
			m.want(t, 0, "accessrelay_queue_size", "queue", queue, "state", state)
		}
	}
	present(t, m, append(processNames, "accessrelay_build_info")...)
	if n := countSeries(m, "accessrelay_ingest_", ""); n > 0 {
		t.Errorf("a worker has %d series of ingest's", n)
	}
}

func present(t *testing.T, m metrics, names ...string) {
	t.Helper()
	for _, n := range names {
		if countSeries(m, n, "") == 0 {
			t.Errorf("there is no %s", n)
		}
	}
}

// countSeries counts the series whose name begins with prefix and that hold the label.
func countSeries(m metrics, prefix, label string) int {
	n := 0
	for s := range m {
		if strings.HasPrefix(s, prefix) && strings.Contains(s, label) {
			n++
		}
	}
	return n
}
