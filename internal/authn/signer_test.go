package authn

// An independent signer: tokens and JWKs are made by hand from the RFCs with
// the standard library alone, so that no mistake is shared with the verifier.

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// testNow is what the clock of these tests says.
var testNow = time.Unix(1_700_000_000, 0)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// testKey makes the key of that name, once for all tests.
var testKey = func() func(name string) crypto.Signer {
	var mu sync.Mutex
	made := map[string]crypto.Signer{}
	return func(name string) crypto.Signer {
		mu.Lock()
		defer mu.Unlock()
		if made[name] == nil {
			made[name] = makeKey(name)
		}
		return made[name]
	}
}()

// makeKey makes a key for the algorithm that name begins with: "ES384/other".
func makeKey(name string) crypto.Signer {
	var key crypto.Signer
	var err error
	alg, _, _ := strings.Cut(name, "/")
	switch alg {
	case "ES224": // no such algorithm; the curve is not accepted
		key, err = ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "RSA":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "RSA1024":
		key, err = rsa.GenerateKey(rand.Reader, 1024)
	case "EdDSA":
		seed := sha256.Sum256([]byte(name)) // the same in every process that fuzzes
		key = ed25519.NewKeyFromSeed(seed[:])
	default:
		panic("no key " + name)
	}
	if err != nil {
		panic(err)
	}
	return key
}

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// signature signs text as RFC 7518 and RFC 8037 say.
func signature(alg string, key any, text string) []byte {
	if alg == "EdDSA" {
		return ed25519.Sign(key.(ed25519.PrivateKey), []byte(text))
	}
	hash := hashes[alg[2:]]
	h := hash.New()
	h.Write([]byte(text))
	sum := h.Sum(nil)
	var sig []byte
	var err error
	switch alg[:2] {
	case "ES":
		k := key.(*ecdsa.PrivateKey)
		var r, s *big.Int
		if r, s, err = ecdsa.Sign(rand.Reader, k, sum); err == nil {
			size := (k.Curve.Params().BitSize + 7) / 8
			sig = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
		}
	case "RS":
		sig, err = rsa.SignPKCS1v15(rand.Reader, key.(*rsa.PrivateKey), hash, sum)
	case "PS":
		sig, err = rsa.SignPSS(rand.Reader, key.(*rsa.PrivateKey), hash, sum,
			&rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case "HS":
		mac := hmac.New(hash.New, key.([]byte))
		mac.Write([]byte(text))
		sig = mac.Sum(nil)
	}
	if err != nil {
		panic(err)
	}
	return sig
}

// sign makes a compact JWS of header and payload, which may be any text.
func sign(alg string, key any, header, payload string) string {
	text := b64([]byte(header)) + "." + b64([]byte(payload))
	return text + "." + b64(signature(alg, key, text))
}

// raw is JSON by member name.
type raw map[string]string

func (r raw) String() string {
	var members []string
	for _, name := range slices.Sorted(maps.Keys(r)) {
		if r[name] != "" {
			members = append(members, fmt.Sprintf("%q:%s", name, r[name]))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (r raw) with(changes raw) raw {
	r = maps.Clone(r)
	maps.Copy(r, changes)
	return r
}

// claims are good claims with changes; a change to "" leaves the claim out.
func claims(changes raw) string {
	return raw{
		"iss": `"p0"`, "sub": `"my-notifier-service"`, "aud": `"acme"`,
		"iat": secondsFromNow(0), "exp": secondsFromNow(300),
	}.with(changes).String()
}

func secondsFromNow(s int64) string { return fmt.Sprint(testNow.Unix() + s) }

func header(alg string, more raw) string { return raw{"alg": `"` + alg + `"`}.with(more).String() }

// goodToken is a plain token of the key of that name.
func goodToken(alg, keyName string) string {
	return sign(alg, testKey(keyName), header(alg, nil), claims(nil))
}

func pemOf(key crypto.Signer) []byte {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// jwkOf is the public JWK of key with more members.
func jwkOf(key crypto.Signer, more raw) string {
	quote := func(b []byte) string { return `"` + b64(b) + `"` }
	members := raw{}
	switch k := key.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 4, x, y
		if err != nil {
			panic(err)
		}
		size := len(point) / 2
		members = raw{
			"kty": `"EC"`, "crv": `"` + k.Curve.Params().Name + `"`,
			"x": quote(point[1 : 1+size]), "y": quote(point[1+size:]),
		}
	case *rsa.PublicKey:
		members = raw{"kty": `"RSA"`, "n": quote(k.N.Bytes()), "e": quote(big.NewInt(int64(k.E)).Bytes())}
	case ed25519.PublicKey:
		members = raw{"kty": `"OKP"`, "crv": `"Ed25519"`, "x": quote(k)}
	}
	return members.with(more).String()
}

// kid is a kid member.
func kid(id string) raw { return raw{"kid": `"` + id + `"`} }

func jwksOf(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

func newAuthenticator(tb testing.TB, c JWT) Authenticator {
	tb.Helper()
	a, err := New(Config{JWT: &c}, Options{Now: func() time.Time { return testNow }})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// The JWKs that these tests make are JSON; the rest of their truth is that
// signatures verify.
func TestJWKOfIsJSON(t *testing.T) {
	for _, name := range []string{"ES256", "RSA", "EdDSA"} {
		if s := jwksOf(jwkOf(testKey(name), kid("k"))); !json.Valid([]byte(s)) {
			t.Errorf("not JSON: %s", s)
		}
	}
}
