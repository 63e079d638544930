package transporttest

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"accessrelay/internal/transport"
)

const (
	classRetry    = transport.Retry
	classThrottle = transport.Throttle
	classDead     = transport.Dead
	classGone     = transport.Gone
)

// echo answers with status and with all that an error must not show.
func echo(status int, header http.Header) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "canary "+r.URL.String()+" ")
		_ = r.Header.Write(w)
		_, _ = w.Write(body)
	}
}

func (s suite) statuses(t *testing.T) {
	const (
		date    = "Thu, 15 Jan 2026 09:31:30 GMT" // 30 s after now
		past    = "Thu, 15 Jan 2026 09:00:00 GMT"
		distant = "Fri, 01 Jan 2100 00:00:00 GMT"
	)
	day := 24 * time.Hour
	retry := func(r transport.Reason) want { return want{reason: r, class: classRetry} }
	dead := func(r transport.Reason) want { return want{reason: r, class: classDead} }
	throttle := func(r transport.Reason, d time.Duration) want { return want{reason: r, class: classThrottle, after: d} }
	tests := []struct {
		status     int
		retryAfter string
		want       want
	}{
		{300, "", dead("redirect")}, {301, "", dead("redirect")}, {302, "", dead("redirect")}, {303, "", dead("redirect")},
		{304, "", dead("redirect")}, {307, "", dead("redirect")}, {308, "", dead("redirect")}, {399, "", dead("redirect")},
		{400, "", dead("client_error")}, {401, "", dead("client_error")}, {403, "", dead("client_error")}, {404, "", dead("client_error")},
		{407, "", dead("client_error")}, {409, "", dead("client_error")}, {413, "", dead("client_error")}, {418, "", dead("client_error")},
		{422, "", dead("client_error")}, {451, "", dead("client_error")}, {499, "", dead("client_error")}, {400, "5", dead("client_error")},
		{408, "", retry("timeout")}, {408, "5", retry("timeout")}, {425, "", retry("server_error")}, {425, "5", retry("server_error")},
		{410, "", want{reason: "gone", class: classGone}}, {410, "5", want{reason: "gone", class: classGone}},
		{429, "", retry("rate_limited")},
		{429, "7", throttle("rate_limited", 7*time.Second)},
		{429, " 7 ", throttle("rate_limited", 7*time.Second)},
		{429, "0", throttle("rate_limited", 0)},
		{429, "-5", throttle("rate_limited", 0)},
		{429, "86401", throttle("rate_limited", day)},
		{429, strings.Repeat("9", 40), throttle("rate_limited", day)},
		{429, "-" + strings.Repeat("9", 40), throttle("rate_limited", 0)},
		{429, date, throttle("rate_limited", 30*time.Second)},
		{429, past, throttle("rate_limited", 0)},
		{429, distant, throttle("rate_limited", day)},
		{429, "soon", retry("rate_limited")},
		{429, "1.5", retry("rate_limited")},
		{429, "0x10", retry("rate_limited")},
		{429, "7s", retry("rate_limited")},
		{429, "-", retry("rate_limited")},
		{500, "", retry("server_error")}, {500, "5", retry("server_error")}, {501, "", retry("server_error")}, {505, "", retry("server_error")},
		{520, "", retry("server_error")}, {599, "", retry("server_error")},
		{502, "", retry("server_error")}, {503, "", retry("server_error")}, {504, "", retry("server_error")}, {503, "soon", retry("server_error")},
		{502, "2", throttle("unavailable", 2*time.Second)},
		{503, "2", throttle("unavailable", 2*time.Second)},
		{504, date, throttle("unavailable", 30*time.Second)},
		{600, "", retry("bad_response")}, {999, "", retry("bad_response")},
	}
	for _, tt := range tests {
		t.Run(strconv.Itoa(tt.status)+" "+tt.retryAfter, func(t *testing.T) {
			header := http.Header{}
			if tt.retryAfter != "" {
				header.Set("Retry-After", tt.retryAfter)
			}
			tr, ch := s.serve(t, echo(tt.status, header))
			err := Send(t.Context(), tr, ch, Event(), now)
			s.check(t, err, tt.want)
			if err != nil && !strings.Contains(err.Error(), strconv.Itoa(tt.status)) {
				t.Errorf("the error does not tell the status: %v", err)
			}
		})
	}
}

func (s suite) redirect(t *testing.T) {
	target := NewSink(t, s.Confirm)
	srv := httptest.NewServer(target)
	t.Cleanup(srv.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{srv.URL, "/elsewhere", "http://[", ""} {
			var hits atomic.Int64
			tr, ch := s.serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				hits.Add(1)
				if location != "" {
					w.Header().Set("Location", location)
				}
				w.WriteHeader(status)
			}))
			s.check(t, Send(t.Context(), tr, ch, Event(), now), want{reason: "redirect", class: classDead})
			if hits.Load() != 1 {
				t.Errorf("%d to %q: %d requests", status, location, hits.Load())
			}
		}
	}
	if n := len(target.Requests()); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// stall keeps the request until the sender goes away.
func stall(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func (s suite) slow(t *testing.T) {
	tr, ch := s.serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { stall(r) }))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := Send(ctx, tr, ch, Event(), now)
	s.check(t, err, want{reason: "timeout", class: classRetry})
	if errors.Is(err, context.Canceled) {
		t.Error("a timeout passes for a stop")
	}

	ctx, cancel = context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	s.check(t, Send(ctx, tr, ch, Event(), now), want{reason: "timeout", class: classRetry, noAttempt: true})
}

// A failing status is known before its body, which may never end.
func (s suite) slowBody(t *testing.T) {
	tr, ch := s.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "canary")
		_ = http.NewResponseController(w).Flush()
		stall(r)
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s.check(t, Send(ctx, tr, ch, Event(), now), want{reason: "client_error", class: classDead})
}

func (s suite) cancelled(t *testing.T) {
	arrived := make(chan struct{}, 1)
	tr, ch := s.serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		stall(r)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	err := Send(ctx, tr, ch, Event(), now)
	s.check(t, err, want{reason: "connection", class: classRetry})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}

	err = Send(ctx, tr, ch, Event(), now)
	s.check(t, err, want{reason: "connection", class: classRetry, noAttempt: true})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}
	if len(arrived) != 0 {
		t.Error("sent although stopped before")
	}
}

// raw starts a server that reads a request and answers with bytes, not HTTP's.
func raw(t *testing.T, answer func(net.Conn)) (base string) {
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
	return "http://" + l.Addr().String()
}

func (s suite) brokenAnswers(t *testing.T) {
	reset := func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }
	tests := []struct {
		name, bytes string
		end         func(net.Conn)
		reason      transport.Reason
	}{
		{"nothing", "", nil, "connection"},
		{"reset at once", "", reset, "connection"},
		{"cut between headers", "HTTP/1.1 200 OK\r\nX: canary\r\n", nil, "connection"},
		{"cut in the status", "HTTP/1.1 20", nil, "bad_response"}, // a whole line to net/http
		{"cut in a header", "HTTP/1.1 200 OK\r\nContent-Len", nil, "bad_response"},
		{"another protocol", "SSH-2.0-canary\r\n", nil, "bad_response"},
		{"no status", "HTTP/1.1 canary OK\r\n\r\n", nil, "bad_response"},
		{"a bad header", "HTTP/1.1 200 OK\r\ncan ary\r\n\r\n", nil, "bad_response"},
		{"a bad length", "HTTP/1.1 200 OK\r\nContent-Length: canary\r\n\r\n", nil, "bad_response"},
		{"switching protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: canary\r\nConnection: upgrade\r\n\r\n", nil, "bad_response"},
		{"informational without end", strings.Repeat("HTTP/1.1 103 canary\r\nLink: </"+strings.Repeat("x", 1000)+">\r\n\r\n", 500), nil, "bad_response"},
		{"huge header", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("canary", 100_000) + "\r\n\r\n", nil, "bad_response"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base := raw(t, func(c net.Conn) {
				_, _ = io.WriteString(c, tt.bytes)
				if tt.end != nil {
					tt.end(c)
				}
			})
			tr := s.New(clients(t, nil))
			s.check(t, Send(t.Context(), tr, s.channel(t, tr, base), Event(), now), want{reason: tt.reason, class: classRetry})
		})
	}
	t.Run("reset in the header", func(t *testing.T) {
		// The peer's kernel may drop what was read last: both kinds of cut are fine.
		base := raw(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX: canary")
			reset(c)
		})
		tr := s.New(clients(t, nil))
		s.check(t, Send(t.Context(), tr, s.channel(t, tr, base), Event(), now), want{reason: "connection", class: classRetry})
	})
}

func (s suite) hugeAnswer(t *testing.T) {
	var written atomic.Int64
	done := make(chan struct{})
	tr, ch := s.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	s.check(t, Send(t.Context(), tr, ch, Event(), now), want{reason: "server_error", class: classRetry})
	<-done
	if n := written.Load(); n >= 1<<30 {
		t.Errorf("%d bytes of an answer were taken", n)
	}
}

func (s suite) refused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	_ = l.Close()
	tr := s.New(clients(t, nil))
	err = Send(t.Context(), tr, s.channel(t, tr, base), Event(), now)
	s.check(t, err, want{reason: "connection", class: classRetry})
	if err != nil && !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("the error does not say what happened: %v", err)
	}
}

func (s suite) tls(t *testing.T) {
	sink := NewSink(t, s.Confirm)
	quiet := log.New(io.Discard, "", 0)
	srv := httptest.NewUnstartedServer(sink)
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = quiet
	srv.StartTLS()
	t.Cleanup(srv.Close)
	trusted := x509.NewCertPool()
	trusted.AddCert(srv.Certificate())

	tr := s.New(clients(t, trusted))
	if err := Send(t.Context(), tr, s.channel(t, tr, srv.URL), Event(), now); err != nil {
		t.Errorf("with a good certificate: %v", err)
	}
	byName := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1) // which the certificate does not hold
	tests := []struct {
		name, base string
		roots      *x509.CertPool
		text       string
	}{
		{"unknown authority", srv.URL, x509.NewCertPool(), "unknown authority"},
		{"another name", byName, trusted, "another host name"},
	}
	for _, tt := range tests {
		tr := s.New(clients(t, tt.roots))
		err := Send(t.Context(), tr, s.channel(t, tr, tt.base), Event(), now)
		s.check(t, err, want{reason: "tls", class: classRetry})
		if err != nil && !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if n := len(sink.Requests()); n != 1 {
		t.Errorf("%d requests arrived, want the first alone", n)
	}

	plain := httptest.NewUnstartedServer(sink)
	plain.Config.ErrorLog = quiet
	plain.Start()
	t.Cleanup(plain.Close)
	tr = s.New(clients(t, nil))
	err := Send(t.Context(), tr, s.channel(t, tr, strings.Replace(plain.URL, "http:", "https:", 1)), Event(), now)
	s.check(t, err, want{reason: "tls", class: classRetry})
}
