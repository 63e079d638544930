package chaos

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Shares of the requests that a misbehaving sink spoils.
const (
	failing = 0.10
	hanging = 0.01
)

// sink is all destinations as one worker reaches them. It is that worker's
// proxy (--proxy-url), and answers itself instead of passing on: so each request
// shows which worker made it, and nothing leaves this machine.
type sink struct {
	worker string
	ledger *ledger
	unruly *atomic.Bool // shared by all: sinks misbehave
	server *http.Server
	url    string
}

func newSink(worker string, l *ledger, unruly *atomic.Bool) (*sink, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the sinks of %s: %w", worker, err)
	}
	s := &sink{worker: worker, ledger: l, unruly: unruly, url: "http://" + listener.Addr().String()}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(listener) }() // ends with close; what comes of it is in the account
	return s, nil
}

func (s *sink) close() { _ = s.server.Close() }

// ServeHTTP is a destination, for better or worse.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // the worker is gone, or cut
	}
	s.ledger.attempted()
	if s.unruly.Load() && s.spoil(r.Context(), w) {
		return
	}
	n, ok := numberIn(body)
	if !ok {
		n = -1
	}
	s.ledger.delivered(s.ledger.site.at(r.URL.Path), r.URL.Path, n, s.worker, time.Now())
	_, _ = io.WriteString(w, "ok") // Slack's success; if it does not arrive, that is the point
}

// spoil answers badly, or not at all, and reports whether it has.
func (s *sink) spoil(ctx context.Context, w http.ResponseWriter) bool {
	switch x := rand.Float64(); {
	case x < hanging:
		timer := time.NewTimer(3 * attemptTimeout)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		panic(http.ErrAbortHandler)
	case x >= hanging+failing:
		return false
	}
	switch rand.IntN(3) {
	case 0:
		w.WriteHeader(http.StatusInternalServerError)
	case 1:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		panic(http.ErrAbortHandler) // drops the connection
	}
	return true
}
