package safenet

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/safenet/safenettest"
)

func TestDial(t *testing.T) {
	trap := safenettest.NewTrap(t)
	target := fmt.Sprintf("127.0.0.1:%d", trap.Port)
	dial := func(g *Guard, plain bool) (*BlockedError, error) {
		c, err := g.DialContext(t.Context(), "tcp", target, plain)
		if err == nil {
			_ = c.Close()
			return nil, nil
		}
		var blocked *BlockedError
		errors.As(err, &blocked)
		return blocked, err
	}
	g := NewGuard(Policy{}, Options{})
	for _, plain := range []bool{true, false} {
		if blocked, err := dial(g, plain); blocked == nil || blocked.Range != "loopback" {
			t.Errorf("plain %t: %v, want a *BlockedError", plain, err)
		}
	}
	if trap.Accepts() != 0 {
		t.Error("dialled")
	}
	// The policy in force is the guard's, not the one it began with.
	g.SetPolicy(Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	for _, plain := range []bool{true, false} {
		if _, err := dial(g, plain); err != nil {
			t.Errorf("plain %t, to an address that is admitted: %v", plain, err)
		}
	}
	if _, err := dial(NewGuard(Policy{Operator: true}, Options{}), true); err != nil {
		t.Errorf("the operator's: %v", err)
	}

	public := NewGuard(Policy{}, Options{Resolver: safenettest.StartDNS(t, safenettest.Names{
		"public.example.": {{netip.MustParseAddr("192.0.9.1")}}, "public.example": {{netip.MustParseAddr("192.0.9.1")}},
	})})
	_, err := public.DialContext(t.Context(), "tcp", "public.example:25", true)
	var blocked *BlockedError
	if !errors.As(err, &blocked) || !blocked.Plain {
		t.Errorf("in the clear to the public internet: %v, want a *BlockedError that says Plain", err)
	}
}

// tunnelling is a proxy that connects nowhere: whoever asks is sent answer, and
// then all that it sends itself.
func tunnelling(t *testing.T, secure *tls.Config, answer func(*http.Request) string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(c)
			if req, err := http.ReadRequest(r); err == nil {
				_, _ = io.WriteString(c, answer(req))
				_, _ = io.Copy(c, r)
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func throughProxy(t *testing.T, raw string, o Options) *Guard {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	o.ProxyURL = u
	return NewGuard(Policy{}, o)
}

// checkEcho sends over c what must come back, after greeting.
func checkEcho(t *testing.T, c net.Conn, greeting string) {
	t.Helper()
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "ping"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(greeting)+len("ping"))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != greeting+"ping" {
		t.Errorf("%q came back, %v", got, err)
	}
}

func TestDialThroughHTTPProxy(t *testing.T) {
	requests := make(chan *http.Request, 1)
	// The server's greeting arrives in one piece with the proxy's answer.
	address := tunnelling(t, nil, func(r *http.Request) string {
		requests <- r
		return "HTTP/1.1 200 Connection established\r\n\r\n220 hello\r\n"
	})
	c, err := throughProxy(t, "http://user:p%40ss@"+address, Options{}).DialContext(t.Context(), "tcp", "mail.example:587", false)
	if err != nil {
		t.Fatal(err)
	}
	checkEcho(t, c, "220 hello\r\n")
	r := <-requests
	if r.Method != http.MethodConnect || r.RequestURI != "mail.example:587" || r.Host != "mail.example:587" {
		t.Errorf("%s %s to %s: the proxy resolves the name", r.Method, r.RequestURI, r.Host)
	}
	if got, want := r.Header.Get("Proxy-Authorization"), "Basic dXNlcjpwQHNz"; got != want {
		t.Errorf("Proxy-Authorization %q, want %q", got, want)
	}
}

func TestDialThroughSecureProxy(t *testing.T) {
	srv := httptest.NewUnstartedServer(nil) // for its certificate
	srv.StartTLS()
	defer srv.Close()
	address := tunnelling(t, srv.TLS, func(*http.Request) string { return "HTTP/1.1 200 OK\r\n\r\n" })
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	c, err := throughProxy(t, "https://"+address, Options{RootCAs: roots}).DialContext(t.Context(), "tcp", "mail.example:587", false)
	if err != nil {
		t.Fatal(err)
	}
	checkEcho(t, c, "")
	if _, err := throughProxy(t, "https://"+address, Options{RootCAs: x509.NewCertPool()}).DialContext(t.Context(), "tcp", "mail.example:587", false); err == nil {
		t.Error("a proxy whose certificate nobody vouches for is used")
	}
}

func TestProxyRefuses(t *testing.T) {
	for name, answer := range map[string]string{
		"status":       "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 6\r\n\r\ncanary",
		"no HTTP":      "220 canary\r\n",
		"cut":          "HTTP/1.1 20",
		"without end":  "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("canary", maxHeader),
		"many headers": "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: canary\r\n", maxHeader),
	} {
		address := tunnelling(t, nil, func(*http.Request) string { return answer })
		g := throughProxy(t, "http://"+address, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // "cut" leaves the connection open
		c, err := g.DialContext(ctx, "tcp", "mail.example:587", false)
		cancel()
		if err == nil {
			_ = c.Close()
			t.Errorf("%s: connected", name)
			continue
		}
		var refused *ProxyError
		if errors.As(err, &refused) != (name == "status") || (refused != nil && refused.Status != 407) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	silent := safenettest.NewTrap(t).Port
	for _, scheme := range []string{"http", "https", "socks5"} {
		g := throughProxy(t, fmt.Sprintf("%s://127.0.0.1:%d", scheme, silent), Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		c, err := g.DialContext(ctx, "tcp", "mail.example:587", false)
		if err == nil {
			_ = c.Close()
			t.Errorf("%s: connected through a proxy that says nothing", scheme)
		}
		cancel()
	}
}

// A proxy that speaks SOCKS5 (RFC 1928) and connects nowhere.
func TestDialThroughSOCKS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	asked := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		read := func(n int) []byte {
			b := make([]byte, n)
			if _, err := io.ReadFull(c, b); err != nil {
				return make([]byte, n)
			}
			return b
		}
		if methods := read(int(read(2)[1])); !bytes.Contains(methods, []byte{2}) {
			return
		}
		_, _ = c.Write([]byte{5, 2}) // user name and password
		name := read(int(read(2)[1]))
		password := read(int(read(1)[0]))
		_, _ = c.Write([]byte{1, 0})
		kind := read(4)[3]
		host := read(int(read(1)[0]))
		port := binary.BigEndian.Uint16(read(2))
		asked <- fmt.Sprintf("%s:%s %d %s:%d", name, password, kind, host, port)
		_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		_, _ = io.Copy(c, c)
	}()
	c, err := throughProxy(t, "socks5://user:pw@"+l.Addr().String(), Options{}).DialContext(t.Context(), "tcp", "mail.example:587", false)
	if err != nil {
		t.Fatal(err)
	}
	checkEcho(t, c, "")
	const byName = 3
	if got, want := <-asked, fmt.Sprintf("user:pw %d mail.example:587", byName); got != want {
		t.Errorf("asked for %q, want %q", got, want)
	}
}

func TestTLSConfig(t *testing.T) {
	roots := x509.NewCertPool()
	c := NewGuard(Policy{}, Options{RootCAs: roots}).TLSConfig("mail.example")
	if c.MinVersion != tls.VersionTLS12 || c.RootCAs != roots || c.ServerName != "mail.example" || c.InsecureSkipVerify {
		t.Errorf("%+v", c)
	}
}
