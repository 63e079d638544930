package ops

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

var quiet = slog.New(slog.DiscardHandler)

// client keeps no connection, so that nothing outlives a test.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}

func start(t *testing.T, h http.Handler, log *slog.Logger) *Server {
	t.Helper()
	s := NewServer("hooks", "127.0.0.1:0", h, log)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return s
}

func TestServerDrains(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		_, _ = io.WriteString(w, "done")
	}), quiet)

	type answer struct {
		body string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		resp, err := client.Get("http://" + s.Addr())
		if err != nil {
			got <- answer{err: err}
			return
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		got <- answer{string(b), err}
	}()
	<-arrived

	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	waitRefused(t, s.Addr())
	select {
	case err := <-stopped:
		t.Fatalf("shutdown ended with a request running: %v", err)
	default:
	}
	close(release)
	if a := <-got; a.err != nil || a.body != "done" {
		t.Errorf("the running request got %q, %v", a.body, a.err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err, open := <-s.Failed(); open {
		t.Errorf("Failed() yielded %v after a shutdown", err)
	}
}

// waitRefused returns once nobody listens at addr.
func waitRefused(t *testing.T, addr string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		_ = c.Close()
		if time.Now().After(deadline) {
			t.Fatal("the listener stayed open")
		}
	}
}

func TestServerCutsOffAtTheDeadline(t *testing.T) {
	arrived := make(chan struct{})
	s := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}), quiet)
	var wg sync.WaitGroup
	wg.Go(func() {
		if resp, err := client.Get("http://" + s.Addr()); err == nil {
			_ = resp.Body.Close()
		}
	})
	<-arrived
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := s.Shutdown(ctx)
	if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "draining hooks: ") {
		t.Errorf("Shutdown = %v, want that draining hooks was cancelled", err)
	}
	wg.Wait()
}

func TestServerBadAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, addr := range []string{taken.Addr().String(), "127.0.0.1:99999", "nonsense"} {
		s := NewServer("hooks", addr, http.NotFoundHandler(), quiet)
		err := s.Start()
		if err == nil || !strings.HasPrefix(err.Error(), "--hooks-addr: ") || !strings.Contains(err.Error(), strings.TrimPrefix(addr, "127.0.0.1:")) {
			t.Errorf("Start on %s = %v, want an error that names --hooks-addr", addr, err)
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown of a server that never started: %v", err)
		}
	}
}

func TestServerOff(t *testing.T) {
	s := NewServer("api", "", http.NotFoundHandler(), quiet)
	if err := s.Start(); err != nil {
		t.Errorf("Start: %v", err)
	}
	if a := s.Addr(); a != "" {
		t.Errorf("Addr() = %q, want none", a)
	}
	select {
	case <-s.Failed():
		t.Error("Failed() yielded")
	default:
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestServerFailureIsSeen(t *testing.T) {
	s := start(t, http.NotFoundHandler(), quiet)
	_ = s.ln.Close()
	if err := <-s.Failed(); err == nil || !strings.HasPrefix(err.Error(), "serving hooks: ") {
		t.Errorf("Failed() yielded %v", err)
	}
}

func TestServerLimitsHeader(t *testing.T) {
	s := start(t, http.NotFoundHandler(), quiet)
	for _, tt := range []struct{ size, want int }{
		{100 << 10, http.StatusNotFound}, // the handler's answer
		{256 << 10, http.StatusRequestHeaderFieldsTooLarge},
	} {
		req, err := http.NewRequest("GET", "http://"+s.Addr(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Big", strings.Repeat("x", tt.size))
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("%d bytes of header: %d, want %d", tt.size, resp.StatusCode, tt.want)
		}
	}
	if h := s.http; h.ReadHeaderTimeout == 0 || h.ReadTimeout == 0 || h.WriteTimeout == 0 || h.IdleTimeout == 0 {
		t.Errorf("a time-out is not set: %+v", h)
	}
}

func TestServerLogsToSlog(t *testing.T) {
	var buf bytes.Buffer
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(200)
		w.WriteHeader(200) // net/http complains about this in its own log
	}), slog.New(slog.NewTextHandler(&buf, nil)))
	resp, err := client.Get("http://" + s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	out := buf.String()
	if !strings.Contains(out, "level=WARN") || !strings.Contains(out, "superfluous") || !strings.Contains(out, "listener=hooks") {
		t.Errorf("log holds no warning of net/http: %s", out)
	}
}
