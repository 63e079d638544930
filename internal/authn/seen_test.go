package authn

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"
)

func idOf(i int) tokenID { return sha256.Sum256(fmt.Append(nil, i)) }

func TestSeenTokens(t *testing.T) {
	var s seenTokens
	set, other := &keySet{}, &keySet{single: true}
	want := times{exp: time.Unix(5, 0)}
	if _, ok := s.get(idOf(1), set); ok {
		t.Error("an empty memory remembers")
	}
	s.put(idOf(1), set, want)
	if got, ok := s.get(idOf(1), set); !ok || got != want {
		t.Errorf("remembered %v, %v", got, ok)
	}
	if _, ok := s.get(idOf(2), set); ok {
		t.Error("another token is remembered")
	}
	if _, ok := s.get(idOf(1), other); ok {
		t.Error("remembered under other keys")
	}
	if _, ok := s.get(idOf(1), nil); ok {
		t.Error("remembered without keys")
	}
}

// However many tokens pass, the memory is bounded, and what is used stays.
func TestSeenTokensAreBounded(t *testing.T) {
	var s seenTokens
	set := &keySet{}
	s.put(idOf(-1), set, times{})
	for i := range 10 * maxSeen {
		s.put(idOf(i), set, times{})
		if _, ok := s.get(idOf(-1), set); !ok {
			t.Fatalf("a token in use was forgotten after %d others", i)
		}
		if n := len(s.young) + len(s.old); n > 2*maxSeen {
			t.Fatalf("%d tokens are remembered", n)
		}
	}
	if _, ok := s.get(idOf(0), set); ok {
		t.Error("a token not used for long is still remembered")
	}
}

func TestSeenTokensConcurrently(_ *testing.T) {
	var s seenTokens
	set := &keySet{}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				s.put(idOf(g*i), set, times{})
				s.get(idOf(i), set)
			}
		})
	}
	wg.Wait()
}

// Only what passed every check is remembered.
func TestOnlyGoodTokensAreRemembered(t *testing.T) {
	a := newAuthenticator(t, JWT{Key: pemOf(testKey("ES256")), Issuer: "p0"}).(*jwtAuthenticator)
	key := testKey("ES256")
	for _, changes := range []raw{{"iss": `"mallory"`}, {"exp": "5"}, {"exp": ""}, {"nbf": secondsFromNow(99)}} {
		_ = a.Authenticate(bearer(sign("ES256", key, header("ES256", nil), claims(changes))), nil)
	}
	_ = a.Authenticate(bearer(goodToken("ES256", "ES256/mallory")), nil)
	if len(a.seen.young) != 0 {
		t.Errorf("%d bad tokens are remembered", len(a.seen.young))
	}
	expect(t, a, bearer(goodToken("ES256", "ES256")), "")
	if len(a.seen.young) != 1 {
		t.Errorf("%d tokens are remembered, want the good one", len(a.seen.young))
	}
}

// A remembered token is not verified again: here it could not be.
func TestRememberedTokensAreNotVerifiedAgain(t *testing.T) {
	a := newAuthenticator(t, JWT{Key: pemOf(testKey("ES256"))}).(*jwtAuthenticator)
	token := goodToken("ES256", "ES256/mallory")
	expect(t, a, bearer(token), ReasonSignature)
	a.seen.put(sha256.Sum256([]byte(token)), a.keys.current(), times{exp: testNow.Add(time.Minute)})
	expect(t, a, bearer(token), "")
}
