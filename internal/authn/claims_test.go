package authn

import (
	"strings"
	"testing"
)

// What the log says of a claim that is another: both values, within bounds.
func TestClaimsThatDiffer(t *testing.T) {
	key := testKey("ES384")
	all := JWT{Key: pemOf(key), Issuer: "p0-prod", Audience: "acme", Subject: "notifier"}
	only := func(c JWT) JWT { c.Key = pemOf(key); return c }
	long := strings.Repeat("x", 99) + "éé"
	for _, tt := range []struct {
		config JWT
		claims raw
		want   string
	}{
		{all, raw{"iss": `"p0"`}, `issuer: iss is "p0", the file asks for "p0-prod"`},
		{all, raw{"iss": ""}, `issuer: iss is missing, the file asks for "p0-prod"`},
		{all, raw{"iss": `["p0-prod"]`}, `issuer: iss is not a string, the file asks for "p0-prod"`},
		{all, raw{"iss": `null`}, `issuer: iss is not a string, the file asks for "p0-prod"`},
		{all, raw{"iss": `""`}, `issuer: iss is "", the file asks for "p0-prod"`},
		{all, raw{"iss": `"a\n\"b\u0000"`}, `issuer: iss is "a\n\"b\x00", the file asks for "p0-prod"`},
		{all, raw{"iss": `"` + long + `"`}, `issuer: iss is "` + long[:99] + `"…, the file asks for "p0-prod"`},
		{only(JWT{Issuer: long}), raw{"iss": `"p0"`}, `issuer: iss is "p0", the file asks for "` + long[:99] + `"…`},
		{only(JWT{Subject: "notifier"}), raw{"sub": `"mallory"`}, `subject: sub is "mallory", the file asks for "notifier"`},
		{only(JWT{Audience: "acme"}), raw{"aud": `"acme2"`}, `audience: aud is "acme2", the file asks for "acme"`},
		{only(JWT{Audience: "acme"}), raw{"aud": `["a", "b\n"]`}, `audience: aud is ["a", "b\n"], the file asks for "acme"`},
		{only(JWT{Audience: "acme"}), raw{"aud": `[]`}, `audience: aud is [], the file asks for "acme"`},
		{only(JWT{Audience: "acme"}), raw{"aud": `["acme", 1]`}, `audience: aud is not a list of strings, the file asks for "acme"`},
		{only(JWT{Audience: "acme"}), raw{"aud": `{"acme":1}`}, `audience: aud is not a string, the file asks for "acme"`},
		{only(JWT{Audience: "acme"}), raw{"aud": `["` + long + `", "b"]`}, `audience: aud is ["` + long[:99] + `"…, …], the file asks for "acme"`},
		{only(JWT{Audience: "acme"}), raw{"aud": `["a", "` + strings.Repeat("y", 100) + `", "b"]`}, `audience: aud is ["a", …], the file asks for "acme"`},
	} {
		token := sign("ES384", key, header("ES384", nil), claims(tt.claims))
		if err := newAuthenticator(t, tt.config).Authenticate(bearer(token), nil); err == nil || err.Error() != tt.want {
			t.Errorf("%v:\ngot  %v\nwant %s", tt.claims, err, tt.want)
		}
	}
}

// Of a token that somebody else has signed nothing is told.
func TestClaimsOfAForgery(t *testing.T) {
	token := sign("ES384", testKey("ES384/second"), header("ES384", nil), claims(raw{"iss": `"S3CR3T"`}))
	err := newAuthenticator(t, JWT{Key: pemOf(testKey("ES384")), Issuer: "p0-prod"}).Authenticate(bearer(token), nil)
	if err == nil || !strings.HasPrefix(err.Error(), ReasonSignature+": ") || strings.Contains(err.Error(), "S3CR3T") || strings.Contains(err.Error(), "p0-prod") {
		t.Errorf("got %v", err)
	}
}
