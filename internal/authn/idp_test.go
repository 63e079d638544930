package authn

import (
	"bytes"
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

	keySets *KeySets
	paused  chan time.Duration // the owner is idle and will wake in so long
	wake    chan time.Time     // wakes it
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
	p.keySets = NewKeySets(Options{Now: p.clock, HTTP: p.server.Client(), Log: slog.New(slog.NewTextHandler(p, nil))})
	p.keySets.after = func(d time.Duration) <-chan time.Time {
		p.paused <- d
		return p.wake
	}
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

// authenticator starts one on the provider's URL with the test's timer. Those
// of one test share their keys.
func (p *idp) authenticator(algorithms ...string) *jwtAuthenticator {
	p.t.Helper()
	a, err := New(
		Config{JWT: &JWT{JWKSURL: p.server.URL + "/jwks?token=hunter2", Algorithms: algorithms, Leeway: new(time.Hour)}},
		Options{Name: strings.Join(append(algorithms, "source"), "-"), Now: p.clock, KeySets: p.keySets})
	if err != nil {
		p.t.Fatal(err)
	}
	ja := a.(*jwtAuthenticator)
	p.t.Cleanup(ja.Close)
	return ja
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
