package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// set changes claims; nil leaves one out.
func set(pairs ...any) func(*forged) {
	return func(f *forged) {
		for i := 0; i+1 < len(pairs); i += 2 {
			name, _ := pairs[i].(string)
			if f.claims[name] = pairs[i+1]; pairs[i+1] == nil {
				delete(f.claims, name)
			}
		}
	}
}

// claimsText gives the claims as text.
func claimsText(json string) func(*forged) { return func(f *forged) { f.rawBody = json } }

// claimAttacks are signed by the right key but say something else.
func (s *site) claimAttacks() []attack {
	const src = srcES256
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	in := func(d time.Duration, name string) func(*forged) {
		return func(f *forged) { f.claims[name] = after(d) }
	}
	beyond := func(name, claim string, good, bad time.Duration, reason string) attack {
		return attack{name, src, s.jwt(src, in(good, claim)), s.jwt(src, in(bad, claim)), reason}
	}
	with := func(name, reason string, bad func(*forged)) attack { return s.tamper(name, src, reason, bad) }
	const all = `"iss":"p0","aud":"acme","sub":"my-notifier-service"`
	out := []attack{
		// The leeway is 30 s: what is within it passes.
		beyond("expired beyond the leeway", "exp", -10*time.Second, -31*time.Second, "expired"),
		beyond("expired an hour ago", "exp", time.Minute, -time.Hour, "expired"),
		beyond("iat beyond the leeway", "iat", 20*time.Second, 90*time.Second, "not_yet_valid"),
		beyond("iat in a day", "iat", -24*time.Hour, 24*time.Hour, "not_yet_valid"),
		beyond("nbf beyond the leeway", "nbf", 20*time.Second, 90*time.Second, "not_yet_valid"),
		beyond("nbf in a year", "nbf", -365*24*time.Hour, 365*24*time.Hour, "not_yet_valid"),
		{"expired a second ago, without a leeway", srcEd, s.jwt(srcEd, in(time.Minute, "exp")), s.jwt(srcEd, in(-time.Second, "exp")), "expired"},
		{"iat in a minute, without a leeway", srcEd, s.jwt(srcEd, in(-time.Second, "iat")), s.jwt(srcEd, in(time.Minute, "iat")), "not_yet_valid"},

		with("no exp", "no_expiry", set("exp", nil)),
		with("exp under another name", "no_expiry", set("exp", nil, "EXP", after(time.Hour))),
		with("exp 0", "no_expiry", set("exp", 0)),
		with("exp -1", "no_expiry", set("exp", -1)),
		with("exp -0.0", "no_expiry", set("exp", raw("-0.0"))),
		with("exp a string", "malformed", set("exp", "tomorrow")),
		with("exp a number in a string", "malformed", set("exp", "4102444800")),
		with("exp null", "malformed", set("exp", raw("null"))),
		with("exp true", "malformed", set("exp", true)),
		with("exp a list", "malformed", set("exp", []int64{after(time.Hour)})),
		with("exp 1e18", "malformed", set("exp", raw("1e18"))),
		with("exp 1e400", "malformed", set("exp", raw("1e400"))),
		with("exp in milliseconds", "malformed", set("exp", time.Now().Add(time.Hour).UnixMilli())),
		with("exp twice", "malformed", claimsText(`{`+all+`,"exp":1,"exp":4102444800}`)),
		with("iat a string", "malformed", set("iat", "now")),
		with("iat null", "malformed", set("iat", raw("null"))),
		with("nbf a string", "malformed", set("nbf", "2020-01-01")),
		with("nbf -1", "malformed", set("nbf", -1)),

		with("iss missing", "issuer", set("iss", nil)),
		with("iss wrong", "issuer", set("iss", "p1")),
		with("iss empty", "issuer", set("iss", "")),
		with("iss null", "issuer", set("iss", raw("null"))),
		with("iss in another case", "issuer", set("iss", "P0")),
		with("iss with a slash more", "issuer", set("iss", "p0/")),
		with("iss a list with the right one", "issuer", set("iss", []string{issuer})),
		with("iss under another name", "issuer", set("iss", nil, "Iss", issuer)),
		with("iss twice", "malformed", claimsText(`{`+all+`,"exp":4102444800,"iss":"p0"}`)),
		with("sub missing", "subject", set("sub", nil)),
		with("sub wrong", "subject", set("sub", "another-service")),
		with("sub empty", "subject", set("sub", "")),
		with("sub a prefix", "subject", set("sub", subject[:len(subject)-1])),
		with("sub a list", "subject", set("sub", []string{subject})),
		with("aud missing", "audience", set("aud", nil)),
		with("aud wrong", "audience", set("aud", "globex")),
		with("aud empty", "audience", set("aud", "")),
		with("aud null", "audience", set("aud", raw("null"))),
		with("aud an empty list", "audience", set("aud", []string{})),
		with("aud a list of lists", "audience", set("aud", [][]string{{audience}})),
		with("aud a list of more than texts", "audience", set("aud", []any{audience, 1})),
		with("aud an object", "audience", set("aud", claims{audience: true})),
		with("aud in one text with others", "audience", set("aud", "acme globex")),
		{
			"aud a list without it", src, s.jwt(src, set("aud", []string{"globex", audience})),
			s.jwt(src, set("aud", []string{"globex", "initech"})), "audience",
		},

		with("claims that are a list", "malformed", claimsText(`[{`+all+`,"exp":4102444800}]`)),
		with("claims that are a text", "malformed", claimsText(`"sub"`)),
		with("claims that are cut", "malformed", claimsText(`{`+all+`,"exp":4102444800`)),
		with("claims that are two objects", "malformed", claimsText(`{`+all+`,"exp":4102444800}{}`)),
		with("claims that are no UTF-8", "malformed", claimsText("{"+all+",\"exp\":4102444800,\"x\":\"\xff\"}")),
	}
	return append(out, attack{
		"no claim but exp", src, s.jwt(src, claimsText(`{`+all+`,"exp":4102444800}`)), s.jwt(src, claimsText(`{"exp":4102444800}`)), "issuer",
	})
}

// agedToken sends a token that will soon expire and must pass. What it returns
// sends the same token after that: that it has passed before must not help it.
func (a *assault) agedToken(t *testing.T) func(t *testing.T) {
	t.Helper()
	for life := 3 * time.Second; ; life *= 2 {
		expires := time.Now().Add(life).Truncate(time.Second)
		token := a.token(srcEd, func(f *forged) { f.claims["exp"] = expires.Unix() })
		c := attack{name: "a token that has passed before", source: srcEd, reason: "expired"}
		c.bad = func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
		got := a.send(t, c.source, c.bad)
		if got.status != http.StatusOK {
			if time.Now().Before(expires) {
				t.Fatalf("a token of %v: status %d, %s", life, got.status, got.body)
			}
			a.reasons[got.header.Get("X-Request-Id")] = c // the machine was too slow: once more
			continue
		}
		a.accepted++
		return func(t *testing.T) {
			t.Helper()
			waitUntil(expires)
			a.refused(t, c)
		}
	}
}
