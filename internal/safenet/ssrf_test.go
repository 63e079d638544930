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
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"accessrelay/internal/safenet/safenettest"
)

// connects keeps what would have been connected to, and keeps it from happening:
// the tests need no network to say that a public address is dialled.
type connects struct {
	mu  sync.Mutex
	all []string
}

var errKept = errors.New("kept from connecting")

func (c *connects) hook(address string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, address)
	return errKept
}

// taken returns what has come since it was last called.
func (c *connects) taken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.all
	c.all = nil
	return out
}

// ways are all by which a host can be reached over g, by name. Each is given a
// host as a URL has it.
func ways(t *testing.T, g *Guard, port int) map[string]func(host string) error {
	t.Helper()
	client := g.Client()
	t.Cleanup(client.CloseIdleConnections)
	over := func(scheme string) func(string) error {
		return func(host string) error {
			_, err := get(t, client, fmt.Sprintf("%s://%s:%d/", scheme, host, port))
			return err
		}
	}
	dial := func(plain bool) func(string) error {
		return func(host string) error {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var last error
			// As it is, and as a settings field without brackets has it.
			for _, addr := range []string{
				fmt.Sprintf("%s:%d", host, port),
				net.JoinHostPort(strings.ReplaceAll(strings.Trim(host, "[]"), "%25", "%"), fmt.Sprint(port)),
			} {
				c, err := g.DialContext(ctx, "tcp", addr, plain)
				if err == nil {
					_ = c.Close()
					return nil
				}
				last = err
			}
			return last
		}
	}
	return map[string]func(string) error{"https": over("https"), "http": over("http"), "dial, TLS to come": dial(false), "dial, plain": dial(true)}
}

func TestSpellingsOfTheInsideAreNotDialled(t *testing.T) {
	spellings := safenettest.Spellings()
	trap := safenettest.NewTrap(t)
	seen := &connects{}
	g := NewGuard(Policy{}, Options{Resolver: safenettest.StartDNS(t, safenettest.Inside()), connecting: seen.hook})
	judged := map[string]bool{}
	for way, reach := range ways(t, g, trap.Port) {
		for _, s := range spellings {
			err := reach(s.Host)
			var blocked *BlockedError
			switch {
			case err == nil:
				t.Errorf("%s: %q was reached", way, s.Host)
			case errors.As(err, &blocked):
				judged[s.Host] = true
			case becameNoAddress(err):
			case !safenettest.HaveIPv6() && strings.ContainsAny(s.Host, "[6"):
			default:
				t.Errorf("%s: %q: %v, want a *BlockedError", way, s.Host, err)
			}
			if dialled := seen.taken(); len(dialled) > 0 {
				t.Errorf("%s: %q would have been connected to at %v", way, s.Host, dialled)
			}
		}
	}
	if n := trap.Accepts(); n != 0 {
		t.Errorf("%d connections arrived", n)
	}
	t.Logf("%d spellings, each in 4 ways: none dialled; %d became addresses, which the guard refused", len(spellings), len(judged))
	if len(judged) < 60 {
		t.Errorf("only %d spellings came as far as the guard", len(judged))
	}
}

// becameNoAddress reports an error from before anything is dialled.
func becameNoAddress(err error) bool {
	var dns *net.DNSError
	var addr *net.AddrError
	if errors.As(err, &dns) || errors.As(err, &addr) {
		return true
	}
	for _, text := range []string{"parse ", "no Host in request URL", "invalid URL", "idna: ", "unknown port", "missing port"} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

const (
	publicA    = "93.184.215.14"
	publicAAAA = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
)

// A tenant's host with one address inside is refused, whatever stands first: none
// of them is dialled.
func TestOfMixedAnswersNoneIsDialled(t *testing.T) {
	names := safenettest.Names{
		"public-first.test":  {safenettest.Addrs(publicA, "127.0.0.1", "10.0.0.1")},
		"private-first.test": {safenettest.Addrs("169.254.169.254", "127.0.0.1", publicA)},
		"other-family.test":  {safenettest.Addrs("::1", publicA)},
		"private-a.test":     {safenettest.Addrs("127.0.0.1", publicAAAA)},
		"disguised.test":     {safenettest.Addrs("64:ff9b::7f00:1", "2002:a9fe:a9fe::1", publicA)},
	}
	trap := safenettest.NewTrap(t)
	seen := &connects{}
	g := NewGuard(Policy{}, Options{Resolver: safenettest.StartDNS(t, names), connecting: seen.hook})
	for way, reach := range ways(t, g, trap.Port) {
		for name := range names {
			var blocked *BlockedError
			if err := reach(name); !errors.As(err, &blocked) || len(seen.taken()) > 0 {
				t.Errorf("%s: %s: %v", way, name, err)
			}
		}
	}
	if trap.Accepts() != 0 {
		t.Error("the private address was dialled")
	}
}

// Of the operator's own hosts those addresses are dialled that may be. One of them
// that does not answer may do so later: that is what is told.
func TestOfMixedAnswersOfTheOperatorTheGoodOnesAreDialled(t *testing.T) {
	names := safenettest.Names{"mixed.test": {safenettest.Addrs("169.254.169.254", "127.0.0.9", "127.0.0.1")}}
	trap := safenettest.NewTrap(t)
	seen := &connects{}
	g := NewGuard(Policy{Operator: true}, Options{Resolver: safenettest.StartDNS(t, names), connecting: seen.hook})
	for way, reach := range ways(t, g, trap.Port) {
		err := reach("mixed.test")
		if blocked := new(BlockedError); errors.As(err, &blocked) {
			t.Errorf("%s: %v", way, err)
		}
		if dialled := seen.taken(); len(dialled) == 0 || slices.ContainsFunc(dialled, func(a string) bool { return strings.HasPrefix(a, "169.") }) {
			t.Errorf("%s: %v dialled", way, dialled)
		}
	}
}

// A name that moves between any two questions is judged by each answer.
func TestRebindingIsJudgedAtEachDial(t *testing.T) {
	answers := [][]netip.Addr{
		safenettest.Addrs(publicA), safenettest.Addrs("127.0.0.1"), safenettest.Addrs(publicA), safenettest.Addrs("169.254.169.254"),
		safenettest.Addrs("::1"), safenettest.Addrs(publicA, "127.0.0.1"), safenettest.Addrs("10.0.0.1"),
	}
	for _, way := range []string{"https", "http", "dial, TLS to come", "dial, plain"} {
		trap := safenettest.NewTrap(t)
		seen := &connects{}
		g := NewGuard(Policy{}, Options{Resolver: safenettest.StartDNS(t, safenettest.Names{"rebind.test": answers}), connecting: seen.hook})
		reach := ways(t, g, trap.Port)[way]
		for range 2 * len(answers) {
			if err := reach("rebind.test"); err == nil {
				t.Errorf("%s: the name was reached", way)
			}
			for _, dialled := range seen.taken() {
				if dialled != fmt.Sprintf("%s:%d", publicA, trap.Port) {
					t.Errorf("%s: %s was dialled", way, dialled)
				}
			}
		}
		if trap.Accepts() != 0 {
			t.Errorf("%s: the private address was dialled", way)
		}
	}
}

// The same with connections that are made: the first address is admitted, and
// what stands for the inside listens on another.
func TestRebindingAfterAConnection(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(srv.Close)
	port := srv.Listener.Addr().(*net.TCPAddr).Port
	trap := safenettest.NewTrapAt(t, fmt.Sprintf("127.0.0.9:%d", port))
	g := NewGuard(Policy{Allow: prefixes("127.0.0.1/32")}, Options{Resolver: safenettest.StartDNS(t, safenettest.Names{
		"rebind.test": {safenettest.Addrs("127.0.0.1"), safenettest.Addrs("127.0.0.9")},
		"mixed.test":  {safenettest.Addrs("127.0.0.9", "127.0.0.1", "10.0.0.1")},
	})})
	client := g.Client()
	t.Cleanup(client.CloseIdleConnections)
	target := fmt.Sprintf("http://rebind.test:%d/", port)
	if _, err := get(t, client, target); err != nil {
		t.Fatalf("the first answer: %v", err)
	}
	client.CloseIdleConnections()
	var blocked *BlockedError
	if _, err := get(t, client, target); !errors.As(err, &blocked) {
		t.Errorf("after the name moved: %v, want a *BlockedError", err)
	}
	for range 3 {
		if _, err := get(t, client, fmt.Sprintf("http://mixed.test:%d/", port)); !errors.As(err, &blocked) {
			t.Errorf("mixed answers: %v, want a *BlockedError", err)
		}
		client.CloseIdleConnections()
	}
	if trap.Accepts() != 0 {
		t.Error("the second address was dialled")
	}
}

// A redirect is never followed, neither from an admitted host nor by a host
// that is told to in other ways.
func TestRedirectToTheInsideIsNotFollowed(t *testing.T) {
	trap := safenettest.NewTrapAt(t, "127.0.0.9:0")
	inside := fmt.Sprintf("127.0.0.9:%d", trap.Port)
	for _, status := range []int{300, 301, 302, 303, 305, 307, 308} {
		for header, value := range map[string]string{
			"Location": "http://" + inside + "/", "Refresh": "0; url=http://" + inside + "/", "Alt-Svc": `h2="` + inside + `"; ma=3600, h3="` + inside + `"`,
			"Content-Location": "http://" + inside + "/", "Link": "<http://" + inside + "/>; rel=preload",
		} {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set(header, value)
				w.WriteHeader(status)
			}))
			client := NewClient(Policy{Allow: prefixes("127.0.0.1/32")}, Options{})
			for range 2 {
				resp, err := get(t, client, srv.URL)
				if err != nil || resp.StatusCode != status {
					t.Errorf("%d, %s: %v", status, header, err)
				}
			}
			client.CloseIdleConnections()
			srv.Close()
		}
	}
	if trap.Accepts() != 0 {
		t.Error("a redirect was followed")
	}
}

// A certificate for two names does not make one connection serve both: the
// second name's address is judged on its own.
func TestConnectionServesOneName(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	srv.EnableHTTP2 = true
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate()) // for example.com and *.example.com
	port := srv.Listener.Addr().(*net.TCPAddr).Port
	client := NewClient(Policy{Allow: prefixes("127.0.0.1/32")}, Options{RootCAs: pool, Resolver: safenettest.StartDNS(t, safenettest.Names{
		"example.com": {safenettest.Addrs("127.0.0.1")}, "www.example.com": {safenettest.Addrs("10.0.0.1")},
	})})
	t.Cleanup(client.CloseIdleConnections)
	resp, err := get(t, client, fmt.Sprintf("https://example.com:%d/", port))
	if err != nil {
		t.Fatal(err)
	}
	if resp.ProtoMajor != 2 {
		t.Errorf("spoke %s, this test is about HTTP/2", resp.Proto)
	}
	var blocked *BlockedError
	if _, err := get(t, client, fmt.Sprintf("https://www.example.com:%d/", port)); !errors.As(err, &blocked) {
		t.Errorf("the other name: %v, want a *BlockedError", err)
	}
}

// A connection over HTTP/2 that was opened while an address was admitted is not
// used once it is not, also while a request is still on it.
func TestSetPolicyHoldsForHTTP2(t *testing.T) {
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	var hits atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if hits.Add(1) == 1 {
			<-held
		}
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	t.Cleanup(release)
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	g := NewGuard(Policy{Operator: true}, Options{RootCAs: pool})
	first := make(chan error, 1)
	go func() {
		_, err := get(t, g.Client(), srv.URL)
		first <- err
	}()
	for deadline := time.Now().Add(20 * time.Second); hits.Load() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the first request does not arrive")
		}
		time.Sleep(time.Millisecond)
	}
	g.SetPolicy(Policy{})
	var blocked *BlockedError
	if _, err := get(t, g.Client(), srv.URL); !errors.As(err, &blocked) {
		t.Errorf("after the address was shut: %v, want a *BlockedError", err)
	}
	release()
	if err := <-first; err != nil {
		t.Errorf("what had begun before: %v", err)
	}
	if hits.Load() != 1 {
		t.Errorf("%d requests arrived", hits.Load())
	}
	g.CloseIdleConnections()
}

// The variables that other programs take a proxy from mean nothing here.
func TestEnvironmentIsNotConsulted(t *testing.T) {
	trap := safenettest.NewTrap(t)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, fmt.Sprintf("http://127.0.0.1:%d", trap.Port))
	}
	t.Setenv("NO_PROXY", "")
	seen := &connects{}
	g := NewGuard(Policy{}, Options{connecting: seen.hook})
	for way, reach := range ways(t, g, 443) {
		err := reach(publicA)
		if err == nil {
			t.Errorf("%s: reached", way)
		}
		want := strings.Contains(way, "https") || strings.Contains(way, "to come")
		dialled := seen.taken()
		if want != (len(dialled) > 0) {
			t.Errorf("%s: dialled %v, %v", way, dialled, err)
		}
		for _, d := range dialled {
			if d != publicA+":443" {
				t.Errorf("%s: %s was dialled", way, d)
			}
		}
	}
	if trap.Accepts() != 0 {
		t.Error("the proxy of the environment was used")
	}
}
