package authn

import (
	"strings"
	"testing"
)

func TestBearer(t *testing.T) {
	a := authenticatorOf(t, Config{Bearer: &Bearer{Secrets: secrets(newSecret, oldSecret)}})
	if a.Challenge() != "Bearer" {
		t.Errorf("challenge %q", a.Challenge())
	}
	checkRows(t, a, "", []authRow{
		{"the first", bearer(newSecret), ""},
		{"the second", bearer(oldSecret), ""},
		{"scheme in small letters", request("bearer " + newSecret), ""},
		{"scheme in capitals", request("BEARER " + newSecret), ""},
		{"nothing", request(), ReasonMissing},
		{"empty header", request(""), ReasonMissing},
		{"only the scheme", request("Bearer"), ReasonMissing},
		{"scheme and a blank", request("Bearer "), ReasonMissing},
		{"no scheme", request(newSecret), ReasonScheme},
		{"other scheme", request("Basic " + newSecret), ReasonScheme},
		{"longer scheme", request("Bearers " + newSecret), ReasonScheme},
		{"last byte differs", bearer(newSecret[:len(newSecret)-1] + "g"), ReasonSecret},
		{"first byte differs", bearer("N" + newSecret[1:]), ReasonSecret},
		{"a byte less", bearer(newSecret[:len(newSecret)-1]), ReasonSecret},
		{"a byte more", bearer(newSecret + "f"), ReasonSecret},
		{"a NUL more", bearer(newSecret + "\x00"), ReasonSecret},
		{"a blank more", bearer(newSecret + " "), ReasonSecret},
		{"two blanks before", request("Bearer  " + newSecret), ReasonSecret},
		{"a tab before", request("Bearer\t" + newSecret), ReasonScheme},
		{"in quotes", bearer(`"` + newSecret + `"`), ReasonSecret},
		{"both secrets", bearer(newSecret + " " + oldSecret), ReasonSecret},
		{"both in a list", bearer(newSecret + ", Bearer " + oldSecret), ReasonSecret},
		{"capitals", bearer(strings.ToUpper(newSecret)), ReasonSecret},
		{"the mask", bearer("***"), ReasonSecret},
		{"a JWT", bearer(goodToken("ES256", "ES256")), ReasonSecret},
		{"as long as a secret can be", bearer(strings.Repeat("x", maxSecret)), ReasonSecret},
		{"longer than a secret can be", bearer(strings.Repeat("x", maxSecret+1)), ReasonTooLarge},
		{"100 kB", bearer(strings.Repeat(newSecret, 4000)), ReasonTooLarge},
		{"two headers, both good", request("Bearer "+newSecret, "Bearer "+newSecret), ReasonMalformed},
		{"two headers, good first", request("Bearer "+newSecret, "Bearer x"), ReasonMalformed},
		{"two headers, good last", request("", "Bearer "+newSecret), ReasonMalformed},
		{"in another header", withHeaders("X-Api-Key", newSecret), ReasonMissing},
		{"in Proxy-Authorization", withHeaders("Proxy-Authorization", "Bearer "+newSecret), ReasonMissing},
	})
	r := withHeaders()
	r.URL.RawQuery = "access_token=" + newSecret // RFC 6750's third way: logs of proxies would have it
	checkRows(t, a, "access_token="+newSecret, []authRow{{"in the query and the body", r, ReasonMissing}})
}

// A secret may have any characters that a header can carry.
func TestBearerCharacters(t *testing.T) {
	for _, s := range []string{"a b", `"; drop, {}=\`, "Schlüssel-ß", "ark_x=="} {
		a := authenticatorOf(t, Config{Bearer: &Bearer{Secrets: secrets(s)}})
		checkRows(t, a, "", []authRow{{s, bearer(s), ""}, {s + " cut", bearer(s[:len(s)-1]), ReasonSecret}})
	}
}
