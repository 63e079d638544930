package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"accessrelay/internal/queue"
	"accessrelay/internal/source/apono"
	"accessrelay/internal/source/p0"
)

// torn is a queue with a defect.
type torn struct{}

func (torn) EnqueueEvent(context.Context, queue.EventTask) error { panic("CANARY-PAYLOAD") }

// TestEveryMethodAnswersAlike: a platform that sends with three methods gets the
// same answers to each.
func TestEveryMethodAnswersAlike(t *testing.T) {
	const body = `{"event_type":"AccessRequestApproved"}`
	sources := map[string]*Source{
		"acme-apono":  {ID: "acme-apono", TenantID: "T", Platform: apono.New(), Auth: gate{}},
		"acme-capped": {ID: "acme-capped", TenantID: "T", Platform: apono.New(), Auth: gate{}, Limit: rate.NewLimiter(0, 0)},
		"acme-p0":     {ID: "acme-p0", TenantID: "T", Platform: p0.New(), Auth: gate{}},
	}
	handler := func(q Enqueuer) http.Handler {
		return described.Handler(t, Handler(Config{
			Source:    func(id string) (*Source, bool) { s, ok := sources[id]; return s, ok },
			SourceIDs: func() []string { return nil },
			Queue:     q, MaxBody: 100, EnqueueTimeout: time.Second,
			Metrics: NewMetrics(prometheus.NewRegistry(), []string{"apono"}), Log: slog.New(slog.DiscardHandler), Now: time.Now,
		}))
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		for _, tt := range []struct {
			name   string
			queue  Enqueuer
			change func(r *http.Request) string // returns the body
			status int
		}{
			{"good", &sink{}, func(*http.Request) string { return body }, 200},
			{"unknown source", &sink{}, func(r *http.Request) string { r.URL.Path += "x"; return body }, 404},
			{"a platform that only posts", &sink{}, func(r *http.Request) string { r.URL.Path = "/v1/hooks/acme-p0"; return body }, 405},
			{"text", &sink{}, func(r *http.Request) string { r.Header.Set("Content-Type", "text/plain"); return body }, 415},
			{"too large", &sink{}, func(*http.Request) string { return body + strings.Repeat(" ", 100) }, 413},
			{"no credentials", &sink{}, func(r *http.Request) string { r.Header.Del("Authorization"); return body }, 401},
			{"over the limit", &sink{}, func(r *http.Request) string { r.URL.Path = "/v1/hooks/acme-capped"; return body }, 429},
			{"no event_type", &sink{}, func(*http.Request) string { return "{}" }, 400},
			{"no Redis", gone{}, func(*http.Request) string { return body }, 503},
			{"a defect", torn{}, func(*http.Request) string { return body }, 500},
		} {
			if method == http.MethodPost && tt.status == http.StatusMethodNotAllowed {
				continue // every platform posts
			}
			t.Run(fmt.Sprint(method, " ", tt.name), func(t *testing.T) {
				r := httptest.NewRequest(method, "/v1/hooks/acme-apono", http.NoBody)
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", "Bearer good")
				body := tt.change(r)
				sent := httptest.NewRequest(method, r.URL.Path, strings.NewReader(body))
				sent.Header = r.Header
				w := httptest.NewRecorder()
				handler(tt.queue).ServeHTTP(w, sent)
				if w.Code != tt.status || strings.Contains(w.Body.String(), "CANARY") {
					t.Errorf("%d, want %d: %s", w.Code, tt.status, w.Body)
				}
			})
		}
	}
}
