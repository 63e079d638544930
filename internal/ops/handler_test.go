package ops

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func get(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestHandler(t *testing.T) {
	ok := func(context.Context) error { return nil }
	bad := func(context.Context) error { return errors.New("connection refused") }
	tests := []struct {
		name, method, path string
		checks             map[string]Check
		drain              bool
		code               int
		body               string
	}{
		{"alive", "GET", "/healthz", map[string]Check{"redis": bad}, true, 200, `{"status":"ok"}`},
		{"ready", "GET", "/readyz", map[string]Check{"redis": ok}, false, 200, `{"status":"ok"}`},
		{"nothing to check", "GET", "/readyz", nil, false, 200, `{"status":"ok"}`},
		{"only the failing are named", "GET", "/readyz", map[string]Check{"redis": bad, "jwks": ok}, false, 503,
			`{"status":"unavailable","checks":{"redis":"connection refused"}}`},
		{"draining", "GET", "/readyz", map[string]Check{"redis": ok}, true, 503,
			`{"status":"unavailable","checks":{"shutdown":"shutting down"}}`},
		{"head", "HEAD", "/readyz", map[string]Check{"redis": ok}, false, 200, `{"status":"ok"}`},
		{"post", "POST", "/readyz", nil, false, 405, "Method Not Allowed"},
		{"elsewhere", "GET", "/", nil, false, 404, "404 page not found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := NewHandler(prometheus.NewRegistry(), Build{}, tt.checks)
			if tt.drain {
				h.Drain()
			}
			w := get(h, tt.method, tt.path)
			if body := strings.TrimSpace(w.Body.String()); w.Code != tt.code || body != tt.body {
				t.Errorf("%s %s = %d %s, want %d %s", tt.method, tt.path, w.Code, body, tt.code, tt.body)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "accessrelay_things_total", Help: "Things."})
	reg.MustRegister(c)
	h := NewHandler(reg, Build{Version: "1.2.3", Revision: "abc", GoVersion: "go1.26"}, nil)
	w := get(h, "GET", "/metrics")
	if w.Code != 200 {
		t.Fatalf("code %d", w.Code)
	}
	for _, want := range []string{
		`accessrelay_build_info{goversion="go1.26",revision="abc",version="1.2.3"} 1`,
		"accessrelay_things_total 0",
		"go_goroutines ",
		"go_info{",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("/metrics lacks %q", want)
		}
	}
}

func TestThisBuild(t *testing.T) {
	b := ThisBuild()
	if b.Version == "" || b.Revision == "" || !strings.HasPrefix(b.GoVersion, "go") {
		t.Errorf("ThisBuild() = %+v, want no empty field", b)
	}
	b = Build{Version: "1.2.3", Revision: "abc", GoVersion: "go1.26"}
	if got, want := b.String(), "1.2.3 (revision abc, go1.26)"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}
