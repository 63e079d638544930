package authn

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

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
