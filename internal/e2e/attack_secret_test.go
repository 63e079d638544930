package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
)

// The sources of shared secrets.
const (
	srcBearer       = "acme-bearer"
	srcBearer2      = "acme-bearer-2" // of the same tenant
	srcGlobexBearer = "globex-bearer" // of another
	srcHeader       = "acme-header"
	srcGlobexHeader = "globex-header"
	srcBasic        = "acme-basic"
	srcGlobexBasic  = "globex-basic"
)

const (
	secretHeader = "X-Permit-Secret"
	basicUser    = "relay-of-acme"
	globexUser   = "relay-of-globex"
)

// sharedSecrets are those in the file, by source. They have letters, so that
// there is another case of each; that of Basic has a colon, which may stand in
// a password.
var sharedSecrets = map[string]string{
	srcBearer:       "canary-Bearer-of-acme-5f0e9c17",
	srcBearer2:      "canary-Bearer-of-acme-2-8a61d304",
	srcGlobexBearer: "canary-Bearer-of-globex-c27b55e9",
	srcHeader:       "canary-Header-of-acme-913d07fa",
	srcGlobexHeader: "canary-Header-of-globex-6be2480c",
	srcBasic:        "canary-Password:of-acme-70a4e8d2",
	srcGlobexBasic:  "canary-Password-of-globex-1d93f6b5",
}

func secretSources() map[string][]sourceConf {
	bearer := func(src string) sourceConf {
		return sourceConf{src, map[string]any{"bearer": map[string]any{"secrets": []string{sharedSecrets[src]}}}}
	}
	header := func(src string) sourceConf {
		return sourceConf{src, map[string]any{"header": map[string]any{"name": secretHeader, "secrets": []string{sharedSecrets[src]}}}}
	}
	basic := func(src, user string) sourceConf {
		return sourceConf{src, map[string]any{"basic": map[string]any{"username": user, "passwords": []string{sharedSecrets[src]}}}}
	}
	return map[string][]sourceConf{
		tenant:  {bearer(srcBearer), bearer(srcBearer2), header(srcHeader), basic(srcBasic, basicUser)},
		tenant2: {bearer(srcGlobexBearer), header(srcGlobexHeader), basic(srcGlobexBasic, globexUser)},
	}
}

// nearMisses are texts that are almost the secret, by what they are.
func nearMisses(secret string) []struct{ name, text string } {
	last := secret[len(secret)-1]
	sum := sha256.Sum256([]byte(secret))
	return []struct{ name, text string }{
		{"another last byte", secret[:len(secret)-1] + string(last^1)},
		{"another first byte", string(secret[0]^1) + secret[1:]},
		{"without its last byte", secret[:len(secret)-1]},
		{"its first byte", secret[:1]},
		{"a byte more", secret + "0"},
		{"twice", secret + secret},
		{"in upper case", strings.ToUpper(secret)},
		{"in lower case", strings.ToLower(secret)},
		{"in quotes", `"` + secret + `"`},
		{"in base64", base64.StdEncoding.EncodeToString([]byte(secret))},
		{"its SHA-256", hex.EncodeToString(sum[:])},
		{"percent-encoded", strings.ReplaceAll(secret, "-", "%2D")},
		{"the mask", "***"},
		{"a variable's name", "${SECRET}"},
		{"of 3 kB", secret + strings.Repeat("x", 3<<10)},
	}
}

// bearerAttacks are on the method bearer.
func (s *site) bearerAttacks() []attack {
	const src = srcBearer
	secret := sharedSecrets[src]
	auth := func(values ...string) credential {
		return func(r *http.Request) {
			for _, v := range values {
				r.Header.Add("Authorization", v)
			}
		}
	}
	good := auth("Bearer " + secret)
	says := func(name, reason string, values ...string) attack {
		return attack{name, src, good, auth(values...), reason}
	}
	var out []attack
	for _, miss := range nearMisses(secret) {
		out = append(out, says("the secret, "+miss.name, "secret", "Bearer "+miss.text))
	}
	wrong := "Bearer " + sharedSecrets[srcBearer2]
	return append(out,
		says("the secret of another source", "secret", wrong),
		says("the secret of another tenant", "secret", "Bearer "+sharedSecrets[srcGlobexBearer]),
		attack{"this secret for another tenant", srcGlobexBearer, auth("Bearer " + sharedSecrets[srcGlobexBearer]), good, "secret"},
		attack{"no Authorization", src, auth("bearer " + secret), auth(), "missing"},
		attack{"an empty Authorization", src, auth("BEARER " + secret), auth(""), "missing"},
		says("the scheme alone", "missing", "Bearer"),
		says("no scheme", "scheme", secret),
		says("as Basic", "scheme", "Basic "+base64.StdEncoding.EncodeToString([]byte("x:"+secret))),
		says("as Token", "scheme", "Token "+secret),
		says("two blanks", "secret", "Bearer  "+secret),
		says("a tab", "scheme", "Bearer\t"+secret),
		says("a list that has it", "secret", "Bearer "+secret+", Bearer x"),
		says("two headers, good and bad", "malformed", "Bearer "+secret, wrong),
		says("two headers, bad and good", "malformed", wrong, "Bearer "+secret),
		says("two headers, both good", "malformed", "Bearer "+secret, "Bearer "+secret),
		says("5 kB", "too_large", "Bearer "+strings.Repeat("x", 5<<10)),
		says("100 kB", "too_large", "Bearer "+strings.Repeat("x", 100<<10)),
		says("a JWT that nobody signed", "secret", "Bearer "+b64url(`{"alg":"none"}`)+"."+b64url(`{"exp":4102444800}`)+"."),
		attack{"in the query", src, good, func(r *http.Request) { r.URL.RawQuery = "access_token=" + secret }, "missing"},
		attack{"in the body", src, good, body(strings.TrimSuffix(attackBody, "}") + `,"access_token":"` + secret + `"}`), "missing"},
	)
}

// headerSecretAttacks are on the method header.
func (s *site) headerSecretAttacks() []attack {
	const src = srcHeader
	secret := sharedSecrets[src]
	puts := func(name string, values ...string) credential {
		return func(r *http.Request) { r.Header[name] = values } // spelt as it is
	}
	good := puts(secretHeader, secret)
	with := func(name, reason, header string, values ...string) attack {
		return attack{name, src, good, puts(header, values...), reason}
	}
	var out []attack
	for _, miss := range nearMisses(secret) {
		out = append(out, with("the secret, "+miss.name, "secret", secretHeader, miss.text))
	}
	wrong := sharedSecrets[srcGlobexHeader]
	return append(out,
		with("the secret of another tenant", "secret", secretHeader, wrong),
		attack{"this secret for another tenant", srcGlobexHeader, puts(secretHeader, wrong), good, "secret"},
		attack{"no header", src, puts(strings.ToLower(secretHeader), secret), func(*http.Request) {}, "missing"},
		with("an empty header", "missing", secretHeader, ""),
		with("in another header", "missing", "X-Permit-Secret2", secret),
		with("in the header with underscores", "missing", "X_Permit_Secret", secret),
		with("in Authorization", "missing", "Authorization", "Bearer "+secret),
		with("with a scheme", "secret", secretHeader, "Bearer "+secret),
		with("twice, good and bad", "malformed", secretHeader, secret, wrong),
		with("twice, bad and good", "malformed", secretHeader, wrong, secret),
		with("twice, both good", "malformed", secretHeader, secret, secret),
		with("twice, the second empty", "malformed", secretHeader, secret, ""),
		attack{"twice, in two spellings", src, good, func(r *http.Request) {
			good(r)
			puts(strings.ToUpper(secretHeader), secret)(r)
		}, "malformed"},
		with("a list that has it", "secret", secretHeader, secret+", x"),
		with("5 kB", "too_large", secretHeader, strings.Repeat("x", 5<<10)),
		attack{"in the query", src, good, func(r *http.Request) { r.URL.RawQuery = secretHeader + "=" + secret }, "missing"},
	)
}

// basicAttacks are on the method basic.
func (s *site) basicAttacks() []attack {
	const src = srcBasic
	password := sharedSecrets[src]
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	auth := func(values ...string) credential {
		return func(r *http.Request) {
			for _, v := range values {
				r.Header.Add("Authorization", v)
			}
		}
	}
	pair := basicUser + ":" + password
	good := auth("Basic " + encode(pair))
	says := func(name, reason string, values ...string) attack {
		return attack{name, src, good, auth(values...), reason}
	}
	sends := func(name, text string) attack { return says(name, "secret", "Basic "+encode(text)) }
	var out []attack
	for _, miss := range nearMisses(password) {
		out = append(out, sends("the password, "+miss.name, basicUser+":"+miss.text))
	}
	globex := globexUser + ":" + sharedSecrets[srcGlobexBasic]
	return append(out,
		sends("another user", "relay-of-acmf:"+password),
		sends("the user in another case", strings.ToUpper(basicUser)+":"+password),
		sends("no user", ":"+password),
		sends("no password", basicUser+":"),
		sends("no colon", basicUser+password),
		sends("the user alone", basicUser),
		sends("a colon alone", ":"),
		says("nothing behind the scheme", "missing", "Basic "),
		sends("user and password swapped", password+":"+basicUser),
		sends("a blank before the password", basicUser+": "+password),
		sends("a NUL behind the password", pair+"\x00"),
		sends("a line break behind the password", pair+"\n"),
		sends("the password of another tenant", basicUser+":"+sharedSecrets[srcGlobexBasic]),
		sends("user and password of another tenant", globex),
		attack{"these for another tenant", srcGlobexBasic, auth("Basic " + encode(globex)), good, "secret"},
		says("not base64", "secret", "Basic "+pair),
		says("base64 without padding", "secret", "Basic "+strings.TrimRight(encode(pair), "=")),
		says("base64 with more behind it", "secret", "Basic "+encode(pair)+"AAAA"),
		says("base64 twice", "secret", "Basic "+encode(encode(pair))),
		attack{"no Authorization", src, auth("basic " + encode(pair)), auth(), "missing"},
		says("as Bearer", "scheme", "Bearer "+encode(pair)),
		says("the password as Bearer", "scheme", "Bearer "+password),
		says("Digest", "scheme", fmt.Sprintf("Digest username=%q, response=%q", basicUser, password)),
		says("two headers, good and bad", "malformed", "Basic "+encode(pair), "Basic "+encode(globex)),
		says("two headers, bad and good", "malformed", "Basic "+encode(globex), "Basic "+encode(pair)),
		says("8 kB", "too_large", "Basic "+strings.Repeat("QUJD", 2<<10)),
		attack{"in the URL", src, good, func(r *http.Request) { r.URL.RawQuery = "user=" + basicUser + "&password=" + password }, "missing"},
	)
}
