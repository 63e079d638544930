package authn

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/secret"

	"github.com/goccy/go-yaml"
)

// Two secrets of these tests: the one in use and the one before it.
const (
	newSecret = "n3w-S3CR3T-0123456789abcdef"
	oldSecret = "0ld-S3CR3T-fedcba9876543210"
)

func secrets(texts ...string) []secret.String {
	out := make([]secret.String, len(texts))
	for i, s := range texts {
		out[i] = secret.New(s)
	}
	return out
}

// authenticatorOf has the tests' clock.
func authenticatorOf(tb testing.TB, c Config) Authenticator {
	tb.Helper()
	a, err := New(c, Options{Now: func() time.Time { return testNow }})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// withHeaders is a request with headers given as name, value, name, value.
func withHeaders(pairs ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v1/hooks/acme", nil)
	for i := 0; i < len(pairs); i += 2 {
		r.Header.Add(pairs[i], pairs[i+1])
	}
	return r
}

// authRow is one request and the reason for which it is refused; "": it passes.
type authRow struct {
	name   string
	r      *http.Request
	reason string
}

// checkRows has a judge every row's request with the body, twice: nothing that
// was refused may be let in the second time, nor the other way round.
func checkRows(t *testing.T, a Authenticator, body string, rows []authRow) {
	t.Helper()
	for range 2 {
		for _, row := range rows {
			err := a.Authenticate(row.r, []byte(body))
			var got string
			if f, ok := errors.AsType[*Failure](err); ok {
				got = f.Reason
			}
			if got != row.reason || (err == nil) != (row.reason == "") {
				t.Errorf("%s: %v, want %q", row.name, err, row.reason)
			}
			documented(t, err)
			if err != nil && strings.Contains(err.Error(), "S3CR3T") {
				t.Errorf("%s: the error holds a secret: %v", row.name, err)
			}
		}
	}
}

// Every text is compared, whichever is the one: listed three times it counts
// three times.
func TestDigestsCompareAll(t *testing.T) {
	d := digestsOf("a", "b", "a", "c", "a")
	for given, want := range map[string]int{"a": 3, "b": 1, "c": 1, "d": 0, "": 0, "ab": 0} {
		if got := d.matches(given); got != want {
			t.Errorf("%q equals %d, want %d", given, got, want)
		}
	}
	if got := digestsOf().matches(""); got != 0 {
		t.Errorf("of no texts %d are equal", got)
	}
}

func TestMACsCompareAll(t *testing.T) {
	m := newMACs([][]byte{[]byte("one"), []byte("two"), []byte("one")})
	sums := map[string]int{}
	calls := m.matches([]byte("body"), func(sum []byte) int { sums[string(sum)]++; return 1 }, "id", ".")
	if calls != 3 || len(sums) != 2 {
		t.Errorf("%d sums were compared, of which %d are different; want 3 and 2", calls, len(sums))
	}
	known := func(sum []byte) int { return sums[string(sum)] }
	if n := m.matches([]byte("body."), known, "id"); n != 0 {
		t.Error("another text has the same sum")
	}
	if n := m.matches([]byte(".body"), known, "i", "d"); n != 5 {
		t.Errorf("the same text has other sums the second time: %d", n)
	}
}

// How a wrong secret is wrong makes no difference to the answer.
func TestOneFailureForEveryWrongSecret(t *testing.T) {
	wrong := []string{
		newSecret[:len(newSecret)-1] + "x", "x" + newSecret[1:], newSecret[:5], newSecret + "x", newSecret + newSecret,
		strings.ToUpper(newSecret), "x", oldSecret + newSecret, strings.Repeat("x", 1000),
	}
	list := secrets(newSecret, oldSecret)
	for name, tt := range map[string]struct {
		c    Config
		with func(string) *http.Request
	}{
		"bearer": {Config{Bearer: &Bearer{Secrets: list}}, bearer},
		"header": {Config{Header: &Header{Name: "X-Key", Secrets: list}}, func(s string) *http.Request { return withHeaders("X-Key", s) }},
		"basic": {Config{Basic: &Basic{Username: "relay", Passwords: list}}, func(s string) *http.Request {
			r := withHeaders()
			r.SetBasicAuth("relay", s)
			return r
		}},
	} {
		a := authenticatorOf(t, tt.c)
		for _, good := range []string{newSecret, oldSecret} {
			if err := a.Authenticate(tt.with(good), nil); err != nil {
				t.Errorf("%s: a good secret: %v", name, err)
			}
		}
		first := a.Authenticate(tt.with(wrong[0]), nil)
		for _, s := range wrong {
			err := a.Authenticate(tt.with(s), nil)
			if err == nil || err.Error() != first.Error() {
				t.Errorf("%s: %q: %v, others %v", name, s, err, first)
			}
		}
		if f, ok := errors.AsType[*Failure](first); !ok || f.Reason != ReasonSecret {
			t.Errorf("%s: %v", name, first)
		}
	}
}

// The keys are those of the file's format.
func TestMethodsFromYAML(t *testing.T) {
	for text, want := range map[string]Config{
		`bearer: {secrets: [one, two]}`:                           {Bearer: &Bearer{Secrets: secrets("one", "two")}},
		`header: {name: X-Permit-Secret, secrets: [one]}`:         {Header: &Header{Name: "X-Permit-Secret", Secrets: secrets("one")}},
		`basic: {username: relay, passwords: [one, two]}`:         {Basic: &Basic{Username: "relay", Passwords: secrets("one", "two")}},
		`hmac: {scheme: standard-webhooks, secrets: [whsec_abc]}`: {HMAC: &HMAC{Scheme: SchemeStandardWebhooks, Secrets: secrets("whsec_abc")}},
	} {
		var got Config
		if err := yaml.UnmarshalWithOptions([]byte(text), &got, yaml.Strict()); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read %+v", text, got)
		}
	}
}

func TestMethodErrors(t *testing.T) {
	good := secrets(newSecret)
	key24 := "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
	standard := func(s string) Config {
		return Config{HMAC: &HMAC{Scheme: SchemeStandardWebhooks, Secrets: secrets(key24, s)}}
	}
	named := func(name string) Config { return Config{Header: &Header{Name: name, Secrets: good}} }
	user := func(name string) Config { return Config{Basic: &Basic{Username: name, Passwords: good}} }
	many := secrets(strings.Split(strings.Repeat(newSecret+" ", maxSecrets)+oldSecret, " ")...)
	for _, tt := range []struct {
		name string
		c    Config
		want string
	}{
		{"two methods", Config{Bearer: &Bearer{}, HMAC: &HMAC{}}, "needs exactly one method (jwt, bearer, header, basic, hmac), has 2"},

		{"bearer, none", Config{Bearer: &Bearer{}}, `bearer.secrets: lists none: needs at least one, as in secrets: ["${VARIABLE}"]`},
		{"bearer, empty", Config{Bearer: &Bearer{Secrets: secrets(newSecret, "")}}, "bearer.secrets[1]: is empty"},
		{"bearer, blank after", Config{Bearer: &Bearer{Secrets: secrets(newSecret + " ")}}, "bearer.secrets[0]: begins or ends with a blank"},
		{"bearer, line break after", Config{Bearer: &Bearer{Secrets: secrets(newSecret + "\n")}}, "bearer.secrets[0]: begins or ends with a blank"},
		{"bearer, no-break space before", Config{Bearer: &Bearer{Secrets: secrets("\u00a0" + newSecret)}}, "bearer.secrets[0]: begins or ends with a blank"},
		{"bearer, two lines", Config{Bearer: &Bearer{Secrets: secrets(newSecret + "\n" + oldSecret)}}, "bearer.secrets[0]: has a line break"},
		{"bearer, NUL", Config{Bearer: &Bearer{Secrets: secrets("S3CR3T\x00S3CR3T")}}, "another control character"},
		{"bearer, DEL", Config{Bearer: &Bearer{Secrets: secrets("S3CR3T\x7fS3CR3T")}}, "another control character"},
		{"bearer, too long", Config{Bearer: &Bearer{Secrets: secrets(strings.Repeat("S3CR3T", 1000))}}, "bearer.secrets[0]: is longer than 4096 bytes"},
		{"bearer, too many", Config{Bearer: &Bearer{Secrets: many}}, "bearer.secrets: lists more than 16"},

		{"header, no name", named(""), "header.name: is missing"},
		{"header, blank in the name", named("X Key"), "header.name: is not the name of a header"},
		{"header, colon", named("X-Key:"), "header.name: is not the name of a header"},
		{"header, not ASCII", named("X-Schlüssel"), "header.name: is not the name of a header"},
		{"header, line break", named("X-Key\r\nHost"), "header.name: is not the name of a header"},
		{"header, long name", named("X-" + strings.Repeat("k", 100)), "header.name: is longer than 100"},
		{"header, Host", named("host"), "header.name: Host is set by HTTP itself"},
		{"header, Content-Type", named("content-type"), "header.name: Content-Type is set"},
		{"header, Content-Length", named("CONTENT-LENGTH"), "header.name: Content-Length is set"},
		{"header, Connection", named("connection"), "Connection is set"},
		{"header, TE", named("TE"), "Te is set"},
		{"header, Proxy-Authorization", named("proxy-authorization"), "Proxy-Authorization is set"},
		{"header, X-Forwarded-For", named("x-forwarded-for"), "X-Forwarded-For is set"},
		{"header, none", Config{Header: &Header{Name: "X-Key"}}, "header.secrets: lists none"},
		{"header, tab before", Config{Header: &Header{Name: "X-Key", Secrets: secrets("\t" + newSecret)}}, "header.secrets[0]: begins"},

		{"basic, no username", user(""), "basic.username: is missing"},
		{"basic, colon", user("S3CR3T:x"), "basic.username: has a colon"},
		{"basic, line break", user("S3CR3T\n"), "basic.username: has a line break"},
		{"basic, long username", user(strings.Repeat("u", 257)), "basic.username: is longer than 256"},
		{"basic, none", Config{Basic: &Basic{Username: "relay"}}, `basic.passwords: lists none: needs at least one, as in passwords: ["${VARIABLE}"]`},
		{"basic, empty", Config{Basic: &Basic{Username: "relay", Passwords: secrets("")}}, "basic.passwords[0]: is empty"},
		{"basic, blank", Config{Basic: &Basic{Username: "relay", Passwords: secrets(" " + newSecret)}}, "basic.passwords[0]: begins"},

		{"hmac, no scheme", Config{HMAC: &HMAC{Secrets: good}}, "hmac.scheme: is missing: needs standard-webhooks or github"},
		{"hmac, other scheme", Config{HMAC: &HMAC{Scheme: "S3CR3T", Secrets: good}}, "hmac.scheme: is not known: needs standard-webhooks or github"},
		{"hmac, none", Config{HMAC: &HMAC{Scheme: SchemeGitHub}}, "hmac.secrets: lists none"},
		{"hmac, empty", Config{HMAC: &HMAC{Scheme: SchemeGitHub, Secrets: secrets("")}}, "hmac.secrets[0]: is empty"},
		{"hmac, no prefix", standard(newSecret), "hmac.secrets[1]: does not begin with whsec_: needs whsec_ and the base64"},
		{"hmac, prefix in capitals", standard("WHSEC_" + key24[6:]), "hmac.secrets[1]: does not begin with whsec_"},
		{"hmac, no base64", standard("whsec_S3CR3T!"), "hmac.secrets[1]: has no base64"},
		{"hmac, base64url", standard("whsec_-_" + key24[8:]), "hmac.secrets[1]: has no base64"},
		{"hmac, line break inside", standard(key24[:20] + "\n" + key24[20:]), "hmac.secrets[1]: has no base64"},
		{"hmac, 1 byte", standard("whsec_QQ=="), "hmac.secrets[1]: has 1 byte after"},
		{"hmac, only the prefix", standard("whsec_"), "hmac.secrets[1]: has 0 bytes"},
		{"hmac, 23 bytes", standard("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="), "hmac.secrets[1]: has 23 bytes"},
		{"hmac, 66 bytes", standard("whsec_" + strings.Repeat("AAAA", 22)), "hmac.secrets[1]: has 66 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.c.Validate()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want it to say %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "S3CR3T") || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("the error repeats a secret, or is more than a line: %q", err)
			}
			a, newErr := New(tt.c, Options{})
			if newErr == nil || newErr.Error() != err.Error() || a != nil {
				t.Errorf("New says %v, Validate %v", newErr, err)
			}
			if w := tt.c.Warnings(); w != nil {
				t.Errorf("a config that is refused has warnings: %q", w)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	fine := secrets(newSecret, oldSecret)
	key := pemOf(testKey("ES256"))
	url := "https://idp.example.com/jwks"
	for _, tt := range []struct {
		name string
		c    Config
		want []string // what each begins with
	}{
		{"bearer", Config{Bearer: &Bearer{Secrets: fine}}, nil},
		{"bearer, 16 bytes", Config{Bearer: &Bearer{Secrets: secrets("S3CR3T-890123456")}}, nil},
		{"bearer, short", Config{Bearer: &Bearer{Secrets: secrets(newSecret, "S3CR3T")}}, []string{"bearer.secrets[1]: has 6 bytes"}},
		{"bearer, 1 byte", Config{Bearer: &Bearer{Secrets: secrets("x")}}, []string{"bearer.secrets[0]: has 1 byte,"}},
		{"bearer, twice", Config{Bearer: &Bearer{Secrets: secrets(newSecret, oldSecret, newSecret)}}, []string{"bearer.secrets[2]: is the same as bearer.secrets[0]"}},
		{"bearer, not ASCII", Config{Bearer: &Bearer{Secrets: secrets("S3CR3T-Schlüssel-9")}}, []string{"bearer.secrets[0]: has characters outside ASCII"}},
		{"header", Config{Header: &Header{Name: "X-Key", Secrets: fine}}, nil},
		{"header, underscore and short", Config{Header: &Header{Name: "x_key", Secrets: secrets("S3CR3T")}}, []string{"header.name: has an underscore", "header.secrets[0]: has 6 bytes"}},
		{"basic", Config{Basic: &Basic{Username: "relay", Passwords: secrets("Schlüssel-S3CR3T-9")}}, nil},
		{"basic, short", Config{Basic: &Basic{Username: "relay", Passwords: secrets("S3CR3T")}}, []string{"basic.passwords[0]: has 6 bytes"}},
		{"standard-webhooks", Config{HMAC: &HMAC{Scheme: SchemeStandardWebhooks, Secrets: secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}}, nil},
		{"github", Config{HMAC: &HMAC{Scheme: SchemeGitHub, Secrets: secrets(newSecret, "S3CR3T\n")}}, []string{
			"hmac.secrets[1]: has 7 bytes", "hmac.secrets[1]: begins or ends with a blank", "hmac.scheme: github signs no time",
		}},
		{"jwt", Config{JWT: &JWT{Key: key, Subject: "S3CR3T"}}, nil},
		{"jwt, nothing compared", Config{JWT: &JWT{Key: key}}, []string{"jwt: none of issuer, audience and subject is set"}},
		{"jwt, leeway of 5m", Config{JWT: &JWT{Key: key, Subject: "x", Leeway: new(5 * time.Minute)}}, nil},
		{"jwt, leeway above 5m", Config{JWT: &JWT{Key: key, Subject: "x", Leeway: new(5*time.Minute + 1)}}, []string{"jwt.leeway: is above 5m"}},
		{"jwt, leeway above 5m, nothing compared", Config{JWT: &JWT{Key: key, Leeway: new(time.Hour)}}, []string{"jwt: none of issuer", "jwt.leeway: is above 5m"}},
		{"jwt with a URL", Config{JWT: &JWT{JWKSURL: url, Issuer: "x", Audience: "y"}}, nil},
		{"jwt with a URL, issuer alone", Config{JWT: &JWT{JWKSURL: url, Issuer: "x"}}, []string{"jwt: neither audience nor subject is set"}},
		{"no method", Config{}, nil},
	} {
		got := tt.c.Warnings()
		if len(got) != len(tt.want) {
			t.Errorf("%s: %d warnings, want %d: %q", tt.name, len(got), len(tt.want), got)
			continue
		}
		for i, want := range tt.want {
			if !strings.HasPrefix(got[i], want) || strings.Contains(got[i], "S3CR3T") || strings.Contains(got[i], "\n") {
				t.Errorf("%s: %q, want %q…", tt.name, got[i], want)
			}
		}
	}
}
