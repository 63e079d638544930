package authn

import (
	"crypto/sha256"
	"sync"
)

// maxSeen bounds each half of [seenTokens]. A sender has a handful of tokens
// in use at a time.
const maxSeen = 512

// seenTokens remembers tokens that passed all checks, because an ES384
// signature costs about a millisecond to verify. A token is remembered by its
// hash and only together with the key set that verified it: once other keys
// are in force it is verified anew. Its times are the caller's to check again.
// Only good tokens enter, so that nobody else can fill it. The zero value is
// ready; it is safe for concurrent use.
type seenTokens struct {
	mu sync.Mutex
	// Two halves make a bounded memory without bookkeeping per use: when young
	// is full it becomes old, and what is in use moves back to young.
	young, old map[tokenID]seenToken
}

type tokenID = [sha256.Size]byte

type seenToken struct {
	set   *keySet
	times times
}

// get returns the times of the token if it passed with this very set.
func (s *seenTokens) get(id tokenID, set *keySet) (times, bool) {
	if set == nil {
		return times{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.young[id]
	if !ok {
		if t, ok = s.old[id]; ok {
			s.add(id, t)
		}
	}
	if !ok || t.set != set {
		return times{}, false
	}
	return t.times, true
}

func (s *seenTokens) put(id tokenID, set *keySet, t times) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(id, seenToken{set: set, times: t})
}

func (s *seenTokens) add(id tokenID, t seenToken) {
	if s.young == nil || len(s.young) >= maxSeen {
		s.old, s.young = s.young, make(map[tokenID]seenToken)
	}
	s.young[id] = t
}
