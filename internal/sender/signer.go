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
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// Claims are what a token says. Empty ones are left out.
type Claims struct {
	Issuer   string
	Audience string
	Subject  string
	// TTL is from iat to exp. exp is always there.
	TTL time.Duration
}

// Signer makes JSON Web Tokens as a platform does that was set up with a
// keypair. It is written from RFC 7515 and shares no code with the side that
// verifies: a mistake in one of them shows. It is safe for concurrent use.
type Signer struct {
	key crypto.Signer
	alg string
	// KeyID is sent as kid; empty: none is.
	KeyID string
}

// NewSigner reads a private key in PEM: PKCS#8, SEC 1 (EC PRIVATE KEY) or
// PKCS#1 (RSA PRIVATE KEY). The key's type is the algorithm: ES256, ES384 or
// ES512, RS256, EdDSA. Errors hold nothing of the key.
func NewSigner(private []byte) (*Signer, error) {
	key, err := parsePrivate(private)
	if err != nil {
		return nil, err
	}
	s := &Signer{key: key}
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		s.alg = map[elliptic.Curve]string{
			elliptic.P256(): "ES256", elliptic.P384(): "ES384", elliptic.P521(): "ES512",
		}[k.Curve]
	case *rsa.PrivateKey:
		s.alg = "RS256"
	case ed25519.PrivateKey:
		s.alg = "EdDSA"
	}
	if s.alg == "" {
		return nil, errors.New("no key to sign tokens with: needs EC P-256, P-384 or P-521, RSA or Ed25519")
	}
	return s, nil
}

func parsePrivate(text []byte) (crypto.Signer, error) {
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			return nil, errors.New("no private key in PEM (-----BEGIN PRIVATE KEY-----)")
		}
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("the private key is encrypted: decrypt it first (openssl pkey -in FILE -out OTHER)")
		case "PUBLIC KEY":
			return nil, errors.New("a public key: the private one is needed to sign")
		default: // such as EC PARAMETERS before the key
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the block %s holds no key that can be read", block.Type)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, errors.New("a key that cannot sign")
		}
		return signer, nil
	}
}

// Algorithm is the JWS algorithm of the tokens.
func (s *Signer) Algorithm() string { return s.alg }

// PublicPEM is the public half, as the relay's key_file takes it.
func (s *Signer) PublicPEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(s.key.Public())
	if err != nil {
		return nil, fmt.Errorf("writing the public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// Token makes a token in compact form, issued at now.
func (s *Signer) Token(c Claims, now time.Time) (string, error) {
	header := map[string]any{"alg": s.alg, "typ": "JWT"}
	if s.KeyID != "" {
		header["kid"] = s.KeyID
	}
	claims := map[string]any{"iat": now.Unix(), "exp": now.Add(c.TTL).Unix()}
	for name, v := range map[string]string{"iss": c.Issuer, "aud": c.Audience, "sub": c.Subject} {
		if v != "" {
			claims[name] = v
		}
	}
	head, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("writing the token's header: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("writing the token's claims: %w", err)
	}
	enc := base64.RawURLEncoding
	text := enc.EncodeToString(head) + "." + enc.EncodeToString(payload)
	sig, err := s.sign([]byte(text))
	if err != nil {
		return "", fmt.Errorf("signing the token: %w", err)
	}
	return text + "." + enc.EncodeToString(sig), nil
}

func (s *Signer) sign(text []byte) ([]byte, error) {
	hash := map[string]crypto.Hash{
		"ES256": crypto.SHA256, "ES384": crypto.SHA384, "ES512": crypto.SHA512, "RS256": crypto.SHA256,
	}[s.alg] // EdDSA: none, it signs the text itself
	digest := text
	if hash != 0 {
		h := hash.New()
		h.Write(text)
		digest = h.Sum(nil)
	}
	k, ok := s.key.(*ecdsa.PrivateKey)
	if !ok {
		return s.key.Sign(rand.Reader, digest, hash)
	}
	// JWS wants the two numbers side by side at full length, not in ASN.1.
	r, v, err := ecdsa.Sign(rand.Reader, k, digest)
	if err != nil {
		return nil, err
	}
	size := (k.Curve.Params().BitSize + 7) / 8
	sig := make([]byte, 2*size)
	r.FillBytes(sig[:size])
	v.FillBytes(sig[size:])
	return sig, nil
}

// NewP0Key makes a private key for ES384, in PKCS#8 PEM: P0 uses that algorithm.
func NewP0Key() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generating a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("writing the private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
