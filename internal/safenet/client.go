package safenet

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	dialTimeout   = 10 * time.Second
	tlsTimeout    = 10 * time.Second
	headerTimeout = 6 * time.Minute // longer than any attempt, which the request's context bounds
	idleTimeout   = 90 * time.Second
	maxIdle       = 256
	maxIdlePerDst = 8
	maxHeader     = 64 << 10
)

// Options are what a client may be given besides its policy. The zero value is usable.
type Options struct {
	// ProxyURL sends everything through this proxy (http, https or socks5).
	// The proxy then has the guard's duty: it resolves the names, so nothing
	// is judged here. nil means direct; the environment is never consulted.
	ProxyURL *url.URL
	// RootCAs replaces the system's certificate authorities; nil keeps them.
	RootCAs *x509.CertPool
	// Resolver replaces the system's; nil keeps it.
	Resolver *net.Resolver
	// HeaderTimeout bounds the wait for an answer's header after the request is
	// written; 0 means six minutes. The request's context bounds the whole.
	HeaderTimeout time.Duration

	// connecting is told each address that is about to be connected to; its
	// error keeps it from that. nil but in tests.
	connecting func(address string) error
}

// NewClient returns a client that dials only what p permits, whatever the URL
// says. It follows no redirect: the 3xx is the answer. Its errors hold a
// *BlockedError when the guard refused.
func NewClient(p Policy, o Options) *http.Client { return NewGuard(p, o).Client() }

// Guard is a way out whose policy can be replaced while it is in use: a client's
// transport, and a dialer for what is not HTTP. It is safe for concurrent use.
type Guard struct {
	opts    Options
	current atomic.Pointer[roundTripper]
}

// NewGuard returns a Guard that permits what p does.
func NewGuard(p Policy, o Options) *Guard {
	g := &Guard{opts: o}
	g.SetPolicy(p)
	return g
}

// Client returns a client as [NewClient] describes it.
func (g *Guard) Client() *http.Client {
	return &http.Client{
		Transport:     g,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// SetPolicy puts p in force for every request that begins from now on: they use
// no connection that was opened under another policy.
func (g *Guard) SetPolicy(p Policy) {
	old := g.current.Swap(&roundTripper{
		policy: p, plain: newTransport(p, g.opts, true), secure: newTransport(p, g.opts, false),
	})
	if old != nil {
		old.CloseIdleConnections()
	}
}

// RoundTrip implements [http.RoundTripper].
func (g *Guard) RoundTrip(req *http.Request) (*http.Response, error) {
	return g.current.Load().RoundTrip(req)
}

// CloseIdleConnections is what http.Client.CloseIdleConnections looks for.
func (g *Guard) CloseIdleConnections() { g.current.Load().CloseIdleConnections() }

func newTransport(p Policy, o Options, plain bool) *http.Transport {
	t := &http.Transport{
		DialContext:            p.dialer(o, plain),
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		TLSHandshakeTimeout:    tlsTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdlePerDst,
		IdleConnTimeout:        idleTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: maxHeader,
	}
	if o.HeaderTimeout > 0 {
		t.ResponseHeaderTimeout = o.HeaderTimeout
	}
	if o.ProxyURL != nil {
		t.Proxy = http.ProxyURL(o.ProxyURL)
		t.DialContext = (&net.Dialer{Timeout: dialTimeout, Resolver: o.Resolver}).DialContext
	}
	return t
}

// roundTripper picks the transport by scheme, because a dialer is not told
// whether TLS will follow and plain http reaches fewer addresses.
type roundTripper struct {
	policy        Policy
	plain, secure *http.Transport
}

func (rt *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	t := rt.plain
	if req.URL.Scheme == "https" {
		t = rt.secure
	}
	resp, err := t.RoundTrip(req)
	if err == nil && resp.StatusCode/100 == 3 {
		// Nobody follows it, and http.Client would make an error of a 3xx whose
		// Location it cannot parse.
		resp.Header.Del("Location")
	}
	return resp, err
}

func (rt *roundTripper) CloseIdleConnections() {
	rt.plain.CloseIdleConnections()
	rt.secure.CloseIdleConnections()
}
