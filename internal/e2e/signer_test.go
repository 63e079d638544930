package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"testing"
	"time"
)

// The claims that the relay is configured to ask for.
const (
	issuer   = "p0"
	audience = "acme"
	subject  = "my-notifier-service"
)

// signer signs as P0 does: a JWT in ES384. It is made of crypto/ecdsa alone,
// so that it shares no code with the side that verifies.
type signer struct {
	t   *testing.T
	key *ecdsa.PrivateKey
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatalf("generating a key: %v", err)
	}
	return &signer{t, key}
}

// publicPEM is what the relay is configured with.
func (s *signer) publicPEM() string {
	s.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		s.t.Fatalf("encoding the public key: %v", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

type claims map[string]any

// goodClaims are those of a token that passes.
func goodClaims() claims {
	now := time.Now()
	return claims{"iss": issuer, "aud": audience, "sub": subject, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
}

// token returns a good token.
func (s *signer) token() string { return s.sign(goodClaims()) }

// sign returns a token with exactly these claims.
func (s *signer) sign(c claims) string {
	signed := segment(s.t, claims{"alg": "ES384", "typ": "JWT"}) + "." + segment(s.t, c)
	sum := sha512.Sum384([]byte(signed))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		s.t.Errorf("signing: %v", err)
		return ""
	}
	const size = 48 // of each half, for P-384
	signature := make([]byte, 2*size)
	r.FillBytes(signature[:size])
	v.FillBytes(signature[size:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func segment(t *testing.T, v claims) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Errorf("encoding a token: %v", err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}
