package ops

import (
	"encoding/json"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler serves /metrics, /healthz and /readyz.
type Handler struct {
	mux      *http.ServeMux
	ready    *readiness
	draining atomic.Bool
}

// NewHandler returns a handler that shows what reg gathers, and adds to reg the
// collectors of Go, the process and the build; it panics if they are there
// already. checks say by name what the program needs to do its job.
func NewHandler(reg *prometheus.Registry, b Build, checks map[string]Check) *Handler {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "accessrelay_build_info",
		Help:        "What is running; always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": b.GoVersion},
	})
	info.Set(1)
	reg.MustRegister(info,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	h := &Handler{mux: http.NewServeMux(), ready: newReadiness(checks)}
	h.mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	h.mux.HandleFunc("GET /healthz", h.healthz)
	h.mux.HandleFunc("GET /readyz", h.readyz)
	return h
}

// Drain makes /readyz say 503 from now on. It comes first in a shutdown, before
// the listeners close, so that a load balancer sends nothing more.
func (h *Handler) Drain() { h.draining.Store(true) }

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

type status struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"` // those that failed, and why
}

func (h *Handler) healthz(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, status{Status: "ok"})
}

func (h *Handler) readyz(w http.ResponseWriter, _ *http.Request) {
	failed := map[string]string{"shutdown": "shutting down"}
	if !h.draining.Load() {
		failed = h.ready.failed()
	}
	if len(failed) > 0 {
		write(w, http.StatusServiceUnavailable, status{Status: "unavailable", Checks: failed})
		return
	}
	write(w, http.StatusOK, status{Status: "ok"})
}

func write(w http.ResponseWriter, code int, s status) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(s) // the client is gone: nobody to tell
}
