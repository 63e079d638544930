package safenet

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/net/proxy"
)

// DialContext connects to addr, "host:port", for protocols other than HTTP,
// under the policy in force. plain says that what will be sent stays
// unencrypted, which reaches fewer addresses; the caller sees to TLS, see
// [Guard.TLSConfig]. ctx bounds it, ten seconds at most. With a proxy the
// connection goes through it, by CONNECT or SOCKS5, and the proxy resolves the
// name. The error wraps a *BlockedError when the guard refused and a
// *ProxyError when the proxy did; its text may hold addresses.
func (g *Guard) DialContext(ctx context.Context, network, addr string, plain bool) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	p := g.opts.ProxyURL
	if p == nil {
		return g.current.Load().policy.dialer(g.opts, plain)(ctx, network, addr)
	}
	direct := &net.Dialer{KeepAlive: keepAlive, Resolver: g.opts.Resolver}
	if p.Scheme == "socks5" {
		return socks(ctx, direct, p, network, addr)
	}
	return g.tunnel(ctx, direct, p, addr)
}

// TLSConfig is how connections to host are secured, whatever is spoken over
// them: TLS 1.2 or newer, a certificate for host from an authority that
// Options.RootCAs or the system trusts. It is the caller's.
func (g *Guard) TLSConfig(host string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: g.opts.RootCAs, ServerName: host}
}

// ProxyError is a proxy that answered and made no connection.
type ProxyError struct{ Status int }

func (e *ProxyError) Error() string { return fmt.Sprintf("the proxy answered %d", e.Status) }

func socks(ctx context.Context, direct *net.Dialer, p *url.URL, network, addr string) (net.Conn, error) {
	var auth *proxy.Auth
	if p.User != nil {
		password, _ := p.User.Password()
		auth = &proxy.Auth{User: p.User.Username(), Password: password}
	}
	d, err := proxy.SOCKS5("tcp", proxyAddr(p), auth, direct)
	if err != nil {
		return nil, fmt.Errorf("making a SOCKS5 dialer: %w", err)
	}
	c, err := d.(proxy.ContextDialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("connecting through the proxy: %w", err)
	}
	return c, nil
}

// tunnel asks an HTTP proxy for a connection to addr: RFC 9110, 9.3.6.
func (g *Guard) tunnel(ctx context.Context, direct *net.Dialer, p *url.URL, addr string) (net.Conn, error) {
	c, err := direct.DialContext(ctx, "tcp", proxyAddr(p))
	if err != nil {
		return nil, fmt.Errorf("connecting to the proxy: %w", err)
	}
	if p.Scheme == "https" {
		c = tls.Client(c, g.TLSConfig(p.Hostname()))
	}
	through, err := connect(ctx, c, p, addr)
	if err != nil {
		_ = c.Close() // it is of no use
		return nil, fmt.Errorf("connecting through the proxy: %w", err)
	}
	return through, nil
}

func connect(ctx context.Context, c net.Conn, p *url.URL, addr string) (net.Conn, error) {
	defer interrupt(ctx, c)()
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{}}
	if p.User != nil {
		password, _ := p.User.Password()
		token := base64.StdEncoding.EncodeToString([]byte(p.User.Username() + ":" + password))
		req.Header.Set("Proxy-Authorization", "Basic "+token)
	}
	if err := req.Write(c); err != nil {
		return nil, err
	}
	// What is read beyond the answer belongs to the tunnel: an SMTP server speaks first.
	r := bufio.NewReader(&bounded{c, maxHeader})
	resp, err := http.ReadResponse(r, req) //nolint:bodyclose // closing would first read it to its end: it is the tunnel
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, &ProxyError{resp.StatusCode} // its body goes with the connection
	}
	ahead, _ := r.Peek(r.Buffered())
	return &readAhead{c, ahead}, nil
}

// proxyAddr is the proxy's "host:port", with the port that the scheme implies.
func proxyAddr(p *url.URL) string {
	port := p.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080"}[p.Scheme]
	}
	return net.JoinHostPort(p.Hostname(), port)
}
