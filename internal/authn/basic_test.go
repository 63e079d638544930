package authn

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestBasic(t *testing.T) {
	a := authenticatorOf(t, Config{Basic: &Basic{Username: "relay", Passwords: secrets(newSecret, oldSecret)}})
	if want := `Basic realm="hooks", charset="UTF-8"`; a.Challenge() != want {
		t.Errorf("challenge %q, want %q", a.Challenge(), want)
	}
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	good := encode("relay:" + newSecret)
	pair := func(text string) string { return "Basic " + encode(text) }
	checkRows(t, a, "", []authRow{
		{"the first", request("Basic " + good), ""},
		{"the second", request(pair("relay:" + oldSecret)), ""},
		{"scheme in small letters", request("basic " + good), ""},
		{"nothing", request(), ReasonMissing},
		{"only the scheme", request("Basic"), ReasonMissing},
		{"Bearer", request("Bearer " + good), ReasonScheme},
		{"password differs in its last byte", request(pair("relay:" + newSecret[:len(newSecret)-1] + "g")), ReasonSecret},
		{"password differs in its first byte", request(pair("relay:N" + newSecret[1:])), ReasonSecret},
		{"password of another length", request(pair("relay:" + newSecret + "f")), ReasonSecret},
		{"other username", request(pair("admin:" + newSecret)), ReasonSecret},
		{"username in capitals", request(pair("RELAY:" + newSecret)), ReasonSecret},
		{"no username", request(pair(":" + newSecret)), ReasonSecret},
		{"no password", request(pair("relay:")), ReasonSecret},
		{"no colon", request(pair("relay" + newSecret)), ReasonSecret},
		{"the colon elsewhere", request(pair("relay" + newSecret[:3] + ":" + newSecret[3:])), ReasonSecret},
		{"two colons", request(pair("relay::" + newSecret)), ReasonSecret},
		{"swapped", request(pair(newSecret + ":relay")), ReasonSecret},
		{"not encoded", request("Basic relay:" + newSecret), ReasonSecret},
		{"encoded twice", request("Basic " + encode(good)), ReasonSecret},
		{"no padding", request("Basic " + strings.TrimRight(encode("relay:"+newSecret+"x"), "=")), ReasonSecret},
		{"line break inside", request("Basic " + good[:8] + "\r\n" + good[8:]), ReasonSecret},
		{"blank after", request("Basic " + good + " "), ReasonSecret},
		{"rubbish", request("Basic \xff\xfe"), ReasonSecret},
		{"two headers", request("Basic "+good, "Basic "+good), ReasonMalformed},
		{"100 kB", request("Basic " + strings.Repeat("A", 100_000)), ReasonTooLarge},
	})
}

// What RFC 7617 shows: characters outside ASCII are UTF-8.
func TestBasicUTF8(t *testing.T) {
	a := authenticatorOf(t, Config{Basic: &Basic{Username: "test", Passwords: secrets("123£")}})
	checkRows(t, a, "", []authRow{
		{"UTF-8", request("Basic dGVzdDoxMjPCow=="), ""},
		{"ISO 8859-1", request("Basic dGVzdDoxMjOj"), ReasonSecret},
		{"without padding", request("Basic dGVzdDoxMjPCow"), ReasonSecret},
		{"spare bits set", request("Basic dGVzdDoxMjPCox=="), ReasonSecret},
	})
}

// The longest that can be configured can be sent, as any client would send it.
func TestBasicLengths(t *testing.T) {
	user, password := strings.Repeat("u", maxUsername), strings.Repeat("p", maxSecret)
	a := authenticatorOf(t, Config{Basic: &Basic{Username: user, Passwords: secrets(password)}})
	r := withHeaders()
	r.SetBasicAuth(user, password)
	checkRows(t, a, "", []authRow{{"the longest", r, ""}})
}
