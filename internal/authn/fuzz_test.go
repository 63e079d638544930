package authn

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

var reasons = map[string]bool{
	ReasonMissing: true, ReasonScheme: true, ReasonMalformed: true, ReasonTooLarge: true,
	ReasonCritical: true, ReasonAlgorithm: true, ReasonNoKeys: true, ReasonUnknownKey: true,
	ReasonSignature: true, ReasonNoExpiry: true, ReasonExpired: true, ReasonNotYetValid: true,
	ReasonIssuer: true, ReasonAudience: true, ReasonSubject: true, ReasonSecret: true, ReasonTimestamp: true,
}

// No header, whatever it is, panics, fails with another reason than those
// documented, or passes without being one of the tokens that the key signed.
func FuzzJWT(f *testing.F) {
	key := testKey("EdDSA")
	plain := goodToken("EdDSA", "EdDSA")
	good := map[string]bool{
		plain: true,
		sign("EdDSA", key, header("EdDSA", kid("ed")), claims(nil)): true,
	}
	for token := range good {
		f.Add("Bearer " + token)
		f.Add("bearer " + token[:len(token)-1])
	}
	parts := strings.Split(plain, ".")
	f.Add("Bearer " + parts[0] + ".." + parts[2])
	f.Add("Bearer " + b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".AA")
	f.Add("Bearer " + goodToken("RS256", "RSA"))
	a := newAuthenticator(f, JWT{Key: []byte(jwksOf(
		jwkOf(testKey("ES256"), nil), jwkOf(key, kid("ed")), jwkOf(testKey("RSA/other"), kid("rsa"))))})
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header["Authorization"] = []string{value}
		err := a.Authenticate(r, nil)
		scheme, token, _ := strings.Cut(value, " ")
		if want := strings.EqualFold(scheme, "Bearer") && good[token]; (err == nil) != want {
			t.Fatalf("%q: %v", value, err)
		}
		documented(t, err)
	})
}

// documented fails if err is none of the documented failures.
func documented(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if f, ok := errors.AsType[*Failure](err); !ok || !reasons[f.Reason] {
		t.Fatalf("the reason is none of the documented: %v", err)
	}
}

// What a header and claims hold, behind a good signature, cannot make a token
// pass without a good exp, and cannot make anything panic.
func FuzzSignedToken(f *testing.F) {
	f.Add(`{"alg":"EdDSA"}`, claims(nil))
	f.Add(`{"alg":"EdDSA","crit":["x"]}`, claims(nil))
	f.Add(`{"alg":"EdDSA","kid":"\u0000"}`, `{"exp":1e999}`)
	f.Add(`{"alg":"none","alg":"EdDSA"}`, `{"exp":0}`)
	f.Add(`[]`, `null`)
	key := testKey("EdDSA")
	a := newAuthenticator(f, JWT{Key: pemOf(key)})
	f.Fuzz(func(t *testing.T, header, claims string) {
		token := sign("EdDSA", key, header, claims)
		err := a.Authenticate(bearer(token), nil)
		if err == nil && !(strings.Contains(header, "EdDSA") || strings.Contains(header, `\u`)) {
			t.Fatalf("header %q passed", header)
		}
		if err == nil && !(strings.Contains(claims, "exp") || strings.Contains(claims, `\u`)) {
			t.Fatalf("claims %q passed", claims)
		}
		documented(t, err)
	})
}

// Key material of any kind is read or refused, and what is read can be used.
func FuzzParseKeys(f *testing.F) {
	for _, name := range []string{"ES256", "RSA", "EdDSA"} {
		f.Add(pemOf(testKey(name)))
		f.Add([]byte(jwkOf(testKey(name), kid("k"))))
		f.Add([]byte(jwksOf(jwkOf(testKey(name), raw{"alg": `"ES256"`}))))
	}
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":null}]}`))
	f.Fuzz(func(t *testing.T, material []byte) {
		keys, err := parseKeys(material)
		if err != nil {
			return
		}
		set, err := newFixedSet(keys, nil)
		if err != nil || len(set.keys) == 0 {
			t.Fatalf("read %d keys, of which none can be used: %v", len(keys), err)
		}
		for _, k := range set.keys {
			for _, alg := range k.algs {
				_ = set.verify(&token{alg: alg, kid: k.kid, signed: []byte("a.b"), signature: []byte("rubbish")})
			}
		}
	})
}
