package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// tamper is an attack on a source of JWTs: what is done to a good token.
func (s *site) tamper(name, source, reason string, bad func(*forged)) attack {
	return attack{name, source, s.good(source), s.jwt(source, bad), reason}
}

// as signs a token under the name of another algorithm, or with another key.
func as(alg, signAs string, key any) func(*forged) {
	return func(f *forged) { f.header["alg"], f.signAs, f.key = alg, signAs, key }
}

// algorithmAttacks have a token say that it is signed in another way.
func (s *site) algorithmAttacks() []attack {
	var out []attack
	for _, none := range []string{"none", "None", "NONE", "nOnE"} {
		out = append(out,
			attack{"alg " + none + ", no signature", srcES256, s.good(srcES256), func(r *http.Request) {
				token := s.token(srcES256, as(none, "ES256", s.keys["es256"]))
				r.Header.Set("Authorization", "Bearer "+token[:strings.LastIndexByte(token, '.')+1])
			}, "malformed"},
			s.tamper("alg "+none+", the signature of ES256", srcES256, "algorithm", as(none, "ES256", s.keys["es256"])))
	}
	for _, alg := range []string{"es256", "Es256", "ES256 ", "ES256K", "ES384K", "SHA256", "HS000"} {
		out = append(out, s.tamper(fmt.Sprintf("alg %q", alg), srcES256, "algorithm", as(alg, "ES256", s.keys["es256"])))
	}
	for _, alg := range []any{"", nil, 256, []string{"ES256"}, true} {
		out = append(out, s.tamper(fmt.Sprintf("alg %v of type %T", alg, alg), srcES256, "malformed", func(f *forged) {
			f.header["alg"], f.signAs = alg, "ES256"
		}))
	}
	out = append(out, s.tamper("no alg", srcES256, "malformed", func(f *forged) {
		delete(f.header, "alg")
		f.signAs = "ES256"
	}))

	// A public key is known to everybody: as the secret of an HMAC it proves nothing.
	rsaJWK, _ := json.Marshal(s.jwk("jwks-rsa", "rsa-1"))
	for _, c := range []struct {
		source, alg, what string
		secret            []byte
	}{
		{srcRS256, "HS256", "PEM", []byte(s.pem("rsa"))},
		{srcRS256, "HS256", "PEM without its line break", []byte(strings.TrimSpace(s.pem("rsa")))},
		{srcRS256, "HS256", "DER", s.der("rsa")},
		{srcRSA, "HS512", "PEM", []byte(s.pem("rsa"))},
		{srcES256, "HS256", "PEM", []byte(s.pem("es256"))},
		{srcES384, "HS384", "PEM", []byte(s.pem("es384"))},
		{srcES384, "HS384", "DER", s.der("es384")},
		{srcEd, "HS512", "PEM", []byte(s.pem("ed"))},
		{srcEd, "HS256", "32 bytes", s.der("ed")[12:]},
		{srcJWKS, "HS256", "JWK", rsaJWK},
		{srcJWKS, "HS256", "whole set", []byte(jwks(s.jwk("jwks-ec", "ec-1"), s.jwk("jwks-rsa", "rsa-1")))},
		{srcIDP, "HS256", "PEM", []byte(s.pem("idp"))},
		{srcES384, "HS256", "nothing", []byte{}},
	} {
		out = append(out, s.tamper(c.alg+" with the public key's "+c.what+" at "+c.source, c.source, "algorithm", as(c.alg, c.alg, c.secret)))
	}

	k := s.keys
	return append(out,
		s.tamper("RS256 over what an EC key signed", srcES384, "algorithm", as("RS256", "ES384", k["es384"])),
		s.tamper("ES256 over what an RSA key signed", srcRS256, "algorithm", as("ES256", "RS256", k["rsa"])),
		s.tamper("ES384 over what an RSA key signed, no algorithms named", srcRSA, "algorithm", as("ES384", "RS384", k["rsa"])),
		s.tamper("ES256 with the P-384 key", srcES384, "algorithm", as("ES256", "ES256", k["es384"])),
		s.tamper("ES384 with the P-256 key", srcES256, "algorithm", as("ES384", "ES384", k["es256"])),
		s.tamper("ES512 with the P-384 key", srcES384, "algorithm", as("ES512", "ES512", k["es384"])),
		s.tamper("PS256 where only RS256 is allowed", srcRS256, "algorithm", as("PS256", "PS256", k["rsa"])),
		s.tamper("RS512 where only RS256 is allowed", srcRS256, "algorithm", as("RS512", "RS512", k["rsa"])),
		s.tamper("RS256 over a signature of PS256", srcRSA, "signature", as("RS256", "PS256", k["rsa"])),
		s.tamper("PS256 over a signature of RS256", srcRSA, "signature", as("PS256", "RS256", k["rsa"])),
		s.tamper("EdDSA over what an EC key signed", srcES384, "algorithm", as("EdDSA", "ES384", k["es384"])),
		s.tamper("ES256 over what an Ed25519 key signed", srcEd, "algorithm", as("ES256", "ES256", k["ed"])),
		s.tamper("the kid of the RSA key with ES256", srcJWKS, "algorithm", func(f *forged) { f.header["kid"] = "rsa-1" }),
		s.tamper("the kid of the EC key with RS256", srcJWKS, "algorithm", as("RS256", "RS256", k["jwks-rsa"])),
	)
}

// keyAttacks are signed by a key that is somebody else's.
func (s *site) keyAttacks() []attack {
	k := s.keys
	from := func(name, source, other, reason string) attack {
		return attack{name, source, s.good(source), s.jwt(other, asIs), reason}
	}
	signedBy := func(key string) func(*forged) { return func(f *forged) { f.key = k[key] } }
	out := []attack{
		from("a token of another source", srcES256, srcJWKS, "signature"),
		from("a token of another source, without a kid there", srcJWKS, srcES256, "signature"),
		from("a token of another source, to a JWKS URL", srcIDP, srcES256, "signature"),
		from("a token of another tenant", srcES384, srcGlobex, "signature"),
		from("a token for another tenant", srcGlobex, srcES384, "signature"),
		from("another tenant's token of one identity provider", srcIDP, srcGlobIDP, "audience"),
		from("a token for another tenant of one identity provider", srcGlobIDP, srcIDP, "audience"),
		s.tamper("another P-384 key", srcES384, "signature", signedBy("foreign-384")),
		s.tamper("another P-256 key", srcES256, "signature", signedBy("foreign-256")),
		s.tamper("another RSA key, RS256", srcRS256, "signature", signedBy("foreign-rsa")),
		s.tamper("another RSA key, PS256", srcRSA, "signature", signedBy("foreign-rsa")),
		s.tamper("another Ed25519 key", srcEd, "signature", signedBy("foreign-ed")),
		s.tamper("another key under the right kid", srcJWKS, "signature", signedBy("foreign-256")),
		s.tamper("another key under the right kid, to a JWKS URL", srcIDP, "signature", signedBy("foreign-256")),
		s.tamper("another key of the set under the right kid", srcJWKS, "signature", func(f *forged) {
			f.header["alg"], f.header["kid"], f.key = "RS256", "rsa-1", k["foreign-rsa"]
		}),
	}
	noKid := func(key string) func(*forged) {
		return func(f *forged) { delete(f.header, "kid"); f.key = k[key] }
	}
	out = append(out,
		attack{"another key without a kid", srcJWKS, s.jwt(srcJWKS, noKid("jwks-ec")), s.jwt(srcJWKS, noKid("foreign-256")), "signature"},
		attack{"another key without a kid, to a JWKS URL", srcIDP, s.jwt(srcIDP, noKid("idp")), s.jwt(srcIDP, noKid("foreign-256")), "signature"})

	// With one key in the file the kid does not matter: neither the right key
	// fails under a strange one, nor does another key pass.
	kids := []struct{ name, kid string }{
		{"unknown", "rsa-2"},
		{"empty", ""},
		{"a path", "../../../../etc/passwd"},
		{"an absolute path", "/dev/null"},
		{"a file URL", "file:///etc/passwd"},
		{"a URL", s.trap.url + "/jwks.json"},
		{"SQL", "x' UNION SELECT 'key' --"},
		{"for a shell", "$(cat /etc/passwd)"},
		{"for a template", "{{.Key}}${jndi:ldap://x}"},
		{"of a NUL", "a\x00b"},
		{"of line breaks", "a\r\nX-Admin: 1\r\n"},
		{"very long", strings.Repeat("k", 8<<10)},
	}
	withKid := func(kid any, key string) func(*forged) {
		return func(f *forged) { f.header["kid"], f.key = kid, k[key] }
	}
	for _, odd := range kids {
		name, kid := odd.name, odd.kid
		out = append(out,
			attack{"a kid that is " + name, srcES256, s.jwt(srcES256, withKid(kid, "es256")), s.jwt(srcES256, withKid(kid, "foreign-256")), "signature"})
		if kid == "" {
			continue // no kid: see above
		}
		out = append(out,
			s.tamper("a kid that is "+name+", to a set", srcJWKS, "unknown_key", withKid(kid, "foreign-256")),
			s.tamper("a kid that is "+name+", to a JWKS URL", srcIDP, "unknown_key", withKid(kid, "foreign-256")))
	}
	for _, kid := range []any{1, nil, true, []string{"ec-1"}, claims{"kid": "ec-1"}} {
		out = append(out,
			s.tamper(fmt.Sprintf("a kid of type %T", kid), srcES256, "malformed", withKid(kid, "es256")),
			s.tamper(fmt.Sprintf("a kid of type %T, to a set", kid), srcJWKS, "malformed", withKid(kid, "jwks-ec")))
	}
	return append(out,
		s.tamper("HS256 with what /dev/null holds", srcES256, "algorithm", func(f *forged) {
			f.header["alg"], f.header["kid"], f.key = "HS256", "/dev/null", []byte{}
		}),
		s.tamper("a kid in another case", srcJWKS, "unknown_key", withKid("EC-1", "jwks-ec")),
		s.tamper("a kid with a blank", srcJWKS, "unknown_key", withKid("ec-1 ", "jwks-ec")))
}
