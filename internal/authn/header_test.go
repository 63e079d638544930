package authn

import (
	"strings"
	"testing"
)

func TestHeader(t *testing.T) {
	a := authenticatorOf(t, Config{Header: &Header{Name: "x-permit-SECRET", Secrets: secrets(newSecret, oldSecret)}})
	if c := a.Challenge(); strings.Contains(strings.ToLower(c), "permit") || c == "" || strings.ContainsAny(c, " ,=\"") {
		t.Errorf("challenge %q: must be one scheme, and must not name the header", c)
	}
	const name = "X-Permit-Secret"
	checkRows(t, a, "", []authRow{
		{"the first", withHeaders(name, newSecret), ""},
		{"the second", withHeaders("x-PERMIT-secret", oldSecret), ""},
		{"other headers beside it", withHeaders("Authorization", "Bearer x", name, newSecret), ""},
		{"nothing", withHeaders(), ReasonMissing},
		{"empty", withHeaders(name, ""), ReasonMissing},
		{"in Authorization", bearer(newSecret), ReasonMissing},
		{"in a header of a longer name", withHeaders(name+"2", newSecret), ReasonMissing},
		{"underscores", withHeaders("X_Permit_Secret", newSecret), ReasonMissing},
		{"last byte differs", withHeaders(name, newSecret[:len(newSecret)-1]+"g"), ReasonSecret},
		{"first byte differs", withHeaders(name, "N"+newSecret[1:]), ReasonSecret},
		{"with a scheme", withHeaders(name, "Bearer "+newSecret), ReasonSecret},
		{"a blank more", withHeaders(name, newSecret+" "), ReasonSecret},
		{"both in a list", withHeaders(name, newSecret+", "+oldSecret), ReasonSecret},
		{"twice, both good", withHeaders(name, newSecret, name, newSecret), ReasonMalformed},
		{"twice, good first", withHeaders(name, newSecret, name, "x"), ReasonMalformed},
		{"twice, good last", withHeaders(name, "", name, newSecret), ReasonMalformed},
		{"too long", withHeaders(name, strings.Repeat("x", maxSecret+1)), ReasonTooLarge},
	})
}

// In Authorization the whole value counts, so that a scheme is a part of the secret.
func TestHeaderAuthorization(t *testing.T) {
	a := authenticatorOf(t, Config{Header: &Header{Name: "authorization", Secrets: secrets(newSecret, "Token "+oldSecret)}})
	checkRows(t, a, "", []authRow{
		{"raw", request(newSecret), ""},
		{"with the scheme of the config", request("Token " + oldSecret), ""},
		{"with another scheme", request("Bearer " + newSecret), ReasonSecret},
		{"the scheme in small letters", request("token " + oldSecret), ReasonSecret},
		{"twice", request(newSecret, newSecret), ReasonMalformed},
		{"nothing", request(), ReasonMissing},
	})
}

func TestHeaderNames(t *testing.T) {
	for _, name := range []string{"X-Permit-Secret", "authorization", "Apikey", "x_key", "X-Content-Key", "Hosts", "X-Gitlab-Token", "a!#$%&'*+.^`|~9"} {
		if err := checkHeaderName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
