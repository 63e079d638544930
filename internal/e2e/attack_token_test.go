package e2e

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// forged is a JWT in the making. Like signer it is made of the standard library
// alone, so that no mistake is shared with the side that verifies.
type forged struct {
	header  claims
	claims  claims
	key     any    // *ecdsa.PrivateKey, *rsa.PrivateKey, ed25519.PrivateKey, or []byte for HMAC
	signAs  string // the algorithm it is signed with; "": the header's
	rawHead string // the header as text, if header cannot say it
	rawBody string // likewise the claims
}

// token returns a good token of the source with what change does to it.
func (s *site) token(source string, change func(*forged)) string {
	f := &forged{header: claims{"typ": "JWT"}, claims: goodClaims()}
	good := map[string]struct{ alg, kid, key string }{
		srcES384: {"ES384", "", "es384"}, srcES256: {"ES256", "", "es256"}, srcRS256: {"RS256", "", "rsa"}, srcRSA: {"PS256", "", "rsa"},
		srcEd: {"EdDSA", "", "ed"}, srcJWKS: {"ES256", "ec-1", "jwks-ec"}, srcIDP: {"ES256", "idp-1", "idp"},
		srcGlobex: {"ES384", "", "globex"}, srcGlobIDP: {"ES256", "idp-1", "idp"},
	}[source]
	f.header["alg"], f.key = good.alg, s.keys[good.key]
	if good.kid != "" {
		f.header["kid"] = good.kid
	}
	if source == srcGlobIDP {
		f.claims["aud"] = "globex"
	}
	change(f)
	return f.token(s.t)
}

// jwt is a credential: such a token, made when the request is.
func (s *site) jwt(source string, change func(*forged)) credential {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+s.token(source, change)) }
}

// good is a credential: one good token of the source, the same each time. The
// first use is checked like any other token.
func (s *site) good(source string) credential {
	if s.once[source] == nil {
		s.once[source] = onceMade(s.jwt(source, asIs))
	}
	return s.once[source]
}

// onceMade is a credential that is not made anew for each request.
func onceMade(c credential) credential {
	made := sync.OnceValue(func() http.Header {
		r := &http.Request{Header: http.Header{}}
		c(r)
		return r.Header
	})
	return func(r *http.Request) { maps.Copy(r.Header, made().Clone()) }
}

// jwtText is such a token whose text is then spoilt.
func (s *site) jwtText(source string, spoil func(string) string) credential {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+spoil(s.token(source, asIs))) }
}

func asIs(*forged) {}

// signing is what the signature is over.
func (f *forged) signing(t *testing.T) string {
	t.Helper()
	head, body := segment(t, f.header), segment(t, f.claims)
	if f.rawHead != "" {
		head = b64url(f.rawHead)
	}
	if f.rawBody != "" {
		body = b64url(f.rawBody)
	}
	return head + "." + body
}

func (f *forged) token(t *testing.T) string {
	t.Helper()
	as := f.signAs
	if as == "" {
		as, _ = f.header["alg"].(string)
	}
	text := f.signing(t)
	return text + "." + b64url(string(signature(t, as, f.key, text)))
}

func b64url(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// signature signs as RFC 7518 and RFC 8037 say, with whatever key it is given:
// the hash is the algorithm's, the rest the key's.
func signature(t *testing.T, alg string, key any, text string) []byte {
	t.Helper()
	if k, ok := key.(ed25519.PrivateKey); ok {
		return ed25519.Sign(k, []byte(text))
	}
	hash, ok := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[len(alg)-3:]]
	if !ok {
		t.Fatalf("no hash for %s", alg)
	}
	h := hash.New()
	h.Write([]byte(text))
	sum := h.Sum(nil)
	var sig []byte
	var err error
	switch k := key.(type) {
	case []byte:
		mac := hmac.New(hash.New, k)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	case *ecdsa.PrivateKey:
		var r, s *big.Int
		if r, s, err = ecdsa.Sign(rand.Reader, k, sum); err == nil {
			sig = pair(k, r, s)
		}
	case *rsa.PrivateKey:
		if strings.HasPrefix(alg, "PS") {
			sig, err = rsa.SignPSS(rand.Reader, k, hash, sum, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			sig, err = rsa.SignPKCS1v15(rand.Reader, k, hash, sum)
		}
	default:
		t.Fatalf("no way to sign with %T", key)
	}
	if err != nil {
		t.Fatalf("signing: %v", err)
	}
	return sig
}

// pair is an ECDSA signature as JWS has it: both halves at full length.
func pair(k *ecdsa.PrivateKey, r, s *big.Int) []byte {
	size := (k.Params().BitSize + 7) / 8
	return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
}

// withSignature is a good token with another signature.
func (s *site) withSignature(source string, sig func() []byte) credential {
	return s.jwtText(source, func(token string) string {
		return token[:strings.LastIndexByte(token, '.')+1] + b64url(string(sig()))
	})
}

// encrypted is a JWE in compact form (RFC 7516) of the payload, made for the
// holder of the public key: anybody can make one.
func encrypted(t *testing.T, to *rsa.PublicKey, payload string) string {
	t.Helper()
	head := b64url(`{"alg":"RSA-OAEP","enc":"A256GCM","cty":"JWT"}`)
	key, iv := make([]byte, 32), make([]byte, 12)
	_, _ = rand.Read(key) // never fails
	_, _ = rand.Read(iv)
	wrapped, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, to, key, nil)
	if err != nil {
		t.Fatalf("encrypting: %v", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatalf("encrypting: %v", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatalf("encrypting: %v", err)
	}
	sealed := gcm.Seal(nil, iv, []byte(payload), []byte(head))
	text, tag := sealed[:len(sealed)-gcm.Overhead()], sealed[len(sealed)-gcm.Overhead():]
	return strings.Join([]string{head, b64url(string(wrapped)), b64url(string(iv)), b64url(string(text)), b64url(string(tag))}, ".")
}

// after is a NumericDate.
func after(d time.Duration) int64 { return time.Now().Add(d).Unix() }

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encoding: %v", err)
	}
	return b
}
