package transporttest

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode/utf8"
)

func httpProtocol(confirmation http.HandlerFunc) Protocol {
	return Protocol{
		usual: insecure,
		start: func(t *testing.T, k security) destination {
			t.Helper()
			return startHTTP(t, k, httpOrders(confirmation))
		},
		orders: map[order]want{
			confirm:    {},
			refuse:     dead("client_error"),
			deferIt:    retry("server_error"),
			throttleIt: throttle("rate_limited", aWhile),
			cut:        retry("connection"),
			redirectIt: dead("redirect"),
			babble:     retry("bad_response"),
		},
		outcomes: httpOutcomes(),
		texts: func(t *testing.T, m Message) []string {
			t.Helper()
			checkRequest(t, m)
			if !utf8.Valid(m.Body) || strings.HasPrefix(m.Header.Get("Content-Type"), "application/json") && !json.Valid(m.Body) {
				t.Errorf("no valid JSON: %.200q", m.Body)
			}
			return jsonTexts(t, m.Body)
		},
		own: []ownTest{
			{"connection is reused", func(t *testing.T, s suite) { t.Helper(); reuse(t, s, confirmation) }},
			{"redirect is not followed", redirects},
			{"broken answers", brokenAnswers},
			{"slow body", slowBody},
			{"huge answer", hugeAnswer},
			{"HTTP/2", func(t *testing.T, s suite) { t.Helper(); http2(t, s, confirmation) }},
		},
	}
}

// checkRequest: what holds for every request, whatever protocol is inside.
func checkRequest(t *testing.T, m Message) {
	t.Helper()
	if ua := m.Header.Get("User-Agent"); !strings.Contains(ua, "accessrelay/") {
		t.Errorf("User-Agent %q", ua)
	}
	for name := range m.Header {
		if strings.Contains(name, "Injected") {
			t.Errorf("a text became the header %s", name)
		}
	}
}

// jsonTexts are all strings of body, which is JSON.
func jsonTexts(t *testing.T, body []byte) []string {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Errorf("the body is no JSON: %v", err)
		return nil
	}
	var out []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for k, x := range v {
				out = append(out, k)
				walk(x)
			}
		}
	}
	walk(v)
	return out
}

// httpDestination is a server over HTTP.
type httpDestination struct {
	*record
	srv    *httptest.Server
	orders map[order]http.HandlerFunc
	now    atomic.Pointer[http.HandlerFunc]
	secure bool
	quit   chan struct{}
	ended  sync.Once
}

func startHTTP(t *testing.T, k security, orders map[order]http.HandlerFunc) *httpDestination {
	t.Helper()
	d := &httpDestination{record: newRecord(), orders: orders, secure: k != insecure, quit: make(chan struct{})}
	d.obey(confirm)
	d.srv = httptest.NewUnstartedServer(d)
	d.srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	d.srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			d.conns.Add(1)
		}
	}
	if c := k.config(); c != nil {
		d.srv.Listener = tls.NewListener(d.srv.Listener, c)
	}
	d.srv.Start()
	t.Cleanup(d.stop)
	return d
}

func (d *httpDestination) place() Place {
	a := d.srv.Listener.Addr().(*net.TCPAddr)
	return Place{Host: a.IP.String(), Port: a.Port, Secure: d.secure}
}

func (d *httpDestination) stop() {
	d.ended.Do(func() {
		close(d.quit)
		d.srv.CloseClientConnections()
		d.srv.Close()
	})
}

func (d *httpDestination) hang(r *http.Request) {
	d.hangs <- struct{}{}
	select {
	case <-r.Context().Done():
	case <-d.quit:
	}
}

func (d *httpDestination) obey(script any) {
	var h http.HandlerFunc
	switch script := script.(type) {
	case http.HandlerFunc:
		h = script
	case order:
		switch script {
		case hangBefore: // the header is taken, the body is left
			h = func(_ http.ResponseWriter, r *http.Request) { d.hang(r) }
		case hangAfter:
			h = func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				d.hang(r)
			}
		default:
			h = d.orders[script]
		}
	}
	if h == nil {
		panic("no such script")
	}
	d.now.Store(&h)
}

func (d *httpDestination) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := &recorder{in: r.Body}
	r.Body = body
	defer func() {
		if body.whole {
			d.add(Message{Header: textproto.MIMEHeader(r.Header), Body: body.read})
		}
	}()
	(*d.now.Load())(w, r)
}

// recorder keeps what is read through it.
type recorder struct {
	in   io.ReadCloser
	read []byte
	// whole is set when all has been read.
	whole bool
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.read = append(r.read, p[:n]...)
	r.whole = r.whole || err == io.EOF
	return n, err
}

func (r *recorder) Close() error { return r.in.Close() }

func httpOrders(confirmation http.HandlerFunc) map[order]http.HandlerFunc {
	return map[order]http.HandlerFunc{
		confirm: func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			confirmation(w, r)
		},
		refuse:     echo(http.StatusBadRequest, nil),
		deferIt:    echo(http.StatusInternalServerError, nil),
		throttleIt: echo(http.StatusTooManyRequests, http.Header{"Retry-After": {"7"}}),
		redirectIt: echo(http.StatusTemporaryRedirect, http.Header{"Location": {"http://127.0.0.1:1/canary"}}),
		cut:        func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		babble:     hijack("SSH-2.0-canary\r\n", nil),
	}
}

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

// hijack answers with bytes, whatever they are, and ends the connection.
func hijack(bytes string, end func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(c, bytes)
		if end != nil {
			end(c)
		}
		_ = c.Close()
	}
}
