package authn

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Whatever the provider answers, the keys in force stay.
func TestFailedRefreshKeepsKeys(t *testing.T) {
	elsewhere := httptest.NewServer(serve(keysNamed("mallory")))
	defer elsewhere.Close()
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		log    string
	}{
		"500":                   {status(http.StatusInternalServerError), "status 500"},
		"204":                   {status(http.StatusNoContent), "status 204"},
		"redirect":              {http.RedirectHandler(elsewhere.URL, http.StatusFound).ServeHTTP, "status 302"},
		"error with a good set": {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404); serve(keysNamed("mallory"))(w, r) }, "status 404"},
		"HTML":                  {serve("<html>"), "not a JSON object"},
		"empty":                 {serve(""), "not a JSON object"},
		"no keys":               {serve(jwksOf()), "no key that can be used"},
		"one JWK":               {serve(jwkOf(testKey("ES256/mallory"), kid("mallory"))), "is not a JWK Set"},
		"too many keys":         {serve(jwksOf(strings.Split(strings.Repeat("{}-", maxKeys)+"{}", "-")...)), "more than 32"},
		"too large":             {serve(keysNamed("mallory") + strings.Repeat(" ", maxJWKS)), "larger than 512 KiB"},
		"only oct":              {serve(jwksOf(`{"kty":"oct","kid":"mallory","k":"aHVudGVyMg"}`)), "no key that can be used"},
		"cut": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "9999")
			serve("{")(w, r)
		}, "reading the answer"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newIDP(t, serve(keysNamed("a")))
			a := p.authenticator()
			p.idle()
			expect(t, a, signedBy("ES256/a", "a"), "")
			p.answers(tt.answer)
			if pause := p.tick(); pause != firstRetry {
				t.Errorf("next attempt in %v, want %v", pause, firstRetry)
			}
			expect(t, a, signedBy("ES256/a", "a"), "")
			expect(t, a, signedBy("ES256/mallory", "mallory"), ReasonUnknownKey)
			if err := a.Ready(); err != nil {
				t.Errorf("Ready() = %v", err)
			}
			if got := p.logged(); !strings.Contains(got, tt.log) || strings.Contains(got, "hunter2") || strings.Contains(got, "aHVudGVyMg") {
				t.Errorf("log: %s", got)
			}
		})
	}
}

// A fetched set may hold keys that we cannot use; the others count.
func TestRemoteSetWithOtherKeys(t *testing.T) {
	p := newIDP(t, serve(jwksOf(
		`{"kty":"oct","kid":"oct","k":"aHVudGVyMg"}`, `{"kty":"AKP","kid":"pq"}`, `7`,
		jwkOf(testKey("RSA1024"), kid("short")),
		jwkOf(testKey("RSA"), raw{"kid": `"enc"`, "use": `"enc"`}),
		jwkOf(testKey("RSA"), kid("rsa")),
		jwkOf(testKey("ES256/a"), kid("a")))))
	a := p.authenticator("ES256")
	p.idle()
	expect(t, a, signedBy("ES256/a", "a"), "")
	hmac, err := New(Config{JWT: &JWT{JWKSURL: p.server.URL, Algorithms: []string{"HS256"}}}, Options{})
	if err == nil || hmac != nil {
		t.Error("HS256 was configured")
	}
	expect(t, a, bearer(sign("HS256", []byte("hunter2"), header("HS256", kid("oct")), claims(nil))), ReasonAlgorithm)
	expect(t, a, bearer(sign("RS256", testKey("RSA"), header("RS256", kid("rsa")), claims(nil))), ReasonAlgorithm)
	if got := strings.Count(p.logged(), "left out"); got != 4 {
		t.Errorf("%d keys were reported as left out, want 4: %s", got, p.logged())
	}
	if strings.Contains(p.logged(), "aHVudGVyMg") {
		t.Error("the log holds a key")
	}
}

// A set of which a source's algorithms leave nothing is no set for it. Others
// can use it. A provider that goes over to such keys later makes nobody unready.
func TestRemoteSetWithoutConfiguredAlgorithm(t *testing.T) {
	p := newIDP(t, serve(jwksOf(jwkOf(testKey("RSA"), kid("rsa")))))
	a, other := p.authenticator("ES256"), p.authenticator("ES384", "RS256")
	p.idle()
	if err := a.Ready(); err == nil || !strings.Contains(err.Error(), "jwt.algorithms: none fits") {
		t.Errorf("Ready() = %v", err)
	}
	expect(t, a, signedBy("ES256/a", "a"), ReasonUnknownKey)
	p.idle()
	if err := other.Ready(); err != nil {
		t.Errorf("a source that allows RS256 is not ready: %v", err)
	}
	byRSA := bearer(sign("RS256", testKey("RSA"), header("RS256", kid("rsa")), claims(nil)))
	expect(t, a, byRSA, ReasonAlgorithm)
	expect(t, other, byRSA, "")

	p.answers(serve(keysNamed("a")))
	p.tick()
	for _, one := range []*jwtAuthenticator{a, other} {
		if err := one.Ready(); err != nil {
			t.Errorf("Ready() = %v", err)
		}
	}
	expect(t, a, signedBy("ES256/a", "a"), "")
	expect(t, other, signedBy("ES256/a", "a"), ReasonAlgorithm)
	expect(t, other, byRSA, ReasonUnknownKey)
}

// The same answer again is no reason to verify every token anew.
func TestSameKeysAreTheSameSet(t *testing.T) {
	p := newIDP(t, serve(keysNamed("a")))
	a := p.authenticator()
	p.idle()
	before := a.keys.current()
	p.tick()
	if a.keys.current() != before {
		t.Error("the set changed")
	}
	p.answers(serve(keysNamed("a", "b")))
	p.tick()
	if a.keys.current() == before {
		t.Error("the set did not change")
	}
}
