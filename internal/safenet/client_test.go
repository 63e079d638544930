package safenet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"accessrelay/internal/safenet/safenettest"
)

func get(t *testing.T, c *http.Client, rawURL string) (*http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, rawURL, strings.NewReader("x"))
	if err != nil {
		return nil, err
	}
	resp, err := c.Do(req)
	if err == nil {
		t.Cleanup(func() { _ = resp.Body.Close() })
	}
	return resp, err
}

func TestAllowedTwinsAreDialled(t *testing.T) {
	var hits atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(srv.Close)
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	resolver := safenettest.StartDNS(t, safenettest.Names{
		"sink.test":  {safenettest.Addrs("127.0.0.1")},
		"mixed.test": {safenettest.Addrs("169.254.169.254", "127.0.0.1")},
	})
	var want int64
	for name, p := range map[string]Policy{
		"operator":       {Operator: true},
		"tenant, allow":  {Allow: prefixes("127.0.0.0/8")},
		"tenant, mapped": {Allow: prefixes("::ffff:127.0.0.1/128")},
	} {
		client := NewClient(p, Options{Resolver: resolver})
		t.Cleanup(client.CloseIdleConnections)
		hosts := []string{"127.0.0.1", "sink.test", "[::ffff:127.0.0.1]"}
		if p.Operator { // of whose hosts the refused address does not spoil the other
			hosts = append(hosts, "mixed.test")
		}
		for _, host := range hosts {
			want++
			resp, err := get(t, client, "http://"+host+":"+port)
			if err != nil {
				t.Errorf("%s: %s: %v", name, host, err)
			} else if resp.StatusCode != http.StatusOK {
				t.Errorf("%s: %s: %s", name, host, resp.Status)
			}
		}
	}
	if got := hits.Load(); got != want {
		t.Errorf("%d requests arrived, want %d", got, want)
	}
}

func TestPlainHTTPNeedsAnAdmittedAddress(t *testing.T) {
	resolver := safenettest.StartDNS(t, safenettest.Names{"public.test": {safenettest.Addrs("93.184.215.14")}})
	client := NewClient(Policy{}, Options{Resolver: resolver})
	t.Cleanup(client.CloseIdleConnections)
	_, err := get(t, client, "http://public.test/")
	var blocked *BlockedError
	if !errors.As(err, &blocked) || !blocked.Plain {
		t.Errorf("%v, want a *BlockedError about plain http", err)
	}
}

func TestRedirectIsTheAnswer(t *testing.T) {
	for _, location := range []string{"http://127.0.0.1:1/", "http://[::1", "%zz"} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Location"] = []string{location}
			w.WriteHeader(http.StatusTemporaryRedirect)
		}))
		t.Cleanup(srv.Close)
		client := NewClient(Policy{Operator: true}, Options{})
		t.Cleanup(client.CloseIdleConnections)
		resp, err := get(t, client, srv.URL)
		if err != nil {
			t.Errorf("Location %q: %v", location, err)
		} else if resp.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("Location %q: %s", location, resp.Status)
		}
	}
}

func TestTLS(t *testing.T) {
	start := func(maxVersion uint16) (*httptest.Server, *x509.CertPool) {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Proto)
		}))
		srv.EnableHTTP2 = true
		srv.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: maxVersion}
		srv.Config.ErrorLog = nil
		srv.StartTLS()
		t.Cleanup(srv.Close)
		pool := x509.NewCertPool()
		pool.AddCert(srv.Certificate())
		return srv, pool
	}
	post := func(srv *httptest.Server, pool *x509.CertPool) (string, error) {
		client := NewClient(Policy{Operator: true}, Options{RootCAs: pool})
		t.Cleanup(client.CloseIdleConnections)
		resp, err := get(t, client, srv.URL)
		if err != nil {
			return "", err
		}
		b, err := io.ReadAll(resp.Body)
		return string(b), err
	}
	modern, pool := start(tls.VersionTLS13)
	if proto, err := post(modern, pool); err != nil || proto != "HTTP/2.0" {
		t.Errorf("spoke %q, %v; want HTTP/2.0", proto, err)
	}
	if _, err := post(modern, x509.NewCertPool()); err == nil {
		t.Error("an unknown authority is trusted")
	}
	old, pool := start(tls.VersionTLS11)
	if _, err := post(old, pool); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

func TestAnswerHeaderIsBounded(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Big", strings.Repeat("x", maxHeader+1))
	}))
	t.Cleanup(srv.Close)
	client := NewClient(Policy{Operator: true}, Options{})
	t.Cleanup(client.CloseIdleConnections)
	if _, err := get(t, client, srv.URL); err == nil {
		t.Error("a header of more than 64 KiB is read")
	}

	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(release) })
	client = NewClient(Policy{Operator: true}, Options{HeaderTimeout: 20 * time.Millisecond})
	t.Cleanup(client.CloseIdleConnections)
	_, err := get(t, client, silent.URL)
	var netErr net.Error
	if !errors.As(err, &netErr) || !netErr.Timeout() {
		t.Errorf("%v, want a timeout", err)
	}
}

func TestProxy(t *testing.T) {
	var through atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Host == "10.0.0.1" {
			through.Add(1)
		}
	}))
	t.Cleanup(proxy.Close)

	// net/http reads the environment only through a Proxy function.
	rt := NewGuard(Policy{}, Options{}).current.Load()
	if rt.plain.Proxy != nil || rt.secure.Proxy != nil {
		t.Error("without ProxyURL something decides on a proxy")
	}

	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := NewClient(Policy{}, Options{ProxyURL: u})
	t.Cleanup(client.CloseIdleConnections)
	if _, err := get(t, client, "http://10.0.0.1/"); err != nil {
		t.Errorf("through the proxy: %v", err)
	}
	if through.Load() != 1 {
		t.Error("the request did not go through the proxy")
	}
}

// A connection that was opened while an address was admitted is not used once it
// is not.
func TestSetPolicyHoldsForOpenConnections(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	admit := Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	g := NewGuard(admit, Options{})
	get := func() error {
		res, err := g.Client().Get(srv.URL)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		return err
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	g.SetPolicy(Policy{})
	var blocked *BlockedError
	if err := get(); !errors.As(err, &blocked) {
		t.Errorf("after the address was shut: %v, want a BlockedError", err)
	}
	g.SetPolicy(admit)
	if err := get(); err != nil {
		t.Errorf("after it was admitted again: %v", err)
	}
	g.CloseIdleConnections()
}

// A host that does not answer under one address may under another, of the same
// family or not.
func TestEveryAddressHasItsTry(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(srv.Close)
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	g := NewGuard(Policy{Operator: true}, Options{Resolver: safenettest.StartDNS(t, safenettest.Names{
		"same.test":  {safenettest.Addrs("127.0.0.9", "127.0.0.8", "127.0.0.1")},
		"other.test": {safenettest.Addrs("::1", "127.0.0.1")},
		"none.test":  {safenettest.Addrs("127.0.0.9", "::1")},
	})})
	for _, host := range []string{"same.test", "other.test"} {
		conn, err := g.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port), true)
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		_ = conn.Close()
	}
	if conn, err := g.DialContext(t.Context(), "tcp", net.JoinHostPort("none.test", port), true); err == nil {
		_ = conn.Close()
		t.Error("connected to nobody")
	}
}
