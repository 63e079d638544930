package authn

import (
	"net/http"
	"testing"
)

// What the log says of a wrong secret: which slip it looks like, in words that
// are the same for every secret.
func TestShapesOfWrongSecrets(t *testing.T) {
	const (
		noBearer = "secret: the bearer secret is none of those configured"
		noHeader = "secret: header X-Key is none of the configured secrets"
		noBasic  = "secret: the username or the password is not the one configured"
		blank    = "; what came has a second blank before it"
		quotes   = "; what came is in quotes"
		scheme   = "; what came begins with a scheme"
	)
	bearerOf := authenticatorOf(t, Config{Bearer: &Bearer{Secrets: secrets(newSecret)}})
	headerOf := authenticatorOf(t, Config{Header: &Header{Name: "X-Key", Secrets: secrets(newSecret)}})
	basicOf := authenticatorOf(t, Config{Basic: &Basic{Username: "relay", Passwords: secrets(newSecret)}})
	for _, tt := range []struct {
		a    Authenticator
		r    *http.Request
		want string
	}{
		{bearerOf, bearer("wrong"), noBearer},
		{bearerOf, bearer(oldSecret), noBearer},
		{bearerOf, bearer(" " + newSecret), noBearer + blank},
		{bearerOf, bearer(`"` + newSecret + `"`), noBearer + quotes},
		{bearerOf, bearer(`'` + newSecret + `'`), noBearer + quotes},
		{bearerOf, bearer(`"`), noBearer},
		{bearerOf, bearer(`"` + newSecret), noBearer},
		{bearerOf, bearer(`"` + newSecret + `'`), noBearer},
		{bearerOf, bearer(newSecret + `"`), noBearer},
		{bearerOf, bearer("Bearer " + newSecret), noBearer + scheme},
		{bearerOf, bearer("bearer"), noBearer},
		{headerOf, withHeaders("X-Key", newSecret[1:]), noHeader},
		{headerOf, withHeaders("X-Key", "Bearer "+newSecret), noHeader + scheme},
		{headerOf, withHeaders("X-Key", "bearer "+newSecret), noHeader + scheme},
		{headerOf, withHeaders("X-Key", "Token x"), noHeader + scheme},
		{headerOf, withHeaders("X-Key", `"`+newSecret+`"`), noHeader + quotes},
		{headerOf, withHeaders("X-Key", `"Bearer `+newSecret+`"`), noHeader + quotes},
		{basicOf, request("Basic Basic cmVsYXk6eA=="), noBasic + scheme},
		{basicOf, request("Basic cmVsYXk6eA=="), noBasic},
	} {
		if err := tt.a.Authenticate(tt.r, nil); err == nil || err.Error() != tt.want {
			t.Errorf("%v:\ngot  %v\nwant %s", tt.r.Header, err, tt.want)
		}
	}
}

// A secret that looks like a slip and is configured so passes.
func TestShapesThatAreConfigured(t *testing.T) {
	for _, s := range []string{`"` + newSecret + `"`, "Bearer " + newSecret} {
		a := authenticatorOf(t, Config{Header: &Header{Name: "X-Key", Secrets: secrets(s)}})
		if err := a.Authenticate(withHeaders("X-Key", s), nil); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}
