package ingest

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/time/rate"

	"accessrelay/internal/source/canonical"
)

// door is a handler with one source that has a limit, and a clock in a test's hands.
type door struct {
	h       http.Handler
	sink    *sink
	metrics *Metrics
	log     bytes.Buffer
	now     atomic.Int64 // nanoseconds since 1970
}

func newDoor(t *testing.T, limit map[string]*rate.Limiter) *door {
	t.Helper()
	d := &door{sink: &sink{}, metrics: NewMetrics(prometheus.NewRegistry(), []string{"own"})}
	d.now.Store(1768469400e9)
	d.h = described.Handler(t, Handler(Config{
		Source: func(id string) (*Source, bool) {
			return &Source{ID: id, TenantID: "T", Platform: canonical.New("own"), Auth: gate{}, Limit: limit[id]}, true
		},
		Queue: d.sink, MaxBody: 4096, EnqueueTimeout: time.Second, Metrics: d.metrics,
		Log: slog.New(slog.NewJSONHandler(&d.log, nil)),
		Now: func() time.Time { return time.Unix(0, d.now.Load()) },
	}))
	return d
}

func (d *door) post(source, auth, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/hooks/"+source, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", auth)
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, r)
	return w
}

const anEvent = `{"type":"grant.active"}`

func (d *door) want(t *testing.T, what string, w *httptest.ResponseRecorder, status int, retryAfter string) {
	t.Helper()
	if w.Code != status || w.Header().Get("Retry-After") != retryAfter {
		t.Errorf("%s: status %d, Retry-After %q; want %d, %q", what, w.Code, w.Header().Get("Retry-After"), status, retryAfter)
	}
}

func TestRateLimit(t *testing.T) {
	const perHour = 1000
	d := newDoor(t, map[string]*rate.Limiter{"slow": rate.NewLimiter(perHour/3600., 1), "fast": rate.NewLimiter(100, 100)})

	d.want(t, "the first", d.post("slow", "Bearer good", anEvent), 200, "")
	for range 50 { // what is refused puts nothing off
		d.want(t, "the second at once", d.post("slow", "Bearer good", anEvent), 429, "4") // 3.6 s
	}
	d.now.Add(int64(2600 * time.Millisecond))
	d.want(t, "a second too early", d.post("slow", "Bearer good", anEvent), 429, "1")
	d.now.Add(int64(999 * time.Millisecond))
	d.want(t, "a millisecond too early", d.post("slow", "Bearer good", anEvent), 429, "1")
	d.now.Add(int64(2 * time.Millisecond))
	d.want(t, "in its turn", d.post("slow", "Bearer good", anEvent), 200, "")
	d.want(t, "again", d.post("slow", "Bearer good", anEvent), 429, "4")

	for i := range 100 { // one second's worth at once
		d.want(t, fmt.Sprint("of another source, ", i), d.post("fast", "Bearer good", anEvent), 200, "")
	}
	d.want(t, "of another source, 101", d.post("fast", "Bearer good", anEvent), 429, "1")
	d.now.Add(int64(10 * time.Millisecond))
	d.want(t, "of another source, later", d.post("fast", "Bearer good", anEvent), 200, "")

	for range 1000 {
		d.want(t, "of a source without a limit", d.post("free", "Bearer good", anEvent), 200, "")
	}
	for source, want := range map[string]float64{"slow": 53, "fast": 1, "free": 0} {
		if n := testutil.ToFloat64(d.metrics.requests.WithLabelValues(source, "own", string(rateLimited))); n != want {
			t.Errorf("%v refusals of %s are counted, want %v", n, source, want)
		}
	}
	if got := d.sink.count(); got != 2+101+1000 {
		t.Errorf("%d events enqueued", got)
	}
}

func TestRateLimitAnswer(t *testing.T) {
	d := newDoor(t, map[string]*rate.Limiter{"one": rate.NewLimiter(1, 1)})
	d.post("one", "Bearer good", anEvent)
	w := d.post("one", "Bearer good", anEvent)
	body, _ := io.ReadAll(w.Body)
	if w.Code != 429 || !strings.Contains(string(body), `"type":"public","code":"rate_limited"`) || w.Header().Get(EventIDHeader) != "" {
		t.Errorf("%d %s", w.Code, body)
	}
}

// The limit stands behind the credentials and before the body: who may not send
// cannot use it up, and who may pays for what is no event too.
func TestRateLimitInTheOrderOfChecks(t *testing.T) {
	d := newDoor(t, map[string]*rate.Limiter{"two": rate.NewLimiter(1, 2)})
	for range 20 {
		d.want(t, "no credentials", d.post("two", "Bearer bad", anEvent), 401, "")
		d.want(t, "too large", d.post("two", "Bearer good", strings.Repeat("x", 5000)), 413, "")
	}
	d.want(t, "no event", d.post("two", "Bearer good", "["), 400, "")
	d.want(t, "good", d.post("two", "Bearer good", anEvent), 200, "")
	d.want(t, "over the limit, and no event", d.post("two", "Bearer good", "["), 429, "1")
	d.want(t, "over the limit, and no credentials", d.post("two", "Bearer bad", anEvent), 401, "")
}

// However many come at once, no more than the limit pass.
func TestRateLimitHoldsInACrowd(t *testing.T) {
	const limit, senders = 37, 8
	d := newDoor(t, map[string]*rate.Limiter{"s": rate.NewLimiter(limit, limit)})
	var crowd sync.WaitGroup
	for range senders {
		crowd.Go(func() {
			for range limit {
				d.post("s", "Bearer good", anEvent)
			}
		})
	}
	crowd.Wait()
	if got := d.sink.count(); got != limit {
		t.Errorf("%d of %d passed, want %d", got, senders*limit, limit)
	}
}

// A flood leaves few lines, those of one source do not hush those of another, and
// everything is counted.
func TestRateLimitIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const seconds, flood = 20, 100
		d := newDoor(t, map[string]*rate.Limiter{"loud": rate.NewLimiter(1e-6, 1), "calm": rate.NewLimiter(1e-6, 1)})
		d.post("loud", "Bearer good", anEvent)
		d.post("calm", "Bearer good", anEvent)
		for range seconds {
			for range flood {
				d.post("loud", "Bearer good", anEvent)
				time.Sleep(time.Second / flood)
			}
		}
		d.post("calm", "Bearer good", anEvent)
		time.Sleep(time.Minute)
		synctest.Wait()
		lines := map[string]int{}
		for line := range strings.Lines(d.log.String()) {
			if strings.Contains(line, `"outcome":"rate_limited"`) {
				lines[line[strings.Index(line, `"source":`):][:15]]++
			}
		}
		if loud, calm := lines[`"source":"loud"`], lines[`"source":"calm"`]; loud < seconds || loud > 2*seconds || calm != 1 {
			t.Errorf("%d and %d lines; want about one a second, and one", loud, calm)
		}
		if n := testutil.ToFloat64(d.metrics.requests.WithLabelValues("loud", "own", string(rateLimited))); n != seconds*flood {
			t.Errorf("%v of %d are counted", n, seconds*flood)
		}
	})
}

func TestWholeSeconds(t *testing.T) {
	for wait, want := range map[float64]string{0: "1", 0.01: "1", 1: "1", 1.0000000001: "1", 1.001: "2", 3.6: "4", 3600: "3600"} {
		if got := wholeSeconds(wait); got != want {
			t.Errorf("wholeSeconds(%v) = %s, want %s", wait, got, want)
		}
	}
}

// Without a limit the check is a comparison.
func BenchmarkOverLimit(b *testing.B) {
	for name, limit := range map[string]*rate.Limiter{"off": nil, "on": rate.NewLimiter(rate.Inf, 1), "under": rate.NewLimiter(1e9, 1e9)} {
		b.Run(name, func(b *testing.B) {
			src := &Source{Limit: limit}
			b.ReportAllocs()
			for b.Loop() {
				if overLimit(src, time.Now) != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}
