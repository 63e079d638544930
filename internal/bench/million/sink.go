package main

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// sink is the destination. It knows events by a hash of their id.
type sink struct {
	url    string
	server *http.Server
	seed   maphash.Seed

	mu    sync.Mutex
	seen  map[uint64]struct{}
	again int
}

func newSink(events int) (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for deliveries: %w", err)
	}
	s := &sink{url: "http://" + l.Addr().String(), seed: maphash.MakeSeed(), seen: make(map[uint64]struct{}, events)}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: startTimeout}
	go func() { _ = s.server.Serve(l) }() // until close
	return s, nil
}

func (s *sink) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	h := maphash.String(s.seed, r.Header.Get("Webhook-Id"))
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.seen[h]; ok {
		s.again++
	}
	s.seen[h] = struct{}{}
}

func (s *sink) close() { _ = s.server.Close() }

func (s *sink) arrived() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.seen))
}

func (s *sink) repeats() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.again
}

// await returns when all events have arrived, and tells c how far they are. Its
// error says how many are missing when nothing moves any more.
func (s *sink) await(ctx context.Context, c *course) error {
	moved := time.Now()
	for {
		n := s.arrived()
		if n > c.done.Swap(n) {
			moved = time.Now()
		}
		switch {
		case n >= int64(c.events):
			return nil
		case time.Since(moved) > stuck:
			return fmt.Errorf("%d of %d events were not delivered", int64(c.events)-n, c.events)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(sampling / 2):
		}
	}
}
