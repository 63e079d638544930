package authn

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// KeySets fetches the key sets of all authenticators that are made with it:
// each jwks_url by itself, however many of them use it, and for as long as one
// of them is not closed. To exchange an authenticator without losing the keys
// that were fetched, make the new one before closing the old. It is safe for
// concurrent use.
type KeySets struct {
	now    func() time.Time
	client *http.Client
	log    *slog.Logger
	after  func(time.Duration) <-chan time.Time // time.After, or a test's

	mu     sync.Mutex
	shared map[string]*sharedRemote // by URL
}

type sharedRemote struct {
	*remote
	leases map[*lease]bool
}

// NewKeySets returns one that fetches with o's clock and client and writes to
// o's log.
func NewKeySets(o Options) *KeySets {
	o = o.withDefaults()
	client := *o.HTTP
	// The keys come from where the config says and from nowhere else.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &KeySets{now: o.Now, client: &client, log: o.Log, after: time.After, shared: map[string]*sharedRemote{}}
}

// lease gives the keys at u to one authenticator, which must close it. allowed
// are the algorithms that the authenticator allows, name is whom it is for.
func (k *KeySets) lease(u *url.URL, name string, allowed map[string]bool) *lease {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.shared[u.String()]
	if s == nil {
		s = &sharedRemote{leases: map[*lease]bool{}}
		s.remote = startRemote(u, k, func() []any { return k.users(s) })
		k.shared[u.String()] = s
	}
	l := &lease{remote: s.remote, name: name, allowed: allowed}
	l.release = sync.OnceFunc(func() { k.release(s, l) })
	s.leases[l] = true
	return l
}

// release closes what nobody uses any more. It waits for its end without the
// lock: others need not.
func (k *KeySets) release(s *sharedRemote, l *lease) {
	k.mu.Lock()
	delete(s.leases, l)
	last := len(s.leases) == 0
	if last {
		delete(k.shared, s.url.String())
	}
	k.mu.Unlock()
	if last {
		s.remote.close()
	}
}

// users tells the log for whom s fetches: one of the sources, always the same
// of those, and how many they are. The host alone may be that of many providers.
func (k *KeySets) users(s *sharedRemote) []any {
	k.mu.Lock()
	defer k.mu.Unlock()
	var names []string
	for l := range s.leases {
		names = append(names, l.name)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 || names[0] == "" {
		return nil
	}
	return []any{"source", names[0], "sources", len(names)}
}

// lease is the share of one authenticator in a remote.
type lease struct {
	*remote
	name    string
	allowed map[string]bool
	release func()
}

// ready is about what the source can do: keys of which it may use none are as
// good as no keys.
func (l *lease) ready() error {
	if err := l.remote.ready(); err != nil {
		return err
	}
	if !l.offered(l.allowed) {
		return errors.New("jwt.algorithms: none fits a key that was fetched from jwks_url")
	}
	return nil
}

// close may be called more than once. Whoever waits for a fetch goes on waiting
// if there are other leases: then the fetch goes on too.
func (l *lease) close() { l.release() }
