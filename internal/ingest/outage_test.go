package ingest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"accessrelay/internal/queue"
	"accessrelay/internal/source/canonical"
)

// gone is a Redis that is not there.
type gone struct{}

func (gone) EnqueueEvent(context.Context, queue.EventTask) error { return errors.New("no Redis") }

// TestOutageIsQuiet: senders that come again and again do not fill the log when
// the fault is ours. What is theirs is told each time.
func TestOutageIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const seconds, rate = 20, 50
		var log bytes.Buffer
		metrics := NewMetrics(prometheus.NewRegistry(), []string{"own"})
		src := &Source{ID: "acme-own", TenantID: "T", Platform: canonical.New("own"), Auth: gate{}}
		h := described.Handler(t, Handler(Config{
			Source: func(string) (*Source, bool) { return src, true }, Queue: gone{}, MaxBody: 4096, EnqueueTimeout: time.Second,
			Metrics: metrics, Log: slog.New(slog.NewJSONHandler(&log, nil)), Now: time.Now,
		}))
		post := func(auth string) int {
			r := httptest.NewRequest(http.MethodPost, "/v1/hooks/acme-own", strings.NewReader(`{"type":"x.y"}`))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", auth)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		for range seconds {
			if got := post("Bearer bad"); got != http.StatusUnauthorized {
				t.Fatalf("status %d", got)
			}
			for range rate {
				if got := post("Bearer good"); got != http.StatusServiceUnavailable {
					t.Fatalf("status %d", got)
				}
				time.Sleep(time.Second / rate)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := strings.Count(log.String(), `"outcome":"unauthenticated"`); n != seconds {
			t.Errorf("%d lines of %d about credentials", n, seconds)
		}
		if n := strings.Count(log.String(), `"outcome":"unavailable"`); n < seconds || n > 2*seconds {
			t.Errorf("%d lines in %d s about Redis", n, seconds)
		}
		if !strings.Contains(log.String(), `"suppressed":`) {
			t.Error("the log does not say how many lines it leaves out")
		}
		if n := testutil.ToFloat64(metrics.requests.WithLabelValues("acme-own", "own", string(unavailable))); n != seconds*rate {
			t.Errorf("%v of %d are counted", n, seconds*rate)
		}
	})
}
