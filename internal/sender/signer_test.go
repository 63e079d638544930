package sender

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/authn"
)

// keyPEM writes a key in the given kind of block.
func keyPEM(t *testing.T, key crypto.Signer, block string) []byte {
	t.Helper()
	var der []byte
	var err error
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		if block == "EC PRIVATE KEY" {
			der, err = x509.MarshalECPrivateKey(k)
		}
	case *rsa.PrivateKey:
		if block == "RSA PRIVATE KEY" {
			der = x509.MarshalPKCS1PrivateKey(k)
		}
	}
	if block == "PRIVATE KEY" {
		der, err = x509.MarshalPKCS8PrivateKey(key)
	}
	if err != nil || der == nil {
		t.Fatalf("writing a %T as %s: %v", key, block, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: block, Bytes: der})
}

func newKey(t *testing.T, kind string) crypto.Signer {
	t.Helper()
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521(), "P-224": elliptic.P224()}
	var key crypto.Signer
	var err error
	switch kind {
	case "RSA":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "Ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = ecdsa.GenerateKey(curves[kind], rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// The relay's own authenticator judges the tokens: it shares no code with the signer.
func TestTokensAreAccepted(t *testing.T) {
	claims := Claims{Issuer: "p0", Audience: "acme", Subject: "notifier", TTL: time.Minute}
	for _, tt := range []struct {
		kind, block, alg string
		times            int // often enough to meet numbers whose first byte is 0
	}{
		{"P-256", "PRIVATE KEY", "ES256", 300},
		{"P-384", "PRIVATE KEY", "ES384", 2},
		{"P-384", "EC PRIVATE KEY", "ES384", 2},
		{"P-521", "EC PRIVATE KEY", "ES512", 6},
		{"RSA", "PRIVATE KEY", "RS256", 1},
		{"RSA", "RSA PRIVATE KEY", "RS256", 1},
		{"Ed25519", "PRIVATE KEY", "EdDSA", 1},
	} {
		t.Run(tt.kind+" "+tt.block, func(t *testing.T) {
			s, err := NewSigner(keyPEM(t, newKey(t, tt.kind), tt.block))
			if err != nil {
				t.Fatal(err)
			}
			if s.Algorithm() != tt.alg {
				t.Errorf("algorithm %s, want %s", s.Algorithm(), tt.alg)
			}
			public, err := s.PublicPEM()
			if err != nil {
				t.Fatal(err)
			}
			a, err := authn.New(authn.Config{JWT: &authn.JWT{
				Key: public, Algorithms: []string{tt.alg}, Issuer: "p0", Audience: "acme", Subject: "notifier",
			}}, authn.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for range tt.times {
				token, err := s.Token(claims, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
				r.Header.Set("Authorization", "Bearer "+token)
				if err := a.Authenticate(r, nil); err != nil {
					t.Fatalf("refused: %v", err)
				}
			}
		})
	}
}

func TestTokenText(t *testing.T) {
	key, err := NewP0Key()
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_700_000_000, 0)
	decode := func(token string) (header, claims string) {
		parts := strings.Split(token, ".")
		if len(parts) != 3 {
			t.Fatalf("%d parts", len(parts))
		}
		h, err1 := base64.RawURLEncoding.DecodeString(parts[0])
		c, err2 := base64.RawURLEncoding.DecodeString(parts[1])
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		return string(h), string(c)
	}
	token, err := s.Token(Claims{TTL: time.Hour}, now)
	if err != nil {
		t.Fatal(err)
	}
	header, claims := decode(token)
	if header != `{"alg":"ES384","typ":"JWT"}` || claims != `{"exp":1700003600,"iat":1700000000}` {
		t.Errorf("without anything: %s %s", header, claims)
	}
	s.KeyID = "k1"
	if token, err = s.Token(Claims{Issuer: "i", Audience: "a", Subject: "s", TTL: time.Hour}, now); err != nil {
		t.Fatal(err)
	}
	header, claims = decode(token)
	if header != `{"alg":"ES384","kid":"k1","typ":"JWT"}` || claims != `{"aud":"a","exp":1700003600,"iat":1700000000,"iss":"i","sub":"s"}` {
		t.Errorf("with everything: %s %s", header, claims)
	}
}

func TestNewSignerRefuses(t *testing.T) {
	public, err := x509.MarshalPKIXPublicKey(newKey(t, "P-256").Public())
	if err != nil {
		t.Fatal(err)
	}
	ec := keyPEM(t, newKey(t, "P-256"), "EC PRIVATE KEY")
	params := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 0}})
	if _, err := NewSigner(append(params, ec...)); err != nil {
		t.Errorf("parameters before the key: %v", err)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "no private key in PEM (-----BEGIN PRIVATE KEY-----)"},
		{"other text", "S3CR3T", "no private key in PEM (-----BEGIN PRIVATE KEY-----)"},
		{"parameters alone", string(params), "no private key in PEM (-----BEGIN PRIVATE KEY-----)"},
		{"a public key", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), "a public key: the private one is needed to sign"},
		{"a broken key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("S3CR3T")})), "the block PRIVATE KEY holds no key that can be read"},
		{"an encrypted key", string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("S3CR3T")})), "the private key is encrypted: decrypt it first (openssl pkey -in FILE -out OTHER)"},
		{"a curve that tokens do not have", string(keyPEM(t, newKey(t, "P-224"), "PRIVATE KEY")), "no key to sign tokens with: needs EC P-256, P-384 or P-521, RSA or Ed25519"},
	} {
		if _, err := NewSigner([]byte(tt.text)); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}
