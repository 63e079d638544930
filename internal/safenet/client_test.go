package safenet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// countingListener counts what connects to loopback, on IPv4 and IPv6 alike.
func countingListener(t *testing.T) (port int, dials *atomic.Int64) {
	t.Helper()
	dials = new(atomic.Int64)
	count := func(l net.Listener) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				dials.Add(1)
				_ = c.Close()
			}
		}()
		t.Cleanup(func() { _ = l.Close(); <-done })
	}
	l4, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	count(l4)
	port = l4.Addr().(*net.TCPAddr).Port
	if l6, err := net.Listen("tcp6", fmt.Sprintf("[::]:%d", port)); err == nil {
		count(l6)
	}
	return port, dials
}

func haveIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

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

var forbidden = []string{
	// Loopback, as it is and as it is disguised. Forms that are no literal to
	// this program are names; the test's name server reads them as inet_aton.
	"127.0.0.1", "127.0.0.2", "127.1.1.1", "127.255.255.254", "127.1", "127.0.1", "2130706433", "0x7f000001",
	"0x7f.0.0.1", "0x7f.1", "0177.0.0.1", "0177.1", "017700000001", "127.0.0.1.", "00127.0.0.1", "127.000.000.001",
	"0.0.0.0", "0", "0x0", "0.0.0.1",
	"localhost", "LOCALHOST", "localhost.", "LocalHost.LocalDomain", "ip6-localhost",
	"①②⑦.⓪.⓪.①", "127。0。0。1", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "127%2e0%2e0%2e1", "%31%32%37.0.0.1",
	"[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::]", "[::0.0.0.1]",
	"[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:127.0.0.1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]",
	"[::ffff:0:127.0.0.1]", "[::ffff:0.0.0.0]", "[::1%25lo]", "[fe80::1%25lo]",
	// Names that resolve to it.
	"rebound.test", "mixed.test", "private.test", "metadata.test", "v6.test",
	// The private network and the cloud's metadata.
	"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1", "[::ffff:10.0.0.1]", "[::ffff:c0a8:101]",
	"169.254.169.254", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]",
	"[2002:a9fe:a9fe::1]", "[2002:7f00:1::1]", "[2001:0:7f00:1:0:0:0:0]", "[fd00:ec2::254]", "[fe80::a9fe:a9fe]",
	"100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192",
	"[fc00::1]", "[fd00::1]", "[fec0::1]", "[ff02::1]", "224.0.0.1", "255.255.255.255", "240.0.0.1",
	"192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.88.99.1", "[2001:db8::1]", "[100::1]", "[3fff::1]",
}

func addrs(ss ...string) []netip.Addr {
	out := make([]netip.Addr, len(ss))
	for i, s := range ss {
		out[i] = netip.MustParseAddr(s)
	}
	return out
}

func TestForbiddenTargetsAreNotDialled(t *testing.T) {
	if len(forbidden) < 60 {
		t.Fatalf("only %d spellings", len(forbidden))
	}
	port, dials := countingListener(t)
	ipv6 := haveIPv6()
	resolver := startDNS(t, map[string][][]netip.Addr{
		"rebound.test":  {addrs("127.0.0.1")},
		"mixed.test":    {addrs("127.0.0.1", "10.0.0.1", "169.254.169.254")},
		"private.test":  {addrs("10.0.0.1")},
		"metadata.test": {addrs("169.254.169.254")},
		"v6.test":       {addrs("::ffff:127.0.0.1", "::1")},
	})
	client := NewClient(Policy{}, Options{Resolver: resolver})
	t.Cleanup(client.CloseIdleConnections)
	for _, scheme := range []string{"https", "http"} {
		for _, host := range forbidden {
			target := fmt.Sprintf("%s://%s:%d/", scheme, host, port)
			_, err := get(t, client, target)
			var blocked *BlockedError
			switch {
			case err == nil:
				t.Errorf("%s was reached", target)
			case errors.As(err, &blocked):
			case !ipv6 && strings.ContainsAny(host, "[v"):
			case strings.Contains(err.Error(), "no such host"), strings.Contains(err.Error(), "invalid URL"), strings.Contains(err.Error(), "parse "):
				// never became an address at all
			default:
				t.Errorf("%s: %v, want a *BlockedError", target, err)
			}
		}
	}
	if n := dials.Load(); n != 0 {
		t.Errorf("%d forbidden connections arrived", n)
	}
}

func TestAllowedTwinsAreDialled(t *testing.T) {
	var hits atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(srv.Close)
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	resolver := startDNS(t, map[string][][]netip.Addr{
		"sink.test":  {addrs("127.0.0.1")},
		"mixed.test": {addrs("169.254.169.254", "127.0.0.1")}, // the refused one does not spoil the other
	})
	var want int64
	for name, p := range map[string]Policy{
		"operator":       {Operator: true},
		"tenant, allow":  {Allow: prefixes("127.0.0.0/8")},
		"tenant, mapped": {Allow: prefixes("::ffff:127.0.0.1/128")},
	} {
		client := NewClient(p, Options{Resolver: resolver})
		t.Cleanup(client.CloseIdleConnections)
		for _, host := range []string{"127.0.0.1", "sink.test", "mixed.test", "[::ffff:127.0.0.1]"} {
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

func TestRebindingIsJudgedAtEachDial(t *testing.T) {
	port, dials := countingListener(t)
	resolver := startDNS(t, map[string][][]netip.Addr{
		// The first answer is admitted (and connects), all later ones are not.
		"rebind.test": {addrs("127.0.0.1"), addrs("127.0.0.9")},
	})
	client := NewClient(Policy{Allow: prefixes("127.0.0.1/32")}, Options{Resolver: resolver})
	t.Cleanup(client.CloseIdleConnections)
	target := fmt.Sprintf("http://rebind.test:%d/", port)
	var blocked *BlockedError
	if _, err := get(t, client, target); errors.As(err, &blocked) {
		t.Fatalf("the first answer is refused: %v", err)
	}
	// Accept runs beside us.
	for deadline := time.Now().Add(5 * time.Second); dials.Load() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the admitted address was not dialled")
		}
		runtime.Gosched()
	}
	before := dials.Load()
	if _, err := get(t, client, target); !errors.As(err, &blocked) {
		t.Errorf("after the name moved: %v, want a *BlockedError", err)
	}
	if dials.Load() != before {
		t.Error("the second address was dialled")
	}
}

func TestPlainHTTPNeedsAnAdmittedAddress(t *testing.T) {
	resolver := startDNS(t, map[string][][]netip.Addr{"public.test": {addrs("93.184.215.14")}})
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
