package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// retries is how long three retries a second apart may take: each may wait up
// to a second and a fifth more, then two for the queue's grid.
const retries = 45 * time.Second

func status(code int) answer { return answer{status: code} }

// TestRetries: what a destination answers decides what becomes of a delivery.
func TestRetries(t *testing.T) {
	t.Parallel()
	fourth := newSink(t, status(500), status(500), status(500), status(200))
	never := newSink(t, status(500))
	refused := newSink(t, status(400))
	moved := newSink(t, answer{status: 302, header: map[string]string{"Location": "http://127.0.0.1:1/"}})
	busy := newSink(t, answer{status: 429, header: map[string]string{"Retry-After": "2"}}, status(200))
	r := newRelay(t, webhookTo("fourth", fourth), webhookTo("never", never), webhookTo("refused", refused),
		webhookTo("moved", moved), webhookTo("busy", busy))
	r.start()
	id := r.send(preapproval("a"))
	got := r.settle(id, retries)
	if got.Status != "partial" {
		t.Errorf("status %s", got.Status)
	}

	tests := []struct {
		channel               string
		sink                  *sink
		state                 string
		attempts, retriesUsed int
		lastError             string
	}{
		{"fourth", fourth, "delivered", 4, 3, "server_error"},
		{"never", never, "dead", 4, 3, "server_error"},
		{"refused", refused, "dead", 1, 0, "client_error"},
		{"moved", moved, "dead", 1, 0, "redirect"},
		{"busy", busy, "delivered", 2, 0, ""},
	}
	for _, tt := range tests {
		d := got.to(t, tt.channel)
		if d.State != tt.state || d.Attempts != tt.attempts || d.RetriesUsed != tt.retriesUsed || !strings.Contains(d.LastError, tt.lastError) {
			t.Errorf("%s: %+v; want %s after %d attempts with %d retries", tt.channel, d, tt.state, tt.attempts, tt.retriesUsed)
		}
		if n := len(tt.sink.of(id)); n != tt.attempts || n != len(tt.sink.all()) {
			t.Errorf("%s: %d requests (%d in all), and %d attempts counted", tt.channel, n, len(tt.sink.all()), tt.attempts)
		}
	}
	// 1 s less the jitter of a fifth; the first bytes of a request are a little later.
	gaps(t, fourth.all(), 780*time.Millisecond)
	gaps(t, busy.all(), 2*time.Second)

	// asynq's archive forgets what it holds: nothing is ever left to it.
	if n := r.redis.Client().ZCard(t.Context(), "asynq:{deliveries}:archived").Val(); n != 0 {
		t.Errorf("%d deliveries are in asynq's archive", n)
	}
	r.idle()
	m := r.worker.scrape()
	attempts := func(outcome string) []string { return []string{"channel_type", "generic_webhook", "outcome", outcome} }
	m.want(t, 2, "accessrelay_delivery_attempts_total", attempts("delivered")...)
	m.want(t, 6, "accessrelay_delivery_attempts_total", attempts("retried")...)
	m.want(t, 1, "accessrelay_delivery_attempts_total", attempts("throttled")...)
	m.want(t, 3, "accessrelay_delivery_attempts_total", attempts("dead")...)
	m.want(t, 7, "accessrelay_delivery_failures_total", "channel_type", "generic_webhook", "reason", "server_error")
	m.want(t, 1, "accessrelay_delivery_failures_total", "channel_type", "generic_webhook", "reason", "client_error")
	m.want(t, 1, "accessrelay_delivery_failures_total", "channel_type", "generic_webhook", "reason", "redirect")
	m.want(t, 1, "accessrelay_delivery_failures_total", "channel_type", "generic_webhook", "reason", "rate_limited")
	eventually(t, soon, "the gauge shows the dead deliveries", func() bool {
		return r.worker.scrape()[series("accessrelay_dead_letters", "channel_type", "generic_webhook")] == 3
	})
	checkDeadList(t, r, got)
}

// gaps reports requests that came sooner after the last than they may.
func gaps(t *testing.T, requests []received, atLeast time.Duration) {
	t.Helper()
	for i := 1; i < len(requests); i++ {
		if gap := requests[i].at.Sub(requests[i-1].at); gap < atLeast {
			t.Errorf("request %d came %v after the last, want at least %v", i+1, gap, atLeast)
		}
	}
}

func checkDeadList(t *testing.T, r *relay, event receipt) {
	t.Helper()
	dead := decode[list[delivery]](t, r.call(http.MethodGet, "/v1/deliveries?state=dead", ""), http.StatusOK)
	names := map[string]bool{}
	for _, d := range dead.Data {
		names[d.ChannelName] = true
		if d.EventID != event.ID || d.EventType != "preapproval.created" || d.State != "dead" || d.CreatedAt.IsZero() || d.LastError == "" {
			t.Errorf("dead delivery %+v", d)
		}
	}
	if len(dead.Data) != 3 || !names["never"] || !names["refused"] || !names["moved"] || dead.NextCursor != nil {
		t.Errorf("the list of dead deliveries is %+v", dead)
	}
	one := event.to(t, "never")
	dead = decode[list[delivery]](t, r.call(http.MethodGet, "/v1/deliveries?state=dead&channel_id="+one.ChannelID, ""), http.StatusOK)
	if len(dead.Data) != 1 || dead.Data[0].ID != one.ID {
		t.Errorf("the list of one channel is %+v", dead)
	}
}

// TestUnreachable: where nobody listens, all retries are used.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	dead := channelConf{name: "nobody", kind: "slack-webhook", config: map[string]any{"url": "http://127.0.0.1:1/hook"}}
	r := newRelay(t, dead)
	r.delivery = "  backoff: [1s]\n  max_retries: 1\n"
	r.start()
	got := r.settle(r.send(preapproval("a")), retries)
	if d := got.to(t, "nobody"); got.Status != "failed" || d.State != "dead" || d.RetriesUsed != 1 || !strings.Contains(d.LastError, "connection") {
		t.Errorf("%+v", got)
	}
}

// TestGone: 410 disables the channel, says so to the others, and a test event
// that arrives enables it again.
func TestGone(t *testing.T) {
	t.Parallel()
	gone, other := newSink(t, status(410)), newSink(t)
	r := newRelay(t, webhookTo("gone", gone), webhookTo("other", other))
	r.channels[1].filters = []string{"preapproval.expired"} // the notice comes whatever the filters
	r.start()
	got := r.settle(r.send(preapproval("a")), soon)
	if d := got.to(t, "gone"); d.State != "dead" || d.Attempts != 1 || !strings.Contains(d.LastError, "gone") {
		t.Errorf("delivery %+v", d)
	}
	notice := other.await(t, 1)[0]
	if notice.eventType() != "relay.channel_disabled" || !strings.Contains(string(notice.body), `"gone"`) {
		t.Errorf("the other channel was told %s", notice.body)
	}
	ch := r.channel("gone")
	if ch.Enabled || ch.DisabledReason == "" || ch.ManagedBy != "file" {
		t.Errorf("channel %+v", ch)
	}
	disabled := series("accessrelay_channels_disabled", "channel_type", "generic_webhook")
	eventually(t, soon, "the gauge shows the disabled channel", func() bool { return r.worker.scrape()[disabled] == 1 })

	// Nothing is sent to it meanwhile.
	if got := r.settle(r.send(preapproval("b")), soon); got.Status != "unrouted" {
		t.Errorf("an event for the disabled channel: %+v", got)
	}
	// A test that fails leaves it disabled, one that arrives does not.
	test := func() {
		t.Helper()
		n := len(gone.all())
		a := r.call(http.MethodPost, "/v1/notification-channels/"+ch.ID+"/test", "")
		if a.status != http.StatusAccepted || len(a.body) != 0 {
			t.Fatalf("test: status %d, body %q", a.status, a.body)
		}
		r.settle(a.eventID(), soon)
		if got := gone.await(t, n+1)[n]; got.eventType() != "test" || got.id() != a.eventID() {
			t.Errorf("the channel was sent %s", got.body)
		}
	}
	test()
	if r.channel("gone").Enabled {
		t.Error("a test that failed has enabled the channel")
	}
	gone.answers(status(200))
	test()
	if ch := r.channel("gone"); !ch.Enabled || ch.DisabledReason != "" {
		t.Errorf("after a test that arrived: %+v", ch)
	}
	if got := r.settle(r.send(preapproval("c")), soon); got.Status != "delivered" {
		t.Errorf("after the channel was enabled: %+v", got)
	}
	eventually(t, soon, "the gauge shows that none is disabled", func() bool { return r.worker.scrape()[disabled] == 0 })
}
