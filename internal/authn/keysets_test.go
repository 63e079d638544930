package authn

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Authenticators of one URL have one fetcher: at the start, every 15 minutes,
// and at most once in 30 s because of requests to any of them.
func TestKeySetsFetchEachURLOnce(t *testing.T) {
	p := newIDP(t, serve(keysNamed("a")))
	one, two := p.authenticator(), p.authenticator("ES256", "ES384")
	if pause := p.idle(); pause != refreshEvery {
		t.Errorf("next refresh in %v, want %v", pause, refreshEvery)
	}
	expect(t, one, signedBy("ES256/a", "a"), "")
	expect(t, two, signedBy("ES256/a", "a"), "")
	p.fetched(1)

	expect(t, one, signedBy("ES256/mallory", "invented"), ReasonUnknownKey)
	p.idle()
	p.advance(demandEvery - time.Nanosecond)
	expect(t, two, signedBy("ES256/mallory", "invented too"), ReasonUnknownKey)
	p.fetched(2)

	p.answers(serve(keysNamed("a", "b")))
	p.advance(time.Nanosecond)
	expect(t, two, signedBy("ES256/b", "b"), "")
	expect(t, one, signedBy("ES256/b", "b"), "")
	p.idle()
	p.fetched(3)
	p.tick()
	p.fetched(4)
}

// A token that one remembers as good is nothing to another.
func TestKeySetsShareNoTokens(t *testing.T) {
	p := newIDP(t, serve(keysNamed("a")))
	one := p.authenticator()
	two, err := New(Config{JWT: &JWT{JWKSURL: p.server.URL + "/jwks?token=hunter2", Audience: "other"}}, Options{Now: p.clock, KeySets: p.keySets})
	if err != nil {
		t.Fatal(err)
	}
	defer two.(*jwtAuthenticator).Close()
	for range 2 {
		expect(t, one, signedBy("ES256/a", "a"), "")
		expect(t, two, signedBy("ES256/a", "a"), ReasonAudience)
	}
	p.fetched(1)
}

// The keys stay while one uses them, and are forgotten with the last.
func TestKeySetsKeepWhatIsUsed(t *testing.T) {
	p := newIDP(t, serve(keysNamed("a")))
	first := p.authenticator()
	p.idle()
	p.answers(status(http.StatusBadGateway))
	for range 3 { // as reloads do
		next := p.authenticator()
		first.Close()
		first.Close() // counts once
		if err := next.Ready(); err != nil {
			t.Fatalf("Ready() = %v", err)
		}
		expect(t, next, signedBy("ES256/a", "a"), "")
		first = next
	}
	p.fetched(1)
	p.tick() // it still fetches
	p.fetched(2)
	first.Close()
	if n := len(p.keySets.shared); n != 0 {
		t.Errorf("%d key sets are kept for nobody", n)
	}

	again := p.authenticator()
	p.idle()
	if again.Ready() == nil {
		t.Error("ready with keys from before")
	}
	p.fetched(3)
}

// Another URL is another key set, also at the same host.
func TestKeySetsTellURLsApart(t *testing.T) {
	p := newIDP(t, nil)
	p.answers(func(w http.ResponseWriter, r *http.Request) { serve(keysNamed(strings.Trim(r.URL.Path, "/")))(w, r) })
	k := NewKeySets(Options{Now: p.clock})
	for _, name := range []string{"a", "b"} {
		a, err := New(Config{JWT: &JWT{JWKSURL: p.server.URL + "/" + name}}, Options{Now: p.clock, KeySets: k})
		if err != nil {
			t.Fatal(err)
		}
		defer a.(*jwtAuthenticator).Close()
		expect(t, a, signedBy("ES256/"+name, name), "")
		expect(t, a, signedBy("ES256/mallory", "a or b"), ReasonUnknownKey)
	}
	p.fetched(4)
}

// Closing one does not end the fetch that others wait for.
func TestKeySetsCloseOneOfTwo(t *testing.T) {
	release := make(chan struct{})
	p := newIDP(t, func(w http.ResponseWriter, r *http.Request) {
		<-release
		serve(keysNamed("a"))(w, r)
	})
	one, two := p.authenticator(), p.authenticator()
	got := make(chan error)
	go func() { got <- two.Authenticate(signedBy("ES256/a", "a"), nil) }()
	waitingFor(t, two, 1)
	one.Close()
	close(release)
	if err := <-got; err != nil {
		t.Error(err)
	}
	p.fetched(1)
}

// The log names one of those that the keys are for, and how many they are.
func TestKeySetsLogForWhom(t *testing.T) {
	p := newIDP(t, status(http.StatusBadGateway))
	p.authenticator()
	p.authenticator("ES256").Close()
	p.authenticator("ES384")
	p.idle()
	p.tick()
	if got := p.logged(); !strings.Contains(got, "source=ES384-source sources=2") || strings.Contains(got, "hunter2") {
		t.Errorf("log: %s", got)
	}
}

// Closing the last ends the fetch, and whoever waits for it.
func TestKeySetsCloseLast(t *testing.T) {
	p := newIDP(t, hang)
	one, two := p.authenticator(), p.authenticator()
	got := make(chan error)
	go func() { got <- one.Authenticate(signedBy("ES256/a", "a"), nil) }()
	waitingFor(t, one, 1)
	two.Close()
	waitingFor(t, one, 1)
	one.Close()
	if err := <-got; err == nil {
		t.Error("passed without keys")
	}
}
