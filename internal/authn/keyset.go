package authn

import (
	"fmt"
	"slices"
	"strings"
)

// publicKey is one key that tokens may be signed with.
type publicKey struct {
	kid    string   // "" when it has none
	algs   []string // what it may be used with; never empty in a keySet
	kind   string   // for messages: "EC P-384"
	public any      // *ecdsa.PublicKey, *rsa.PublicKey or ed25519.PublicKey
}

// keySet is the keys in force at one time. It is never changed, so that its
// address tells whether the keys have changed since. The nil set has no keys.
// One that was fetched is shared: it has keys for algorithms that not every
// authenticator allows.
type keySet struct {
	keys []publicKey
	// single: one key that stands in the config, so that a token's kid does
	// not matter. A fetched set of one key is not single, lest a rotation go unnoticed.
	single bool
}

// newFixedSet returns the set of keys that stand in the config, narrowed to
// the algorithms.
func newFixedSet(keys []publicKey, algorithms []string) (*keySet, error) {
	usable := narrow(keys, algorithms)
	if len(usable) == 0 {
		var kinds []string
		for _, k := range keys {
			kinds = append(kinds, fmt.Sprintf("%s allows %s", k.kind, strings.Join(k.algs, " ")))
		}
		return nil, fmt.Errorf("none fits the key: %s", strings.Join(kinds, ", "))
	}
	return &keySet{keys: usable, single: len(keys) == 1}, nil
}

// narrow returns the keys that may be used with one of the algorithms, and
// only with those. No algorithms: the keys as they are.
func narrow(keys []publicKey, algorithms []string) []publicKey {
	if len(algorithms) == 0 {
		return keys
	}
	var out []publicKey
	for _, k := range keys {
		k.algs = slices.DeleteFunc(slices.Clone(k.algs), func(alg string) bool {
			return !slices.Contains(algorithms, alg)
		})
		if len(k.algs) > 0 {
			out = append(out, k)
		}
	}
	return out
}

// has reports whether a key of the set has this kid; none has "".
func (s *keySet) has(kid string) bool {
	return s != nil && kid != "" && slices.ContainsFunc(s.keys, func(k publicKey) bool { return k.kid == kid })
}

// verify checks t's signature, with an algorithm that the caller allows. The kid selects keys, if both sides have one;
// of those, each that may be used with t's algorithm is tried.
func (s *keySet) verify(t *token) *Failure {
	if s == nil {
		return fail(ReasonNoKeys, "no key set was fetched yet")
	}
	reason := ReasonUnknownKey
	for _, k := range s.keys {
		if !s.single && t.kid != "" && k.kid != "" && t.kid != k.kid {
			continue
		}
		if !slices.Contains(k.algs, t.alg) {
			if reason == ReasonUnknownKey {
				reason = ReasonAlgorithm
			}
			continue
		}
		reason = ReasonSignature
		if verifiers[t.alg].Verify(t.signed, t.signature, k.public) == nil {
			return nil
		}
	}
	switch reason {
	case ReasonUnknownKey:
		return fail(reason, "no key has the token's kid")
	case ReasonAlgorithm:
		return fail(reason, "alg "+nameAlgorithm(t.alg)+" does not fit the key")
	}
	return fail(reason, "no key made this signature")
}

func (s *keySet) size() int {
	if s == nil {
		return 0
	}
	return len(s.keys)
}
