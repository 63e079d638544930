package transporttest

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"accessrelay/internal/transport"
)

// Failures too leave the connection: a destination in trouble needs no
// handshakes on top.
func reuse(t *testing.T, s suite, confirmation http.HandlerFunc) {
	t.Helper()
	sc := s.stage(t)
	statuses := []int{200, 500, 404, 429}
	var n atomic.Int64
	sc.obey(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := statuses[int(n.Add(1)-1)%len(statuses)]; status != 200 {
			http.Error(w, strings.Repeat("x", 2000), status)
			return
		}
		confirmation(w, r)
	}))
	for range 2 * len(statuses) {
		_ = sc.send(t.Context(), t, Event()) // the statuses are tested elsewhere
	}
	if got := sc.connections(); got != 1 {
		t.Errorf("%d connections for %d requests", got, n.Load())
	}
}

func redirects(t *testing.T, s suite) {
	t.Helper()
	target := startHTTP(t, insecure, httpOrders(func(http.ResponseWriter, *http.Request) {}))
	sc := s.stage(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{target.srv.URL, "/elsewhere", "//" + target.srv.Listener.Addr().String(), "http://[", "file:///etc/passwd", ""} {
			var hits atomic.Int64
			sc.obey(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				hits.Add(1)
				if location != "" {
					w.Header().Set("Location", location)
				}
				w.WriteHeader(status)
			}))
			s.check(t, sc.send(t.Context(), t, Event()), dead("redirect"))
			if hits.Load() != 1 {
				t.Errorf("%d to %q: %d requests", status, location, hits.Load())
			}
		}
	}
	if n := target.connections(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// A failing status is known before its body, which may never end.
func slowBody(t *testing.T, s suite) {
	t.Helper()
	sc := s.stage(t)
	sc.obey(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "canary")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithTimeout(t.Context(), shortTime)
	defer cancel()
	s.check(t, sc.send(ctx, t, Event()), dead("client_error"))
}

// bytesServer reads a request and answers with bytes that are not HTTP's.
func bytesServer(t *testing.T, answer func(net.Conn)) Place {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if req, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, req.Body)
			}
			answer(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return Place{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}
}

func brokenAnswers(t *testing.T, s suite) {
	t.Helper()
	reset := func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }
	tests := []struct {
		name, bytes string
		end         func(net.Conn)
		reasons     []transport.Reason
	}{
		{"nothing", "", nil, []transport.Reason{"connection"}},
		{"reset at once", "", reset, []transport.Reason{"connection"}},
		{"cut between headers", "HTTP/1.1 200 OK\r\nX: canary\r\n", nil, []transport.Reason{"connection"}},
		{"cut in the status", "HTTP/1.1 20", nil, []transport.Reason{"bad_response"}}, // a whole line to net/http
		{"cut in a header", "HTTP/1.1 200 OK\r\nContent-Len", nil, []transport.Reason{"bad_response"}},
		{"another protocol", "SSH-2.0-canary\r\n", nil, []transport.Reason{"bad_response"}},
		{"a mail server", "220 canary ESMTP\r\n", nil, []transport.Reason{"bad_response"}},
		{"no status", "HTTP/1.1 canary OK\r\n\r\n", nil, []transport.Reason{"bad_response"}},
		{"a bad header", "HTTP/1.1 200 OK\r\ncan ary\r\n\r\n", nil, []transport.Reason{"bad_response"}},
		{"a bad length", "HTTP/1.1 200 OK\r\nContent-Length: canary\r\n\r\n", nil, []transport.Reason{"bad_response"}},
		{"switching protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: canary\r\nConnection: upgrade\r\n\r\n", nil, []transport.Reason{"bad_response"}},
		{"informational without end", strings.Repeat("HTTP/1.1 103 canary\r\nLink: </"+strings.Repeat("x", 1000)+">\r\n\r\n", 500), nil, []transport.Reason{"bad_response"}},
		{"huge header", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("canary", 100_000) + "\r\n\r\n", nil, []transport.Reason{"bad_response"}},
		// The peer's kernel may drop what was read last: both are fine.
		{"reset in the header", "HTTP/1.1 200 OK\r\nX: canary", reset, []transport.Reason{"connection", "bad_response"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at := bytesServer(t, func(c net.Conn) {
				_, _ = io.WriteString(c, tt.bytes)
				if tt.end != nil {
					tt.end(c)
				}
			})
			tr := s.New(newNetwork(t, nil))
			err := s.try(t.Context(), t, tr, s.channel(t, tr, at), Event())
			w := retry(tt.reasons[0])
			for _, r := range tt.reasons[1:] {
				if err != nil && transport.AsSendError(err).Reason == r {
					w = retry(r)
				}
			}
			s.check(t, err, w)
		})
	}
}

func hugeAnswer(t *testing.T, s suite) {
	t.Helper()
	sc := s.stage(t)
	var written atomic.Int64
	done := make(chan struct{})
	sc.obey(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusInternalServerError)
		chunk := []byte(strings.Repeat("canary", 10_000))
		for written.Load() < 1<<30 {
			n, err := w.Write(chunk)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s.check(t, sc.send(ctx, t, Event()), retry("server_error"))
	<-done
	if n := written.Load(); n >= 1<<30 {
		t.Errorf("%d bytes of an answer were taken", n)
	}
}

func http2(t *testing.T, s suite, confirmation http.HandlerFunc) {
	t.Helper()
	var proto atomic.Value
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto.Store(r.Proto)
		confirmation(w, r)
	}))
	srv.EnableHTTP2 = true
	srv.TLS = good.config()
	srv.TLS.NextProtos = nil
	srv.StartTLS()
	t.Cleanup(srv.Close)
	tr := s.New(newNetwork(t, good.trusted()))
	at := Place{Host: "127.0.0.1", Port: srv.Listener.Addr().(*net.TCPAddr).Port, Secure: true}
	s.check(t, s.try(t.Context(), t, tr, s.channel(t, tr, at), Event()), want{})
	if proto.Load() != "HTTP/2.0" {
		t.Errorf("spoke %v", proto.Load())
	}
}
