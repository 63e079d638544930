package authn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// idp is an identity provider whose answers the test decides, and a clock
// that only the test moves.
type idp struct {
	t       *testing.T
	server  *httptest.Server
	fetches atomic.Int32

	mu     sync.Mutex
	answer http.HandlerFunc
	now    time.Time
	log    bytes.Buffer

	paused chan time.Duration // the owner is idle and will wake in so long
	wake   chan time.Time     // wakes it
}

func newIDP(t *testing.T, answer http.HandlerFunc) *idp {
	t.Helper()
	p := &idp{t: t, answer: answer, now: testNow, paused: make(chan time.Duration, 100), wake: make(chan time.Time)}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.fetches.Add(1)
		p.mu.Lock()
		answer := p.answer
		p.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(p.server.Close)
	return p
}

func serve(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func (p *idp) answers(h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = h
}

func (p *idp) advance(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

func (p *idp) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// Write takes the log.
func (p *idp) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(line)
}

func (p *idp) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// authenticator starts one on the provider's URL with the test's timer.
func (p *idp) authenticator(algorithms ...string) *jwtAuthenticator {
	p.t.Helper()
	u, err := checkURL(p.server.URL + "/jwks?token=hunter2")
	if err != nil {
		p.t.Fatal(err)
	}
	o := Options{Now: p.clock, HTTP: p.server.Client(), Log: slog.New(slog.NewTextHandler(p, nil))}
	a := &jwtAuthenticator{
		now:     p.clock,
		allowed: allowedAlgorithms(algorithms),
		expect:  expectations{leeway: time.Hour},
		keys: startRemote(u, algorithms, o, func(d time.Duration) <-chan time.Time {
			p.paused <- d
			return p.wake
		}),
	}
	p.t.Cleanup(a.Close)
	return a
}

// idle waits until the owner has nothing to do, and returns for how long.
func (p *idp) idle() time.Duration {
	p.t.Helper()
	select {
	case d := <-p.paused:
		return d
	case <-time.After(10 * time.Second):
		p.t.Fatal("the owner does not come to rest")
		return 0
	}
}

// tick lets the owner's timer run out, and waits for what it does then.
func (p *idp) tick() time.Duration {
	p.t.Helper()
	select {
	case p.wake <- time.Time{}:
	case <-time.After(10 * time.Second):
		p.t.Fatal("the owner does not wait for its timer")
	}
	return p.idle()
}

func (p *idp) fetched(want int32) {
	p.t.Helper()
	if got := p.fetches.Load(); got != want {
		p.t.Errorf("%d fetches so far, want %d", got, want)
	}
}

// signedBy is a request with a good token of an ES256 key under a kid.
func signedBy(key, id string) *http.Request {
	h := header("ES256", nil)
	if id != "" {
		h = header("ES256", kid(id))
	}
	return bearer(sign("ES256", testKey(key), h, claims(nil)))
}

// keysNamed is a set of ES256 keys, each with its name as kid.
func keysNamed(names ...string) string {
	var keys []string
	for _, name := range names {
		keys = append(keys, jwkOf(testKey("ES256/"+name), kid(name)))
	}
	return jwksOf(keys...)
}

func expect(t *testing.T, a Authenticator, r *http.Request, reason string) {
	t.Helper()
	if got := reasonOf(t, a, r); got != reason {
		t.Errorf("reason %q, want %q", got, reason)
	}
}

func TestRemoteKeys(t *testing.T) {
	p := newIDP(t, serve(keysNamed("a", "b")))
	a := p.authenticator()
	if pause := p.idle(); pause != refreshEvery {
		t.Errorf("next refresh in %v, want %v", pause, refreshEvery)
	}
	if err := a.Ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}
	expect(t, a, signedBy("ES256/a", "a"), "")
	expect(t, a, signedBy("ES256/b", "b"), "")
	expect(t, a, signedBy("ES256/a", ""), "")
	expect(t, a, signedBy("ES256/a", "b"), ReasonSignature)
	p.fetched(1)
}

// The first requests wait for the first fetch.
func TestFirstRequestWaitsForKeys(t *testing.T) {
	release := make(chan struct{})
	p := newIDP(t, func(w http.ResponseWriter, r *http.Request) {
		<-release
		serve(keysNamed("a"))(w, r)
	})
	a := p.authenticator()
	got := make(chan error)
	go func() { got <- a.Authenticate(signedBy("ES256/a", "a"), nil) }()
	close(release)
	if err := <-got; err != nil {
		t.Error(err)
	}
	p.fetched(1)
}

func TestProviderDownAtStart(t *testing.T) {
	p := newIDP(t, status(http.StatusBadGateway))
	a := p.authenticator()
	want := firstRetry
	pause := p.idle()
	for range 8 {
		if pause != want {
			t.Errorf("next attempt in %v, want %v", pause, want)
		}
		if err := a.Ready(); err == nil || !strings.Contains(err.Error(), "status 502") ||
			!strings.HasPrefix(err.Error(), "jwt.jwks_url: ") {
			t.Errorf("Ready() = %v", err)
		}
		want = min(2*want, maxRetry)
		pause = p.tick()
	}
	p.fetched(9)

	// Requests may add one attempt in 30 s, all together.
	for range 5 {
		expect(t, a, signedBy("ES256/a", "a"), ReasonNoKeys)
	}
	p.idle()
	p.fetched(10)

	p.answers(serve(keysNamed("a")))
	if pause := p.tick(); pause != refreshEvery {
		t.Errorf("after success the next refresh is in %v", pause)
	}
	if err := a.Ready(); err != nil {
		t.Errorf("Ready() = %v", err)
	}
	expect(t, a, signedBy("ES256/a", "a"), "")
	p.answers(status(http.StatusBadGateway))
	if pause := p.tick(); pause != firstRetry {
		t.Errorf("after success and a failure the next attempt is in %v", pause)
	}
	if !strings.Contains(p.logged(), "fetched the key set again") {
		t.Error("the log does not tell the recovery")
	}
	if strings.Contains(p.logged(), "hunter2") {
		t.Error("the log holds the URL's query")
	}
}

func TestRotation(t *testing.T) {
	p := newIDP(t, serve(keysNamed("old")))
	a := p.authenticator()
	p.idle()
	oldToken, newToken := signedBy("ES256/old", "old"), signedBy("ES256/new", "new")
	expect(t, a, oldToken, "")

	p.answers(serve(keysNamed("old", "new")))
	expect(t, a, newToken, "") // at once, though the first fetch was just now
	expect(t, a, oldToken, "")
	p.fetched(2)
	p.idle()

	// Keys that the provider withdraws are gone, also for remembered tokens.
	p.answers(serve(keysNamed("new")))
	p.tick()
	expect(t, a, newToken, "")
	expect(t, a, oldToken, ReasonUnknownKey)
	p.fetched(3)
}

// Any number of requests with invented kids cost one fetch in 30 s.
func TestUnknownKidsDoNotAmplify(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"provider up":      serve(keysNamed("a")),
		"provider failing": status(http.StatusInternalServerError),
	} {
		t.Run(name, func(t *testing.T) {
			p := newIDP(t, serve(keysNamed("a")))
			a := p.authenticator()
			p.idle()
			p.answers(answer)
			for round := range int32(3) {
				var wg sync.WaitGroup
				for i := range 40 {
					r := signedBy("ES256/mallory", fmt.Sprintf("invented-%d-%d", round, i))
					wg.Go(func() { expect(t, a, r, ReasonUnknownKey) })
				}
				wg.Wait()
				p.idle()
				p.fetched(2 + round)

				p.advance(demandEvery - time.Nanosecond)
				expect(t, a, signedBy("ES256/mallory", "too early"), ReasonUnknownKey)
				p.fetched(2 + round)
				p.advance(time.Nanosecond)
			}
			expect(t, a, signedBy("ES256/a", "a"), "")
		})
	}
}

// Nothing that a request without a known key can be is worth a fetch, if no
// newer key could make it good.
func TestWhatAsksForNoFetch(t *testing.T) {
	p := newIDP(t, serve(keysNamed("a")))
	a := p.authenticator()
	p.idle()
	for name, r := range map[string]*http.Request{
		"no token":                 request(),
		"rubbish":                  bearer("x.y.z"),
		"bad signature, known kid": signedBy("ES256/mallory", "a"),
		"HMAC":                     bearer(sign("HS256", []byte("x"), header("HS256", kid("new")), claims(nil))),
		"none":                     bearer(b64([]byte(header("none", kid("new")))) + "." + b64([]byte(claims(nil))) + ".AA"),
	} {
		if reasonOf(t, a, r) == "" {
			t.Errorf("%s passed", name)
		}
	}
	p.fetched(1)
}

// Tokens without kid cannot name a new key: one that fits none asks for newer keys.
func TestRotationWithoutKid(t *testing.T) {
	p := newIDP(t, serve(jwksOf(jwkOf(testKey("ES256/old"), nil))))
	a := p.authenticator()
	p.idle()
	p.answers(serve(jwksOf(jwkOf(testKey("ES256/new"), nil))))
	expect(t, a, signedBy("ES256/new", ""), "")
	expect(t, a, signedBy("ES256/old", ""), ReasonSignature)
	p.fetched(2)
}

// Whatever the provider answers, the keys in force stay.
func TestFailedRefreshKeepsKeys(t *testing.T) {
	elsewhere := httptest.NewServer(serve(keysNamed("mallory")))
	defer elsewhere.Close()
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		log    string
	}{
		"500":                   {status(http.StatusInternalServerError), "status 500"},
		"204":                   {status(http.StatusNoContent), "status 204"},
		"redirect":              {http.RedirectHandler(elsewhere.URL, http.StatusFound).ServeHTTP, "status 302"},
		"error with a good set": {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404); serve(keysNamed("mallory"))(w, r) }, "status 404"},
		"HTML":                  {serve("<html>"), "not a JSON object"},
		"empty":                 {serve(""), "not a JSON object"},
		"no keys":               {serve(jwksOf()), "no key that can be used"},
		"one JWK":               {serve(jwkOf(testKey("ES256/mallory"), kid("mallory"))), "is not a JWK Set"},
		"too many keys":         {serve(jwksOf(strings.Split(strings.Repeat("{}-", maxKeys)+"{}", "-")...)), "more than 32"},
		"too large":             {serve(keysNamed("mallory") + strings.Repeat(" ", maxJWKS)), "larger than 512 KiB"},
		"only oct":              {serve(jwksOf(`{"kty":"oct","kid":"mallory","k":"aHVudGVyMg"}`)), "no key that can be used"},
		"cut": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "9999")
			serve("{")(w, r)
		}, "reading the answer"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newIDP(t, serve(keysNamed("a")))
			a := p.authenticator()
			p.idle()
			expect(t, a, signedBy("ES256/a", "a"), "")
			p.answers(tt.answer)
			if pause := p.tick(); pause != firstRetry {
				t.Errorf("next attempt in %v, want %v", pause, firstRetry)
			}
			expect(t, a, signedBy("ES256/a", "a"), "")
			expect(t, a, signedBy("ES256/mallory", "mallory"), ReasonUnknownKey)
			if err := a.Ready(); err != nil {
				t.Errorf("Ready() = %v", err)
			}
			if got := p.logged(); !strings.Contains(got, tt.log) || strings.Contains(got, "hunter2") || strings.Contains(got, "aHVudGVyMg") {
				t.Errorf("log: %s", got)
			}
		})
	}
}

// A fetched set may hold keys that we cannot use; the others count.
func TestRemoteSetWithOtherKeys(t *testing.T) {
	p := newIDP(t, serve(jwksOf(
		`{"kty":"oct","kid":"oct","k":"aHVudGVyMg"}`, `{"kty":"AKP","kid":"pq"}`, `7`,
		jwkOf(testKey("RSA1024"), kid("short")),
		jwkOf(testKey("RSA"), raw{"kid": `"enc"`, "use": `"enc"`}),
		jwkOf(testKey("RSA"), kid("rsa")),
		jwkOf(testKey("ES256/a"), kid("a")))))
	a := p.authenticator("ES256")
	p.idle()
	expect(t, a, signedBy("ES256/a", "a"), "")
	hmac, err := New(Config{JWT: &JWT{JWKSURL: p.server.URL, Algorithms: []string{"HS256"}}}, Options{})
	if err == nil || hmac != nil {
		t.Error("HS256 was configured")
	}
	expect(t, a, bearer(sign("HS256", []byte("hunter2"), header("HS256", kid("oct")), claims(nil))), ReasonAlgorithm)
	expect(t, a, bearer(sign("RS256", testKey("RSA"), header("RS256", kid("rsa")), claims(nil))), ReasonAlgorithm)
	if got := strings.Count(p.logged(), "left out"); got != 4 {
		t.Errorf("%d keys were reported as left out, want 4: %s", got, p.logged())
	}
	if strings.Contains(p.logged(), "aHVudGVyMg") {
		t.Error("the log holds a key")
	}
}

// A set of which the config's algorithms leave nothing is no set.
func TestRemoteSetWithoutConfiguredAlgorithm(t *testing.T) {
	p := newIDP(t, serve(jwksOf(jwkOf(testKey("RSA"), kid("rsa")))))
	a := p.authenticator("ES256")
	p.idle()
	if err := a.Ready(); err == nil || !strings.Contains(err.Error(), "no key that can be used") {
		t.Errorf("Ready() = %v", err)
	}
}

// The same answer again is no reason to verify every token anew.
func TestSameKeysAreTheSameSet(t *testing.T) {
	p := newIDP(t, serve(keysNamed("a")))
	a := p.authenticator()
	p.idle()
	before := a.keys.current()
	p.tick()
	if a.keys.current() != before {
		t.Error("the set changed")
	}
	p.answers(serve(keysNamed("a", "b")))
	p.tick()
	if a.keys.current() == before {
		t.Error("the set did not change")
	}
}

// hang answers nothing until the request is given up.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// A request waits for keys no longer than its context lasts.
func TestWaitIsBoundedByTheRequest(t *testing.T) {
	p := newIDP(t, hang)
	a := p.authenticator()
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error)
	go func() { got <- a.Authenticate(signedBy("ES256/a", "a").WithContext(ctx), nil) }()
	cancel()
	err := <-got
	if f, ok := errors.AsType[*Failure](err); !ok || f.Reason != ReasonNoKeys || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("error %v", err)
	}
	select {
	case <-p.paused:
		t.Error("the request waited for the end of the fetch")
	default:
	}
}

// A known key does not wait for a fetch under way.
func TestKnownKeysDoNotWait(t *testing.T) {
	p := newIDP(t, serve(keysNamed("a")))
	a := p.authenticator()
	p.idle()
	arrived := make(chan struct{})
	p.answers(func(w http.ResponseWriter, r *http.Request) { close(arrived); hang(w, r) })
	ctx, cancel := context.WithCancel(t.Context())
	unknown := make(chan error)
	go func() { unknown <- a.Authenticate(signedBy("ES256/new", "new").WithContext(ctx), nil) }()
	<-arrived
	expect(t, a, signedBy("ES256/a", "a"), "")
	cancel()
	if err := <-unknown; err == nil {
		t.Error("an unknown key passed")
	}
}

// Close ends a fetch under way and whoever waits for it; the keys stay.
func TestClose(t *testing.T) {
	p := newIDP(t, serve(keysNamed("a")))
	a := p.authenticator()
	p.idle()
	arrived := make(chan struct{})
	p.answers(func(w http.ResponseWriter, r *http.Request) { close(arrived); hang(w, r) })
	got := make(chan error)
	go func() { got <- a.Authenticate(signedBy("ES256/new", "new"), nil) }()
	<-arrived
	a.Close()
	if err := <-got; err == nil {
		t.Error("an unknown key passed")
	}
	a.Close()
	expect(t, a, signedBy("ES256/a", "a"), "")
	p.advance(time.Minute)
	for range 3 {
		expect(t, a, signedBy("ES256/new", "new"), ReasonUnknownKey)
	}
	p.fetched(2)
	if strings.Contains(p.logged(), "canceled") {
		t.Errorf("closing is logged as a failure: %s", p.logged())
	}
}

// New itself starts the fetching, with a client of its own.
func TestNewFetches(t *testing.T) {
	p := newIDP(t, serve(keysNamed("a")))
	a, err := New(Config{JWT: &JWT{JWKSURL: p.server.URL}}, Options{Now: p.clock})
	if err != nil {
		t.Fatal(err)
	}
	defer a.(interface{ Close() }).Close()
	expect(t, a, signedBy("ES256/a", "a"), "")
	if err := a.(interface{ Ready() error }).Ready(); err != nil {
		t.Error(err)
	}
}

// The environment's proxy variables must not decide who tells us the keys.
func TestDefaultClientAsksNoProxy(t *testing.T) {
	if directClient().Transport.(*http.Transport).Proxy != nil {
		t.Error("the default client may use a proxy")
	}
}

// Validate looks at the URL and fetches nothing.
func TestValidateFetchesNothing(t *testing.T) {
	p := newIDP(t, serve(keysNamed("a")))
	if err := (Config{JWT: &JWT{JWKSURL: p.server.URL}}).Validate(); err != nil {
		t.Fatal(err)
	}
	p.fetched(0)
}
