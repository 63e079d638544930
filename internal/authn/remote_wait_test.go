package authn

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

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

// waitingFor waits until n requests wait for the fetch.
func waitingFor(t *testing.T, a *jwtAuthenticator, n int) {
	t.Helper()
	r := a.keys.(*lease).remote
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		r.mu.Lock()
		waiting := r.waiting
		r.mu.Unlock()
		if waiting == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d requests wait, want %d", waiting, n)
		}
	}
}

// While a provider hangs, a flood of requests without a known key does not
// pile up; those with a known one notice nothing.
func TestFewWaitForAProviderThatHangs(t *testing.T) {
	p := newIDP(t, serve(keysNamed("a")))
	a, other := p.authenticator(), p.authenticator("ES256")
	p.idle()
	p.answers(hang)
	known, unknown := signedBy("ES256/a", "a"), []*http.Request{signedBy("ES256/new", "new"), signedBy("ES256/new", "")}
	ctx, cancel := context.WithCancel(t.Context())
	invented := signedBy("ES256/mallory", "invented").WithContext(ctx)
	var wg sync.WaitGroup
	for i := range maxWaiting {
		one := []*jwtAuthenticator{a, other}[i%2] // they count together
		wg.Go(func() {
			if err := one.Authenticate(invented, nil); err == nil {
				t.Error("an unknown key passed")
			}
		})
	}
	waitingFor(t, a, maxWaiting)
	for _, one := range []*jwtAuthenticator{a, other} {
		for _, r := range unknown {
			f, ok := errors.AsType[*Failure](one.Authenticate(r, nil))
			if !ok || !strings.Contains(f.Error(), "waiting for keys: too many requests wait already") {
				t.Errorf("with %d waiting: %v", maxWaiting, f)
			}
		}
		expect(t, one, known, "")
	}
	waitingFor(t, a, maxWaiting)
	cancel()
	wg.Wait()
	waitingFor(t, a, 0)
	p.fetched(2)
}

// As many as may wait all pass once the new key is there.
func TestBurstAfterRotation(t *testing.T) {
	p := newIDP(t, serve(keysNamed("old")))
	a := p.authenticator()
	p.idle()
	release := make(chan struct{})
	p.answers(func(w http.ResponseWriter, r *http.Request) {
		<-release
		serve(keysNamed("new"))(w, r)
	})
	r := signedBy("ES256/new", "new")
	var wg sync.WaitGroup
	for range maxWaiting {
		wg.Go(func() { expect(t, a, r, "") })
	}
	waitingFor(t, a, maxWaiting)
	close(release)
	wg.Wait()
	waitingFor(t, a, 0)
	p.fetched(2)
}
