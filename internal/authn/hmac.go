package authn

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
	"time"

	"accessrelay/internal/secret"
)

// The schemes of [HMAC].
const (
	SchemeStandardWebhooks = "standard-webhooks"
	SchemeGitHub           = "github"
)

// DefaultTolerance is how far the timestamp of a signed webhook may be from
// our clock, in either direction. It is Standard Webhooks' own.
const DefaultTolerance = 5 * time.Minute

// HMAC is the method "hmac": an HMAC-SHA256 with a shared secret, which binds
// the body. Any of the secrets passes, so that one can be replaced without a
// gap. The schemes:
//
//	standard-webhooks  Standard Webhooks 1.0: signs id, time and body. The
//	                   secret is whsec_ and the base64 of 24 to 64 bytes.
//	github             X-Hub-Signature-256: sha256=<hex>: signs the body alone,
//	                   so a recorded request is good for ever. Any secret.
type HMAC struct {
	Scheme  string          `yaml:"scheme"`
	Secrets []secret.String `yaml:"secrets"`
}

func (c *HMAC) validate() error {
	_, err := c.keys()
	return err
}

// keys returns the secrets as the scheme uses them.
func (c *HMAC) keys() ([][]byte, error) {
	switch c.Scheme {
	case SchemeStandardWebhooks, SchemeGitHub:
	case "":
		return nil, fmt.Errorf("hmac.scheme: is missing: needs %s or %s", SchemeStandardWebhooks, SchemeGitHub)
	default:
		return nil, fmt.Errorf("hmac.scheme: is not known: needs %s or %s", SchemeStandardWebhooks, SchemeGitHub)
	}
	var keys [][]byte
	err := checkList("hmac.secrets", c.Secrets, func(s string) error {
		if c.Scheme == SchemeGitHub {
			keys = append(keys, []byte(s))
			return nil
		}
		key, err := standardKey(s)
		keys = append(keys, key)
		return err
	})
	return keys, err
}

// standardKey reads a secret as Standard Webhooks writes it. Its errors hold
// nothing of s.
func standardKey(s string) ([]byte, error) {
	const want = "needs whsec_ and the base64 of 24 to 64 bytes"
	text, ok := strings.CutPrefix(s, "whsec_")
	if !ok {
		return nil, errors.New("does not begin with whsec_: " + want)
	}
	// The decoder would step over line breaks.
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("has no base64 after whsec_: " + want)
	}
	if len(key) < 24 || len(key) > 64 {
		return nil, fmt.Errorf("has %s after whsec_: %s", inBytes(len(key)), want)
	}
	return key, nil
}

func (c *HMAC) warnings() []string {
	out := warnList("hmac.secrets", c.Secrets, false)
	if c.Scheme != SchemeGitHub {
		return out
	}
	for i, s := range c.Secrets {
		if text := s.Reveal(); strings.TrimSpace(text) != text {
			out = append(out, fmt.Sprintf("hmac.secrets[%d]: begins or ends with a blank or a line break, and the sender's must too", i))
		}
	}
	return append(out, "hmac.scheme: github signs no time: who records a request can send it again, and only dedup_window holds it back; prefer standard-webhooks if the sender offers it")
}

func (c *HMAC) authenticator(o Options) (Authenticator, error) {
	keys, err := c.keys()
	if err != nil {
		return nil, err
	}
	if c.Scheme == SchemeGitHub {
		return &githubAuthenticator{macs: newMACs(keys)}, nil
	}
	return &standardAuthenticator{macs: newMACs(keys), now: o.Now}, nil
}

// macs computes the HMAC-SHA256 of messages with each of some keys. It is safe
// for concurrent use.
type macs struct {
	pool sync.Pool // of *macState: a keyed hash is dear to make and cheap to reset
}

// macState is one goroutine's at a time.
type macState struct {
	hashes []hash.Hash
	prefix []byte
	sum    []byte
}

func newMACs(keys [][]byte) *macs {
	m := &macs{}
	m.pool.New = func() any {
		s := &macState{sum: make([]byte, 0, sha256.Size)}
		for _, key := range keys {
			s.hashes = append(s.hashes, hmac.New(sha256.New, key))
		}
		return s
	}
	return m
}

// matches adds up what compare returns for each key's HMAC of the prefix's
// parts and body. It always goes through all keys. compare must not keep sum.
func (m *macs) matches(body []byte, compare func(sum []byte) int, prefix ...string) int {
	s := m.pool.Get().(*macState)
	defer m.pool.Put(s)
	s.prefix = s.prefix[:0]
	for _, part := range prefix {
		s.prefix = append(s.prefix, part...)
	}
	n := 0
	for _, h := range s.hashes {
		h.Reset()
		h.Write(s.prefix)
		h.Write(body)
		n += compare(h.Sum(s.sum[:0]))
	}
	return n
}
