package ingest

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// site is a handler whose sources are all missed.
type site struct {
	h       http.Handler
	log     bytes.Buffer
	metrics *Metrics
	asked   atomic.Int64 // how often the ids were
}

func newSite(t *testing.T, ids ...string) *site {
	t.Helper()
	s := &site{metrics: NewMetrics(prometheus.NewRegistry(), nil)}
	s.h = described.Handler(t, Handler(Config{
		Source:    func(string) (*Source, bool) { return nil, false },
		SourceIDs: func() []string { s.asked.Add(1); return ids },
		Metrics:   s.metrics, Log: slog.New(slog.NewJSONHandler(&s.log, nil)), Now: time.Now,
	}))
	return s
}

// get returns the answer's body.
func (s *site) get(t *testing.T, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader("{}")))
	if w.Code != http.StatusNotFound {
		t.Errorf("%s: status %d", path, w.Code)
	}
	return w.Body.String()
}

// A misspelt address is found from the log, and the sender is told nothing.
func TestStrays(t *testing.T) {
	long := "/v1/hooks/" + strings.Repeat("x", 300)
	for _, tt := range []struct{ path, shown, closest string }{
		{"/v1/hooks/acme-po", "", "acme-p0"},
		{"/v1/hooks/acme-p/", "", "acme-p0"},
		{"/v1/hooks/ACME-P0", "", "acme-p0"},
		{"/v1/hooks/acme-p0%20", "", "acme-p0"},
		{"/v1/hooks/acme-p0/events", "", "acme-p0"},
		{"/v1/hooks/globex", "", ""},
		{"/v1/hooks/", "", ""},
		{"/v1/hook/acme-p0", "", "acme-p0"},
		{"/acme-p0/", "", "acme-p0"},
		{"/", "", ""},
		{"/.env", "", ""},
		{"/v1/hooks/acme-po?token=CANARY", "/v1/hooks/acme-po", "acme-p0"},
		{"/v1/hooks/a%0Ab%22%E2%80%AE", "", ""},
		{"/v1/hooks/\u202e\u2028", "/v1/hooks/%E2%80%AE%E2%80%A8", ""},
		{long, long[:100] + "…", ""},
	} {
		s := newSite(t, "acme-p0", "acme-permit")
		body := s.get(t, tt.path)
		var line map[string]any
		if err := json.Unmarshal(s.log.Bytes(), &line); err != nil {
			t.Fatalf("%s: not one line: %q", tt.path, s.log.String())
		}
		shown := tt.shown
		if shown == "" {
			shown = tt.path
		}
		if line["path"] != shown || line["closest"] != tt.closest {
			t.Errorf("%s: the log shows %q and %q, want %q and %q", tt.path, line["path"], line["closest"], shown, tt.closest)
		}
		if id, _ := line["request_id"].(string); !strings.Contains(body, id) || id == "" {
			t.Errorf("%s: the answer does not name the line: %s", tt.path, body)
		}
		if strings.Contains(body, "acme") || strings.Contains(s.log.String(), "CANARY") {
			t.Errorf("%s: told too much: %s %s", tt.path, body, s.log.String())
		}
	}
}

// Scanners fill neither the log nor the time, and do not hush those who miss a source.
func TestStraysAreQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const seconds, flood = 20, 100
		s := newSite(t, "acme-p0")
		for range seconds {
			for range flood {
				s.get(t, "/.env")
				time.Sleep(time.Second / flood)
			}
		}
		s.get(t, "/v1/hooks/acme-po")
		for range seconds * flood {
			s.get(t, "/v1/hooks/nobody")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		log := s.log.String()
		if n := strings.Count(log, `"path":"/.env"`); n < seconds || n > 2*seconds {
			t.Errorf("%d lines in %d s about other paths", n, seconds)
		}
		if n := strings.Count(log, `"path":"/v1/hooks/nobody"`); n == 0 || n > 10 {
			t.Errorf("%d lines about a flood to hooks", n)
		}
		if !strings.Contains(log, `"closest":"acme-p0"`) {
			t.Error("the one who missed a source is not in the log")
		}
		if lines := strings.Count(log, "\n"); int(s.asked.Load()) != lines {
			t.Errorf("the closest source was looked for %d times, for %d lines", s.asked.Load(), lines)
		}
		if n := testutil.ToFloat64(s.metrics.requests.WithLabelValues(unknown, unknown, string(unknownSource))); n != 1+seconds*flood {
			t.Errorf("%v requests to unknown sources are counted", n)
		}
	})
}

// What a 405 and a 415 were for is in the log, escaped and cut.
func TestCausesShowWhatCame(t *testing.T) {
	type change func(*http.Request)
	set := func(name string, values ...string) change {
		return func(r *http.Request) { r.Header[name] = values }
	}
	method := func(m string) change { return func(r *http.Request) { r.Method = m } }
	for _, tt := range []struct {
		change change
		want   string
	}{
		{method("PUT"), `method "PUT"`},
		{method(strings.Repeat("M", 300)), `method "` + strings.Repeat("M", 100) + `…"`},
		{set("Content-Type"), `no Content-Type`},
		{set("Content-Type", ""), `Content-Type ""`},
		{set("Content-Type", "text/plain; charset=x"), `Content-Type "text/plain"`},
		{set("Content-Type", "application/json", "a\tb"), `2 headers Content-Type, the first "application/json"`},
		{set("Content-Type", "a\"\tb\xffé"), `Content-Type "a\"\tb\xff\u00e9"`},
		{set("Content-Type", strings.Repeat("é", 200)), `Content-Type "` + strings.Repeat(`\u00e9`, 50) + `\u2026"`},
		{set("Content-Type", "x"+strings.Repeat("é", 200)), `Content-Type "x` + strings.Repeat(`\u00e9`, 49) + `\u2026"`},
		{set("Content-Encoding", "gzip"), `Content-Encoding "gzip"`},
	} {
		want := strings.ReplaceAll(tt.want, "…", `\u2026`)
		b := newBench(t)
		r := httptest.NewRequest(http.MethodPost, "/v1/hooks/acme-p0", strings.NewReader(goodBody))
		r.Header.Set("Content-Type", "application/json")
		tt.change(r)
		w := httptest.NewRecorder()
		b.srv.Config.Handler.ServeHTTP(w, r)
		var line struct{ Cause, Outcome string }
		if err := json.Unmarshal(b.log.Bytes(), &line); err != nil || line.Cause != want {
			t.Errorf("%s: the cause is %q (%v), want %q", line.Outcome, line.Cause, err, want)
		}
	}
}
