package authn

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Every attack beside its twin: the nearest request that is good.
func TestAttacks(t *testing.T) {
	var fetched atomic.Int32
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		_, _ = w.Write([]byte(jwksOf(jwkOf(testKey("ES384/mallory"), kid("k1")))))
	}))
	defer evil.Close()

	key, mallory := testKey("ES384"), testKey("ES384/mallory")
	single := JWT{Key: pemOf(key), Issuer: "p0", Audience: "acme", Subject: "my-notifier-service"}
	set := single
	set.Key = []byte(jwksOf(
		jwkOf(key, kid("k1")), jwkOf(testKey("RSA"), kid("r1")), jwkOf(testKey("ES384/second"), kid("k2"))))
	shortLeeway := single
	shortLeeway.Leeway = new(10 * time.Second)
	rsaKey := JWT{Key: pemOf(testKey("RSA"))}
	rs256Only := JWT{Key: pemOf(testKey("RSA")), Algorithms: []string{"RS256"}}
	p521 := JWT{Key: pemOf(testKey("ES512"))}

	// es signs with the right key, whatever header and claims say.
	es := func(header, claims string) string { return sign("ES384", key, header, claims) }
	withClaims := func(changes raw) string { return es(header("ES384", nil), claims(changes)) }
	withHeader := func(more raw) string { return es(header("ES384", more), claims(nil)) }
	good := goodToken("ES384", "ES384")
	parts := strings.Split(good, ".")
	unsigned := func(alg string) string {
		return b64([]byte(header(alg, nil))) + "." + b64([]byte(claims(nil))) + "."
	}
	url := `"` + evil.URL + `"`

	type row struct {
		name   string
		config JWT
		bad    *http.Request
		reason string
		twin   *http.Request
	}
	rows := []row{
		// What carries the token.
		{"no header", single, request(), ReasonMissing, bearer(good)},
		{"empty header", single, request(""), ReasonMissing, bearer(good)},
		{"no token", single, request("Bearer"), ReasonMissing, request("bearer " + good)},
		{"empty token", single, request("Bearer "), ReasonMissing, request("BEARER " + good)},
		{"other scheme", single, request("Basic " + good), ReasonScheme, request("bEaReR " + good)},
		{"no scheme", single, request(good), ReasonScheme, bearer(good)},
		{"two headers, good first", single, request("Bearer "+good, "Bearer x"), ReasonMalformed, bearer(good)},
		{"two headers, good last", single, request("Basic eDp5", "Bearer "+good), ReasonMalformed, bearer(good)},
		{"the same header twice", single, request("Bearer "+good, "Bearer "+good), ReasonMalformed, bearer(good)},
		{"two in one header", single, request("Bearer " + good + ", Bearer " + good), ReasonMalformed, bearer(good)},

		// The form.
		{"100 kB", single, bearer(withHeader(raw{"x": `"` + strings.Repeat("x", 75_000) + `"`})), ReasonTooLarge,
			bearer(withHeader(raw{"x": `"` + strings.Repeat("x", 10_000) + `"`}))},
		{"100 kB of dots", single, bearer(strings.Repeat(".", 100_000)), ReasonTooLarge, bearer(good)},
		{"two segments", single, bearer(parts[0] + "." + parts[1]), ReasonMalformed, bearer(good)},
		{"four segments", single, bearer(good + "." + parts[2]), ReasonMalformed, bearer(good)},
		{"five segments (JWE)", single, bearer(good + ".e30.e30"), ReasonMalformed, bearer(good)},
		{"dot at the end", single, bearer(good + "."), ReasonMalformed, bearer(good)},
		{"dot at the start", single, bearer("." + good), ReasonMalformed, bearer(good)},
		{"empty header segment", single, bearer("." + parts[1] + "." + parts[2]), ReasonMalformed, bearer(good)},
		{"empty payload segment", single, bearer(parts[0] + ".." + parts[2]), ReasonMalformed, bearer(good)},
		{"empty signature", single, bearer(parts[0] + "." + parts[1] + "."), ReasonMalformed, bearer(good)},
		{"padded signature", single, bearer(good + "="), ReasonMalformed, bearer(good)},
		{"padded payload", single, bearer(parts[0] + "." + parts[1] + "==." + parts[2]), ReasonMalformed, bearer(good)},
		{"standard base64", single, bearer(parts[0] + "." + parts[1] + ".ab+/" + parts[2][4:]), ReasonMalformed, bearer(good)},
		{"blank before", single, request("Bearer  " + good), ReasonMalformed, bearer(good)},
		{"blank after", single, request("Bearer " + good + " "), ReasonMalformed, bearer(good)},
		{"tab before", single, request("Bearer \t" + good), ReasonMalformed, bearer(good)},
		{"blank inside", single, bearer(parts[0] + ". " + parts[1] + "." + parts[2]), ReasonMalformed, bearer(good)},
		{"line break inside", single, bearer(parts[0] + "." + parts[1] + ".\n" + parts[2]), ReasonMalformed, bearer(good)},
		{"line break at the end", single, bearer(good + "\r\n"), ReasonMalformed, bearer(good)},
		{"NUL at the end", single, bearer(good + "\x00"), ReasonMalformed, bearer(good)},
		{"truncated signature", single, bearer(good[:len(good)-4]), ReasonSignature, bearer(good)},
		{"longer signature", single, bearer(good + "AAAA"), ReasonSignature, bearer(good)},
		{"impossible length of a segment", single, bearer(good + "A"), ReasonMalformed, bearer(good)},
		{"flattened JSON", single,
			bearer(`{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`),
			ReasonMalformed, bearer(good)},
		{"general JSON with two signatures", single,
			bearer(`{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"AAAA"},` +
				`{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`),
			ReasonMalformed, bearer(good)},
		{"JSON form in base64", single,
			bearer(b64([]byte(`{"protected":"`+parts[0]+`","payload":"`+parts[1]+`","signature":"`+parts[2]+`"}`)) + ".e30.e30"),
			ReasonMalformed, bearer(good)},

		// The algorithm.
		{"alg none", single, bearer(unsigned("none") + "AA"), ReasonAlgorithm, bearer(good)},
		{"alg none, no signature", single, bearer(unsigned("none")), ReasonMalformed, bearer(good)},
		{"alg None", single, bearer(unsigned("None") + "AA"), ReasonAlgorithm, bearer(good)},
		{"alg NONE", single, bearer(unsigned("NONE") + "AA"), ReasonAlgorithm, bearer(good)},
		{"alg nOnE", single, bearer(unsigned("nOnE") + "AA"), ReasonAlgorithm, bearer(good)},
		{"alg none with a good signature", single, bearer(es(header("none", nil), claims(nil))), ReasonAlgorithm, bearer(good)},
		{"alg in lower case", single, bearer(es(header("es384", nil), claims(nil))), ReasonAlgorithm, bearer(good)},
		{"no alg", single, bearer(es(`{"typ":"JWT"}`, claims(nil))), ReasonMalformed, bearer(withHeader(raw{"typ": `"JWT"`}))},
		{"empty alg", single, bearer(es(header("", nil), claims(nil))), ReasonMalformed, bearer(good)},
		{"alg is null", single, bearer(es(`{"alg":null}`, claims(nil))), ReasonMalformed, bearer(good)},
		{"alg is a list", single, bearer(es(`{"alg":["ES384"]}`, claims(nil))), ReasonMalformed, bearer(good)},
		{"unknown alg", single, bearer(es(header("ES999", nil), claims(nil))), ReasonAlgorithm, bearer(good)},
		{"HS256 keyed with the PEM", single,
			bearer(sign("HS256", pemOf(key), header("HS256", nil), claims(nil))), ReasonAlgorithm, bearer(good)},
		{"HS384 keyed with the PEM", single,
			bearer(sign("HS384", pemOf(key), header("HS384", nil), claims(nil))), ReasonAlgorithm, bearer(good)},
		{"HS256 keyed with the JWK Set", set,
			bearer(sign("HS256", set.Key, header("HS256", kid("k1")), claims(nil))), ReasonAlgorithm, bearer(withHeader(kid("k1")))},
		{"HS256 keyed with an RSA key's PEM", rsaKey,
			bearer(sign("HS256", rsaKey.Key, header("HS256", nil), claims(nil))), ReasonAlgorithm, bearer(goodToken("RS256", "RSA"))},
		{"RS256 where the key is EC", single, bearer(goodToken("RS256", "RSA")), ReasonAlgorithm, bearer(good)},
		{"ES256 where the key is RSA", rsaKey, bearer(goodToken("ES256", "ES256")), ReasonAlgorithm, bearer(goodToken("PS512", "RSA"))},
		{"ES256 where the key is P-384", single, bearer(goodToken("ES256", "ES256")), ReasonAlgorithm, bearer(good)},
		{"ES384 signature called ES512", single, bearer(es(header("ES512", nil), claims(nil))), ReasonAlgorithm, bearer(good)},
		{"RSA signature called ES384", single,
			bearer(sign("RS256", testKey("RSA"), header("ES384", nil), claims(nil))), ReasonSignature, bearer(good)},
		{"RS384 where only RS256 is configured", rs256Only, bearer(goodToken("RS384", "RSA")), ReasonAlgorithm, bearer(goodToken("RS256", "RSA"))},
		{"RS256 signature called PS256", rsaKey,
			bearer(sign("RS256", testKey("RSA"), header("PS256", nil), claims(nil))), ReasonSignature, bearer(goodToken("PS256", "RSA"))},
		{"alg of another key of the set", set,
			bearer(sign("RS256", testKey("RSA"), header("RS256", kid("k1")), claims(nil))), ReasonAlgorithm,
			bearer(sign("RS256", testKey("RSA"), header("RS256", kid("r1")), claims(nil)))},

		// The key.
		{"foreign key", single, bearer(goodToken("ES384", "ES384/mallory")), ReasonSignature, bearer(good)},
		{"foreign key under a kid of the set", set,
			bearer(sign("ES384", mallory, header("ES384", kid("k1")), claims(nil))), ReasonSignature, bearer(withHeader(kid("k1")))},
		{"foreign key under an unknown kid", set,
			bearer(sign("ES384", mallory, header("ES384", kid("k9")), claims(nil))), ReasonUnknownKey, bearer(withHeader(kid("k1")))},
		{"foreign key without kid", set, bearer(goodToken("ES384", "ES384/mallory")), ReasonSignature, bearer(good)},
		{"foreign key under any kid, single key", single,
			bearer(sign("ES384", mallory, header("ES384", kid("k1")), claims(nil))), ReasonSignature, bearer(withHeader(kid("anything")))},
		{"good key under another's kid", set, bearer(withHeader(kid("k2"))), ReasonSignature, bearer(withHeader(kid("k1")))},
		{"good key under an unknown kid", set, bearer(withHeader(kid("k9"))), ReasonUnknownKey, bearer(withHeader(nil))},
		{"kid is a path", set, bearer(withHeader(kid("../../etc/passwd"))), ReasonUnknownKey, bearer(withHeader(kid("k1")))},
		{"kid is a URL", set, bearer(withHeader(raw{"kid": url})), ReasonUnknownKey, bearer(withHeader(kid("k1")))},
		{"kid is a number", single, bearer(withHeader(raw{"kid": "1"})), ReasonMalformed, bearer(withHeader(kid("1")))},
		{"kid is null", single, bearer(withHeader(raw{"kid": "null"})), ReasonMalformed, bearer(withHeader(kid("null")))},
		{"own key by jwk", single,
			bearer(sign("ES384", mallory, header("ES384", raw{"jwk": jwkOf(mallory, nil)}), claims(nil))), ReasonSignature,
			bearer(withHeader(raw{"jwk": jwkOf(mallory, nil)}))},
		{"own key by jku", single,
			bearer(sign("ES384", mallory, header("ES384", raw{"jku": url, "kid": `"k1"`}), claims(nil))), ReasonSignature,
			bearer(withHeader(raw{"jku": url}))},
		{"own key by jku, set", set,
			bearer(sign("ES384", mallory, header("ES384", raw{"jku": url, "kid": `"k1"`}), claims(nil))), ReasonSignature,
			bearer(withHeader(raw{"jku": url, "kid": `"k1"`}))},
		{"own key by x5u", single,
			bearer(sign("ES384", mallory, header("ES384", raw{"x5u": url}), claims(nil))), ReasonSignature,
			bearer(withHeader(raw{"x5u": url}))},
		{"own key by x5c", single,
			bearer(sign("ES384", mallory, header("ES384", raw{"x5c": `["MIIB"]`}), claims(nil))), ReasonSignature,
			bearer(withHeader(raw{"x5c": `["MIIB"]`}))},
		{"zero signature", single, bearer(parts[0] + "." + parts[1] + "." + b64(make([]byte, 96))), ReasonSignature, bearer(good)},
		{"zero signature, P-521", p521, bearer(b64([]byte(header("ES512", nil))) + "." + parts[1] + "." + b64(make([]byte, 132))),
			ReasonSignature, bearer(goodToken("ES512", "ES512"))},

		// The header.
		{"unknown crit", single, bearer(withHeader(raw{"crit": `["exp"]`, "exp": "1"})), ReasonCritical, bearer(withHeader(raw{"exp": "1"}))},
		{"crit b64", single, bearer(withHeader(raw{"crit": `["b64"]`, "b64": "false"})), ReasonCritical, bearer(good)},
		{"crit b64 true", single, bearer(withHeader(raw{"crit": `["b64"]`, "b64": "true"})), ReasonCritical, bearer(good)},
		{"b64 without crit", single, bearer(withHeader(raw{"b64": "false"})), ReasonCritical, bearer(good)},
		{"empty crit", single, bearer(withHeader(raw{"crit": `[]`})), ReasonCritical, bearer(good)},
		{"crit is null", single, bearer(withHeader(raw{"crit": `null`})), ReasonCritical, bearer(good)},
		{"alg twice", single, bearer(es(`{"alg":"none","alg":"ES384"}`, claims(nil))), ReasonMalformed, bearer(good)},
		{"alg twice, one escaped", single, bearer(es(`{"alg":"ES384","\u0061lg":"none"}`, claims(nil))), ReasonMalformed, bearer(good)},
		{"ALG", single, bearer(es(`{"ALG":"ES384"}`, claims(nil))), ReasonMalformed, bearer(withHeader(raw{"ALG": `"none"`}))},
		{"header is no object", single, bearer(es(`"ES384"`, claims(nil))), ReasonMalformed, bearer(good)},
		{"header is null", single, bearer(es(`null`, claims(nil))), ReasonMalformed, bearer(good)},
		{"header is cut", single, bearer(es(`{"alg":"ES384"`, claims(nil))), ReasonMalformed, bearer(good)},
		{"two headers in one", single, bearer(es(`{"alg":"ES384"}{"alg":"ES384"}`, claims(nil))), ReasonMalformed,
			bearer(es(" {\"alg\":\"ES384\"}\n", claims(nil)))},
		{"header is not UTF-8", single, bearer(es("{\"alg\":\"ES384\",\"x\":\"\xff\"}", claims(nil))), ReasonMalformed, bearer(good)},

		// The times. Leeway is 30 s unless said otherwise.
		{"expired", single, bearer(withClaims(raw{"exp": secondsFromNow(-31)})), ReasonExpired, bearer(withClaims(raw{"exp": secondsFromNow(-29)}))},
		{"expired to the second", single, bearer(withClaims(raw{"exp": secondsFromNow(-30)})), ReasonExpired,
			bearer(withClaims(raw{"exp": secondsFromNow(-30) + ".001"}))},
		{"expired by another leeway", shortLeeway, bearer(withClaims(raw{"exp": secondsFromNow(-10)})), ReasonExpired, bearer(withClaims(raw{"exp": secondsFromNow(-9)}))},
		{"no exp", single, bearer(withClaims(raw{"exp": ""})), ReasonNoExpiry, bearer(withClaims(raw{"iat": ""}))},
		{"EXP for exp", single, bearer(withClaims(raw{"exp": "", "EXP": secondsFromNow(300)})), ReasonNoExpiry, bearer(withClaims(raw{"EXP": "0"}))},
		{"exp 0", single, bearer(withClaims(raw{"exp": "0"})), ReasonNoExpiry, bearer(withClaims(raw{"nbf": "0"}))},
		{"exp 0.0", single, bearer(withClaims(raw{"exp": "0.0"})), ReasonNoExpiry, bearer(good)},
		{"exp below 0", single, bearer(withClaims(raw{"exp": "-1"})), ReasonNoExpiry, bearer(good)},
		{"exp is minus nothing", single, bearer(withClaims(raw{"exp": "-0"})), ReasonNoExpiry, bearer(good)},
		{"exp is a past float", single, bearer(withClaims(raw{"exp": "1.6e9"})), ReasonExpired, bearer(withClaims(raw{"exp": secondsFromNow(9) + ".75"}))},
		{"exp is tiny", single, bearer(withClaims(raw{"exp": "1e-400"})), ReasonNoExpiry, bearer(withClaims(raw{"exp": "1.8E+9"}))},
		{"exp in milliseconds", single, bearer(withClaims(raw{"exp": secondsFromNow(300) + "000"})), ReasonMalformed, bearer(withClaims(raw{"exp": "253402300799"}))},
		{"exp beyond int64", single, bearer(withClaims(raw{"exp": "99999999999999999999999"})), ReasonMalformed, bearer(good)},
		{"exp beyond float64", single, bearer(withClaims(raw{"exp": "1e999"})), ReasonMalformed, bearer(good)},
		{"exp is a string", single, bearer(withClaims(raw{"exp": `"` + secondsFromNow(300) + `"`})), ReasonMalformed, bearer(good)},
		{"exp is null", single, bearer(withClaims(raw{"exp": "null"})), ReasonMalformed, bearer(good)},
		{"exp is true", single, bearer(withClaims(raw{"exp": "true"})), ReasonMalformed, bearer(good)},
		{"exp is a list", single, bearer(withClaims(raw{"exp": "[" + secondsFromNow(300) + "]"})), ReasonMalformed, bearer(good)},
		{"exp twice", single, bearer(es(header("ES384", nil), `{"exp":1,"exp":`+secondsFromNow(300)+`}`)), ReasonMalformed, bearer(good)},
		{"nbf in the future", single, bearer(withClaims(raw{"nbf": secondsFromNow(31)})), ReasonNotYetValid, bearer(withClaims(raw{"nbf": secondsFromNow(30)}))},
		{"nbf is a string", single, bearer(withClaims(raw{"nbf": `"0"`})), ReasonMalformed, bearer(withClaims(raw{"nbf": secondsFromNow(-5)}))},
		{"nbf below 0", single, bearer(withClaims(raw{"nbf": "-5"})), ReasonMalformed, bearer(good)},
		{"iat in the future", single, bearer(withClaims(raw{"iat": secondsFromNow(31)})), ReasonNotYetValid, bearer(withClaims(raw{"iat": secondsFromNow(30)}))},
		{"iat is null", single, bearer(withClaims(raw{"iat": "null"})), ReasonMalformed, bearer(withClaims(raw{"iat": "0"}))},

		// Who.
		{"wrong iss", single, bearer(withClaims(raw{"iss": `"mallory"`})), ReasonIssuer, bearer(good)},
		{"no iss", single, bearer(withClaims(raw{"iss": ""})), ReasonIssuer, bearer(good)},
		{"iss in other case", single, bearer(withClaims(raw{"iss": `"P0"`})), ReasonIssuer, bearer(good)},
		{"iss is a list", single, bearer(withClaims(raw{"iss": `["p0"]`})), ReasonIssuer, bearer(good)},
		{"wrong sub", single, bearer(withClaims(raw{"sub": `"mallory"`})), ReasonSubject, bearer(good)},
		{"no sub", single, bearer(withClaims(raw{"sub": ""})), ReasonSubject, bearer(good)},
		{"wrong aud", single, bearer(withClaims(raw{"aud": `"mallory"`})), ReasonAudience, bearer(good)},
		{"no aud", single, bearer(withClaims(raw{"aud": ""})), ReasonAudience, bearer(good)},
		{"aud lists others", single, bearer(withClaims(raw{"aud": `["mallory","acme2"]`})), ReasonAudience, bearer(withClaims(raw{"aud": `["mallory","acme"]`}))},
		{"aud is an empty list", single, bearer(withClaims(raw{"aud": `[]`})), ReasonAudience, bearer(withClaims(raw{"aud": `["acme"]`}))},
		{"aud lists other types", single, bearer(withClaims(raw{"aud": `["acme",1]`})), ReasonAudience, bearer(good)},
		{"aud is an object", single, bearer(withClaims(raw{"aud": `{"acme":1}`})), ReasonAudience, bearer(good)},
		{"aud is null", single, bearer(withClaims(raw{"aud": `null`})), ReasonAudience, bearer(good)},

		// The claims as a whole.
		{"claims of another token", single, bearer(parts[0] + "." + b64([]byte(claims(raw{"sub": `"mallory"`}))) + "." + parts[2]), ReasonSignature, bearer(good)},
		{"claims are no object", single, bearer(es(header("ES384", nil), `["exp"]`)), ReasonMalformed, bearer(good)},
		{"claims are no JSON", single, bearer(es(header("ES384", nil), `exp`)), ReasonMalformed, bearer(good)},
		{"something after the claims", single, bearer(es(header("ES384", nil), claims(nil)+"{}")), ReasonMalformed, bearer(es(header("ES384", nil), claims(nil)+"\n"))},
	}
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			a := newAuthenticator(t, tt.config)
			for _, when := range []string{"first", "again"} {
				if got := reasonOf(t, a, tt.bad); got != tt.reason {
					t.Errorf("%s: reason %q, want %q", when, got, tt.reason)
				}
				if got := reasonOf(t, a, tt.twin); got != "" {
					t.Errorf("%s: the good twin was refused: %v", when, a.Authenticate(tt.twin, nil))
				}
			}
		})
	}
	if n := fetched.Load(); n != 0 {
		t.Errorf("a URL from a token was fetched %d times", n)
	}
}
