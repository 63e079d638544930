package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	refreshEvery  = 15 * time.Minute // in the background, whatever requests ask for
	demandEvery   = 30 * time.Second // at most, because of requests, for all of them together
	firstRetry    = time.Second      // after a failed fetch, doubled up to maxRetry
	maxRetry      = time.Minute
	fetchTimeout  = 5 * time.Second
	maxJWKS       = 512 << 10 // bytes of an answer
	errorCloseCap = 4 << 10   // bytes of an error answer read so that the connection can be used again
)

// remote keeps the JWK Set at a URL. One goroutine, its owner, does all
// fetching, so that there is never more than one fetch under way; requests can
// only ask it for one and wait. Keys stay in force when a fetch fails; a set
// that was fetched replaces the one before it whole.
type remote struct {
	url    *url.URL
	client *http.Client
	log    *slog.Logger
	users  func() []any // who the keys are for, for the log
	now    func() time.Time
	after  func(time.Duration) <-chan time.Time

	set    atomic.Pointer[keySet]
	digest [sha256.Size]byte // of the answer that set was made of; the owner's

	cancel context.CancelFunc
	done   chan struct{} // closed when the owner has ended
	kick   chan struct{} // wakes the owner; one place

	mu         sync.Mutex
	flight     chan struct{}   // closed when the fetch under way or asked for is over; nil: there is none
	waiting    int             // requests that wait for flight
	nextDemand time.Time       // no request may ask for a fetch before
	lastErr    error           // of the last fetch
	had        map[string]bool // the algorithms of the keys that were fetched so far
}

// checkURL parses a jwks_url. Its errors do not repeat it: it may hold a token.
func checkURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("is not a URL such as https://idp.example.com/jwks.json")
	case u.User != nil:
		return nil, errors.New("must not hold a user or password")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	}
	return nil, errors.New("must be https (http only to a loopback host)")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// startRemote starts the owner, which fetches at once. It does not wait for it.
// It fetches with k's client, clock and log.
func startRemote(u *url.URL, k *KeySets, users func() []any) *remote {
	ctx, cancel := context.WithCancel(context.Background())
	r := &remote{
		url: u, client: k.client, now: k.now, after: k.after,
		log:    k.log.With("jwks_host", u.Host),
		users:  users,
		had:    map[string]bool{},
		cancel: cancel,
		done:   make(chan struct{}),
		kick:   make(chan struct{}, 1),
		flight: make(chan struct{}),
	}
	go r.own(ctx)
	return r
}

// own fetches at the start, when kicked, every refreshEvery, and after a
// failure sooner.
func (r *remote) own(ctx context.Context) {
	defer close(r.done)
	retry := firstRetry
	for {
		pause := refreshEvery
		if r.fetchOnce(ctx) {
			retry = firstRetry
		} else {
			pause, retry = retry, min(2*retry, maxRetry)
		}
		select {
		case <-ctx.Done():
			return
		case <-r.kick:
		case <-r.after(pause):
		}
	}
}

// fetchOnce is one fetch with all its consequences, and tells if it went well.
func (r *remote) fetchOnce(ctx context.Context) bool {
	r.mu.Lock()
	if r.flight == nil {
		r.flight = make(chan struct{})
	}
	select { // whoever kicked since is served by this fetch
	case <-r.kick:
	default:
	}
	r.mu.Unlock()

	err := r.fetch(ctx)
	if ctx.Err() == nil { // else it is Close's doing
		r.report(err)
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastErr = err
	close(r.flight)
	r.flight = nil
	return err == nil
}

// report logs a failure, and the first success after one.
func (r *remote) report(err error) {
	r.mu.Lock()
	before := r.lastErr
	r.mu.Unlock()
	switch {
	case err != nil:
		r.log.With(r.users()...).Warn("fetching the key set", "error", err, "keys_in_force", r.current().size())
	case before != nil:
		r.log.With(r.users()...).Info("fetched the key set again", "keys_in_force", r.current().size())
	}
}

func (r *remote) fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url.String(), nil)
	if err != nil {
		return errors.New("making the request")
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // without the URL, whose query may hold a token
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		_, _ = io.CopyN(io.Discard, resp.Body, errorCloseCap)
		return fmt.Errorf("the answer has status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxJWKS+1))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if len(body) > maxJWKS {
		return fmt.Errorf("the answer is larger than %d KiB", maxJWKS>>10)
	}
	digest := sha256.Sum256(body)
	if r.current() != nil && digest == r.digest {
		return nil // the same keys: what was verified with them stays so
	}
	set, err := r.read(body)
	if err != nil {
		return fmt.Errorf("the answer %w", err)
	}
	r.digest = digest
	r.take(set)
	return nil
}

func (r *remote) take(set *keySet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range set.keys {
		for _, alg := range k.algs {
			r.had[alg] = true
		}
	}
	r.set.Store(set)
}

// offered reports whether there was ever a key for one of the algorithms. A
// provider that goes over to another algorithm later is like one that is down
// later: no reason to be not ready.
func (r *remote) offered(algorithms map[string]bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for alg := range r.had {
		if algorithms[alg] {
			return true
		}
	}
	return false
}

// read makes a set of the keys in body that can be used. The others are left
// out, as RFC 7517 asks: a new type of key at the far side must not lock
// everybody out.
func (r *remote) read(body []byte) (*keySet, error) {
	members, isSet, err := splitJWKS(body)
	if err != nil {
		return nil, err
	}
	if !isSet {
		return nil, errors.New("is not a JWK Set: has no keys")
	}
	var keys []publicKey
	for i, m := range members {
		k, err := parseJWK(m)
		switch {
		case err == nil:
			keys = append(keys, k)
		case !errors.Is(err, errOtherUse):
			r.log.With(r.users()...).Warn("a key of the key set is left out", "index", i, "error", err)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("has no key that can be used")
	}
	return &keySet{keys: keys}, nil
}

func (r *remote) current() *keySet { return r.set.Load() }

func (r *remote) ready() error {
	if r.current() != nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lastErr != nil {
		return fmt.Errorf("jwt.jwks_url: no key set fetched yet: %w", r.lastErr)
	}
	return errors.New("jwt.jwks_url: no key set fetched yet")
}

// close waits for the owner's end. A client shared with others only loses idle
// connections.
func (r *remote) close() {
	r.cancel()
	<-r.done
	r.client.CloseIdleConnections()
}
