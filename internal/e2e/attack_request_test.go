package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// requestAttacks bring a good token in a way that the source does not read.
func (s *site) requestAttacks() []attack {
	const src = srcES256
	good := s.good(src)
	// instead moves the token away from the Authorization header.
	instead := func(name, reason string, put func(r *http.Request, token string)) attack {
		return attack{name, src, good, func(r *http.Request) { put(r, s.token(src, asIs)) }, reason}
	}
	says := func(name, reason, format string) attack {
		return instead(name, reason, func(r *http.Request, token string) { r.Header.Set("Authorization", fmt.Sprintf(format, token)) })
	}
	foreign := func() string { return s.token(src, func(f *forged) { f.key = s.keys["foreign-256"] }) }
	spelt := func(scheme string) credential {
		return func(r *http.Request) { r.Header.Set("Authorization", scheme+" "+s.token(src, asIs)) }
	}
	return []attack{
		{"no Authorization", src, spelt("bearer"), func(*http.Request) {}, "missing"},
		{"an empty Authorization", src, spelt("BEARER"), func(r *http.Request) { r.Header["Authorization"] = []string{""} }, "missing"},
		{"the scheme alone", src, good, func(r *http.Request) { r.Header.Set("Authorization", "Bearer") }, "missing"},
		says("no scheme", "scheme", "%s"),
		says("Basic", "scheme", "Basic %s"),
		says("Token", "scheme", "Token %s"),
		says("no blank behind the scheme", "scheme", "Bearer%s"),
		says("a colon behind the scheme", "scheme", "Bearer: %s"),
		says("a tab behind the scheme", "scheme", "Bearer\t%s"),
		says("two blanks behind the scheme", "malformed", "Bearer  %s"),
		says("the scheme twice", "malformed", "Bearer Bearer %s"),
		says("a parameter", "malformed", "Bearer token=%s"),
		says("a no-break space behind the scheme", "scheme", "Bearer\u00a0%s"),
		says("a word behind the token", "malformed", "Bearer %s x"),
		says("as the user of Basic", "scheme", "Basic "+base64.StdEncoding.EncodeToString([]byte("x:"))+"%s"),
		{"two headers, good and bad", src, good, func(r *http.Request) {
			good(r)
			r.Header.Add("Authorization", "Bearer "+foreign())
		}, "malformed"},
		{"two headers, bad and good", src, good, func(r *http.Request) {
			r.Header.Add("Authorization", "Bearer "+foreign())
			r.Header.Add("Authorization", "Bearer "+s.token(src, asIs))
		}, "malformed"},
		{"two headers, both good", src, good, func(r *http.Request) {
			good(r)
			r.Header.Add("Authorization", "Bearer "+s.token(src, asIs))
		}, "malformed"},
		{"the same header twice", src, good, func(r *http.Request) {
			good(r)
			r.Header.Add("Authorization", r.Header.Get("Authorization"))
		}, "malformed"},
		{"two headers, the second empty", src, good, func(r *http.Request) {
			good(r)
			r.Header.Add("Authorization", "")
		}, "malformed"},
		{"two headers in two spellings", src, good, func(r *http.Request) {
			good(r)
			r.Header["AUTHORIZATION"] = []string{"Bearer " + s.token(src, asIs)}
		}, "malformed"},
		{"two credentials in one header", src, good, func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+foreign()+", Bearer "+s.token(src, asIs))
		}, "malformed"},
		instead("in the query", "missing", func(r *http.Request, token string) { r.URL.RawQuery = "access_token=" + token }),
		instead("in the body", "missing", func(r *http.Request, token string) {
			body(strings.TrimSuffix(attackBody, "}") + `,"access_token":"` + token + `"}`)(r)
		}),
		instead("in a cookie", "missing", func(r *http.Request, token string) { r.Header.Set("Cookie", "access_token="+token) }),
		instead("in Proxy-Authorization", "missing", func(r *http.Request, token string) { r.Header.Set("Proxy-Authorization", "Bearer "+token) }),
		instead("in X-Authorization", "missing", func(r *http.Request, token string) { r.Header.Set("X-Authorization", "Bearer "+token) }),
		instead("in X-Forwarded-Access-Token", "missing", func(r *http.Request, token string) { r.Header.Set("X-Forwarded-Access-Token", token) }),
	}
}
