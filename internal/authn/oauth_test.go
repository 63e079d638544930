package authn

import (
	"net/http"
	"testing"
	"time"
)

// In Apono's OAuth mode the bearer is a token that the customer's own identity
// provider made for client credentials. Each row is what such a provider's
// tokens and key sets have beside the claims of RFC 7519.
func TestClientCredentials(t *testing.T) {
	const issuer, audience = "https://idp.example.com/", "https://relay.example.com"
	timesOf := raw{"iat": secondsFromNow(-60), "exp": secondsFromNow(86340), "sub": "", "iss": `"` + issuer + `"`, "aud": `"` + audience + `"`}
	for _, tt := range []struct {
		name   string
		jwk    raw // beside what makes the key
		header raw // beside alg and kid
		claims raw
	}{
		{
			"azp, scope, gty",
			raw{"use": `"sig"`, "alg": `"RS256"`, "x5t": `"c2hhMQ"`, "x5c": `["MIIB"]`}, raw{"typ": `"JWT"`},
			raw{"sub": `"client@clients"`, "azp": `"client"`, "scope": `"events:write"`, "gty": `"client-credentials"`},
		},
		{
			"aud as a list, typ as a claim",
			raw{"use": `"sig"`, "alg": `"RS256"`, "x5c": `["MIIB"]`, "x5t#S256": `"c2hhMjU2"`}, raw{"typ": `"JWT"`},
			raw{"aud": `["account","` + audience + `"]`, "typ": `"Bearer"`, "azp": `"client"`, "acr": `"1"`, "client_id": `"client"`,
				"realm_access": `{"roles":["offline_access"]}`, "jti": `"3f1a"`, "clientHost": `"192.0.2.7"`},
		},
		{
			"no alg in the set, x5t in the header, nbf",
			raw{"use": `"sig"`, "issuer": `"https://idp.example.com/v2.0"`, "x5t": `"kid-1"`, "x5c": `["MIIB"]`}, raw{"typ": `"JWT"`, "x5t": `"kid-1"`},
			raw{"nbf": secondsFromNow(-60), "aio": `"E2Zg"`, "azpacr": `"1"`, "oid": `"9e11"`, "roles": `["Events.Write"]`, "tid": `"8d5b"`, "ver": `"2.0"`},
		},
		{
			"no typ, scp as a list",
			raw{"kty": `"RSA"`, "alg": `"RS256"`, "use": `"sig"`}, raw{},
			raw{"ver": "1", "jti": `"AT.x"`, "cid": `"client"`, "scp": `["events.write"]`},
		},
		{
			"typ at+jwt, no sub, no iat",
			raw{"key_ops": `["verify"]`}, raw{"typ": `"at+jwt"`},
			raw{"iat": "", "client_id": `"client"`, "scope": `""`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			enc := jwkOf(testKey("RSA/enc"), raw{"kid": `"kid-0"`, "use": `"enc"`, "alg": `"RSA-OAEP"`})
			p := newIDP(t, serve(jwksOf(enc, jwkOf(testKey("RSA"), kid("kid-1").with(tt.jwk)), jwkOf(testKey("RSA/next"), kid("kid-2")))))
			a, err := New(Config{JWT: &JWT{JWKSURL: p.server.URL + "/keys", Issuer: issuer, Audience: audience}},
				Options{Now: func() time.Time { return testNow }})
			if err != nil {
				t.Fatal(err)
			}
			defer a.(interface{ Close() }).Close()
			signed := func(alg, key string, more, changes raw) *http.Request {
				return bearer(sign(alg, testKey(key), header(alg, kid("kid-1").with(tt.header).with(more)), claims(timesOf.with(tt.claims).with(changes))))
			}
			checkRows(t, a, "", []authRow{
				{"as it comes", signed("RS256", "RSA", nil, nil), ""},
				{"of the next key", signed("RS256", "RSA/next", kid("kid-2"), nil), ""},
				{"of a foreign key", signed("RS256", "RSA/mallory", nil, nil), ReasonSignature},
				{"of the key to encrypt with", signed("RS256", "RSA/enc", kid("kid-0"), nil), ReasonUnknownKey},
				{"issuer without its slash", signed("RS256", "RSA", nil, raw{"iss": `"https://idp.example.com"`}), ReasonIssuer},
				{"issuer in capitals", signed("RS256", "RSA", nil, raw{"iss": `"HTTPS://idp.example.com/"`}), ReasonIssuer},
				{"no issuer", signed("RS256", "RSA", nil, raw{"iss": ""}), ReasonIssuer},
				{"for another service", signed("RS256", "RSA", nil, raw{"aud": `"https://other.example.com"`}), ReasonAudience},
				{"for others", signed("RS256", "RSA", nil, raw{"aud": `["account","https://other.example.com"]`}), ReasonAudience},
				{"for a service of a longer name", signed("RS256", "RSA", nil, raw{"aud": `["` + audience + `.example.net"]`}), ReasonAudience},
				{"for nobody", signed("RS256", "RSA", nil, raw{"aud": "[]"}), ReasonAudience},
				{"our name elsewhere", signed("RS256", "RSA", nil, raw{"aud": "", "azp": `"` + audience + `"`, "resource": `"` + audience + `"`}), ReasonAudience},
				{"over", signed("RS256", "RSA", nil, raw{"exp": secondsFromNow(-30)}), ReasonExpired},
				{"no exp", signed("RS256", "RSA", nil, raw{"exp": ""}), ReasonNoExpiry},
				{"as a JWE", bearer("e30.e30.e30.e30.e30"), ReasonMalformed},
				{"opaque", bearer("2YotnFZFEjr1zCsicMWpAA"), ReasonMalformed},
			})
		})
	}
}
