package authn

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// request has the given Authorization headers.
func request(authorization ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v1/hooks/acme-p0", nil)
	for _, v := range authorization {
		r.Header.Add("Authorization", v)
	}
	return r
}

func bearer(token string) *http.Request { return request("Bearer " + token) }

// reasonOf is "" for a request that passed.
func reasonOf(tb testing.TB, a Authenticator, r *http.Request) string {
	tb.Helper()
	err := a.Authenticate(r, nil)
	if err == nil {
		return ""
	}
	f, ok := errors.AsType[*Failure](err)
	if !ok || f == nil {
		tb.Fatalf("the error is %T, not a *Failure", err)
	}
	tellsNothing(tb, r, err)
	return f.Reason
}

// tellsNothing fails if the error repeats a piece of the credential.
func tellsNothing(tb testing.TB, r *http.Request, err error) {
	tb.Helper()
	text := err.Error()
	for _, v := range r.Header.Values("Authorization") {
		for i := len("Bearer "); i+12 <= min(len(v), 2000); i += 6 {
			if strings.Contains(text, v[i:i+12]) {
				tb.Errorf("the error repeats the credential: %s", text)
				return
			}
		}
	}
	named := strings.HasPrefix(text, ReasonIssuer+": ") || strings.HasPrefix(text, ReasonAudience+": ") || strings.HasPrefix(text, ReasonSubject+": ")
	for _, value := range []string{"mallory", "http:", "://", "passwd"} {
		if strings.Contains(text, value) && !named { // these three say what the signed claim is
			tb.Errorf("the error repeats a claim: %s", text)
		}
	}
}

// A second spelling of the last base64 digit would be a second token.
func TestOneSpellingOfASignature(t *testing.T) {
	a := newAuthenticator(t, JWT{Key: pemOf(testKey("EdDSA"))})
	token := goodToken("EdDSA", "EdDSA") // 64 bytes leave spare bits in the last digit
	if got := reasonOf(t, a, bearer(token)); got != "" {
		t.Fatal(got)
	}
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(digits, token[len(token)-1])
	other := token[:len(token)-1] + string(digits[last|1])
	one, _ := base64.RawURLEncoding.DecodeString(token[strings.LastIndex(token, ".")+1:])
	two, err := base64.RawURLEncoding.DecodeString(other[strings.LastIndex(other, ".")+1:])
	if err != nil || other == token || string(one) != string(two) {
		t.Fatalf("the other spelling does not say the same: %v", err)
	}
	if got := reasonOf(t, a, bearer(other)); got != ReasonMalformed {
		t.Errorf("another spelling of a good signature: %q", got)
	}
}

// Every type of key in every form, with every algorithm that it allows.
func TestKeysAndAlgorithms(t *testing.T) {
	for keyName, algs := range map[string][]string{
		"ES256": {"ES256"}, "ES384": {"ES384"}, "ES512": {"ES512"}, "EdDSA": {"EdDSA"},
		"RSA": {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
	} {
		key := testKey(keyName)
		for form, material := range map[string][]byte{
			"PEM":                  pemOf(key),
			"PEM with text around": append([]byte("my key\n\n"), append(pemOf(key), "\n \n"...)...),
			"JWK":                  []byte(jwkOf(key, nil)),
			"JWK with kid":         []byte(" " + jwkOf(key, kid("other")) + "\n"),
			"JWKS":                 []byte(jwksOf(jwkOf(key, raw{"kid": `"k1"`, "use": `"sig"`, "key_ops": `["verify"]`}))),
			"JWKS of two":          []byte(jwksOf(jwkOf(testKey("ES384/second"), kid("k2")), jwkOf(key, kid("k1")))),
		} {
			a := newAuthenticator(t, JWT{Key: material})
			for _, alg := range algs {
				token := sign(alg, key, header(alg, kid("k1")), claims(nil))
				if got := reasonOf(t, a, bearer(token)); got != "" {
					t.Errorf("%s as %s, %s: %s", keyName, form, alg, got)
				}
			}
		}
	}
}

// A set may have keys without a kid: those are tried whatever the token says.
func TestKeysWithoutKid(t *testing.T) {
	pems := append(pemOf(testKey("ES384")), pemOf(testKey("ES384/second"))...)
	for name, material := range map[string][]byte{
		"two PEM blocks": pems,
		"JWKS":           []byte(jwksOf(jwkOf(testKey("ES384"), nil), jwkOf(testKey("ES384/second"), nil))),
	} {
		a := newAuthenticator(t, JWT{Key: material})
		for _, key := range []string{"ES384", "ES384/second"} {
			token := sign("ES384", testKey(key), header("ES384", kid("any")), claims(nil))
			if got := reasonOf(t, a, bearer(token)); got != "" {
				t.Errorf("%s, %s: %s", name, key, got)
			}
		}
		if got := reasonOf(t, a, bearer(goodToken("ES384", "ES384/mallory"))); got != ReasonSignature {
			t.Errorf("%s, foreign key: %q", name, got)
		}
	}
}

// A remembered token ends when it ends.
func TestTimesAreCheckedOnEveryUse(t *testing.T) {
	now := testNow
	a, err := New(Config{JWT: &JWT{Key: pemOf(testKey("ES256")), Leeway: new(time.Duration)}},
		Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	r := bearer(goodToken("ES256", "ES256")) // 300 s
	for _, tt := range []struct {
		after  time.Duration
		reason string
	}{{0, ""}, {299 * time.Second, ""}, {300 * time.Second, ReasonExpired}, {0, ""}, {-time.Second, ReasonNotYetValid}} {
		now = testNow.Add(tt.after)
		if got := reasonOf(t, a, r); got != tt.reason {
			t.Errorf("after %v: %q, want %q", tt.after, got, tt.reason)
		}
	}
}

func TestChallengeIsTheSame(t *testing.T) {
	a := newAuthenticator(t, JWT{Key: pemOf(testKey("ES256"))})
	before := a.Challenge()
	_ = a.Authenticate(bearer("x"), nil)
	if got := a.Challenge(); got != before || got != "Bearer" {
		t.Errorf("challenge %q, before %q", got, before)
	}
}

func TestFailure(t *testing.T) {
	cause := errors.New("cause")
	f := &Failure{Reason: ReasonExpired, Err: cause}
	if f.Error() != "expired: cause" || !errors.Is(f, cause) {
		t.Errorf("failure reads %q", f)
	}
	if f := (&Failure{Reason: ReasonExpired}); f.Error() != "expired" || f.Unwrap() != nil {
		t.Errorf("failure without cause reads %q", f)
	}
}
