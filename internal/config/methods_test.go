package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"accessrelay/internal/authn"
	"accessrelay/internal/secret"
)

const whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// loadAuth loads a file whose one source has the lines of auth from line 9 on.
// The folder has secrets one, two, long and empty.
func loadAuth(t *testing.T, auth string, need Need, vars map[string]string) (authn.Config, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "accessrelay.yaml")
	text := "tenants:\n  - id: " + acme + "\n    name: acme\n    sources:\n      - id: acme-p0\n        platform: p0\n" +
		"        dedup_window: 1h\n        auth:\n          " + strings.ReplaceAll(strings.TrimSpace(auth), "\n", "\n          ") + "\n"
	for file, content := range map[string]string{
		path: text, filepath.Join(dir, "one"): "S3CR3T-one\n", filepath.Join(dir, "two"): "S3CR3T-two\r\n",
		filepath.Join(dir, "long"): "S3CR3T\nS3CR3T\n", filepath.Join(dir, "empty"): "\n",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Load(path, need, stubs(), lookupIn(vars))
	if err != nil {
		return authn.Config{}, err
	}
	return f.SourceByID("acme-p0").Auth, nil
}

func secrets(texts ...string) []secret.String {
	out := make([]secret.String, len(texts))
	for i, s := range texts {
		out[i] = secret.New(s)
	}
	return out
}

// goodMethods are files with what ingest makes of them.
var goodMethods = []struct {
	name, auth string
	want       authn.Config
}{
	{"bearer", `bearer: {secrets: ["${NEW}", S3CR3T-old]}`, authn.Config{Bearer: &authn.Bearer{Secrets: secrets("S3CR3T-new", "S3CR3T-old")}}},
	{"bearer from files", `bearer: {secrets_files: [one, two]}`, authn.Config{Bearer: &authn.Bearer{Secrets: secrets("S3CR3T-one", "S3CR3T-two")}}},
	{"a variable inside, a literal beside it", `bearer: {secrets: ["a-${NEW}-$${NEW}"]}`, authn.Config{Bearer: &authn.Bearer{Secrets: secrets("a-S3CR3T-new-${NEW}")}}},
	{"header", "header:\n  name: X-Permit-Secret\n  secrets_files:\n    - one", authn.Config{Header: &authn.Header{Name: "X-Permit-Secret", Secrets: secrets("S3CR3T-one")}}},
	{"a header's name from a variable", `header: {name: "${NEW}", secrets: ["${NEW}"]}`, authn.Config{Header: &authn.Header{Name: "S3CR3T-new", Secrets: secrets("S3CR3T-new")}}},
	{"basic", `basic: {username: relay, passwords: ["${NEW}"]}`, authn.Config{Basic: &authn.Basic{Username: "relay", Passwords: secrets("S3CR3T-new")}}},
	{"basic from files", `basic: {username_file: one, passwords_files: [two]}`, authn.Config{Basic: &authn.Basic{Username: "S3CR3T-one", Passwords: secrets("S3CR3T-two")}}},
	{"standard-webhooks", `hmac: {scheme: standard-webhooks, secrets: ["${WHSEC}"]}`, authn.Config{HMAC: &authn.HMAC{Scheme: "standard-webhooks", Secrets: secrets(whsec)}}},
	{"github", "hmac:\n  scheme: github\n  secrets_files: [one, two]", authn.Config{HMAC: &authn.HMAC{Scheme: "github", Secrets: secrets("S3CR3T-one", "S3CR3T-two")}}},
}

func TestMethods(t *testing.T) {
	for _, tt := range goodMethods {
		t.Run(tt.name, func(t *testing.T) {
			got, err := loadAuth(t, tt.auth, NeedAuth, map[string]string{"NEW": "S3CR3T-new", "WHSEC": whsec})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("read %+v", got)
			}
		})
	}
}

// A worker has neither the variables nor the files, and sees no secret.
func TestMethodsUnresolved(t *testing.T) {
	for _, tt := range goodMethods {
		t.Run(tt.name, func(t *testing.T) {
			auth := strings.NewReplacer("one", "nowhere/one", "two", "nowhere/two").Replace(tt.auth)
			got, err := loadAuth(t, auth, NeedChannels, nil)
			if err != nil {
				t.Fatal(err)
			}
			if reflect.ValueOf(got).IsZero() {
				t.Error("the method is lost")
			}
			for _, list := range [][]secret.String{bearerSecrets(got), headerSecrets(got)} {
				for _, s := range list {
					if text := s.Reveal(); strings.Contains(text, "S3CR3T-new") || strings.Contains(text, "S3CR3T-one") {
						t.Errorf("a worker knows %q", text)
					}
				}
			}
		})
	}
}

func bearerSecrets(c authn.Config) []secret.String {
	if c.Bearer == nil {
		return nil
	}
	return c.Bearer.Secrets
}

func headerSecrets(c authn.Config) []secret.String {
	if c.Header == nil {
		return nil
	}
	return c.Header.Secrets
}

// What is wrong with a method is told with its line and key, in the spelling
// of the file, and without a secret. A worker cares for the form alone.
func TestMethodErrors(t *testing.T) {
	const both = "\n# both programs refuse it"
	for _, tt := range []struct{ name, auth, want string }{
		{"no secrets", "bearer: {}", "9: auth.bearer.secrets: lists none: needs at least one"},
		{"no secret in the list", "bearer:\n  secrets: []", "10: auth.bearer.secrets: lists none: needs at least one"},
		{"no file in the list", "bearer:\n  secrets_files: []", "10: auth.bearer.secrets_files: lists none: needs at least one"},
		{"nothing behind the method", "bearer:" + both, "9: auth.bearer: has no value"},
		{"nothing behind secrets", "bearer:\n  secrets:" + both, "10: auth.bearer.secrets: has no value"},
		{"one text for a list", "bearer:\n  secrets: S3CR3T" + both, "10: auth.bearer.secrets: must be a list, not a string"},
		{"a singular", "bearer: {secret: S3CR3T}" + both, `9: auth.bearer.secret: unknown key, did you mean "secrets"?`},
		{"one file for a list", "bearer: {secrets_file: one}" + both, `9: auth.bearer.secrets_file: unknown key, did you mean "secrets_files"?`},
		{"a singular of files", "bearer:\n  secret_files: [one]" + both, `10: auth.bearer.secret_files: unknown key, did you mean "secrets_files"?`},
		{"a singular of one file", "header:\n  name: X-Key\n  secret_file: one" + both, `11: auth.header.secret_file: unknown key, did you mean "secrets_files"?`},
		{"one password file", "basic:\n  username: x\n  passwords_file: one" + both, `11: auth.basic.passwords_file: unknown key, did you mean "passwords_files"?`},
		{"a username's file", "basic:\n  user_file: one" + both, `10: auth.basic.user_file: unknown key; known here: username, passwords, passwords_files`},
		{"another key", "bearer: {tokens: [S3CR3T]}" + both, "9: auth.bearer.tokens: unknown key; known here: secrets, secrets_files"},
		{"an issuer's file", "jwt: {issuer_flie: one}" + both, `9: auth.jwt.issuer_flie: unknown key, did you mean "issuer_file"?`},
		{"both spellings", "bearer:\n  secrets: [S3CR3T]\n  secrets_files: [one]" + both, "11: auth.bearer.secrets_files: secrets and secrets_files exclude each other"},
		{"a number", "bearer:\n  secrets: [0123456]" + both, "10: auth.bearer.secrets[0]: must be a string: put it in quotes"},
		{"an empty text", "bearer:\n  secrets:\n    - S3CR3T\n    - \"\"" + both, "12: auth.bearer.secrets[1]: is empty"},
		{"an unset variable", "bearer:\n  secrets:\n    - ${NEW}\n    - ${UNSET}", "12: auth.bearer.secrets[1]: variable UNSET is not set"},
		{"an empty variable", "bearer: {secrets: [\"${EMPTY}\"]}", "9: auth.bearer.secrets[0]: variable EMPTY is empty"},
		{"a missing file", "bearer:\n  secrets_files: [one, nowhere]", "10: auth.bearer.secrets_files[1]: "},
		{"an empty file", "bearer:\n  secrets_files:\n    - one\n    - empty", "12: auth.bearer.secrets_files[1]: "},
		{"two lines in a file", "bearer:\n  secrets_files:\n    - one\n    - long", "12: auth.bearer.secrets_files[1]: has a line break"},
		{"a blank after", "bearer:\n  secrets:\n    - S3CR3T\n    - \"S3CR3T \"", "12: auth.bearer.secrets[1]: begins or ends with a blank"},
		{"a line break after", "header:\n  name: X-Key\n  secrets:\n    - |\n      S3CR3T\n", "12: auth.header.secrets[0]: begins or ends with a blank or a line break"},
		{"no header", "header:\n  secrets: [S3CR3T]", "9: auth.header.name: is missing: name the header"},
		{"Host", "header:\n  secrets: [S3CR3T]\n  name: host", "11: auth.header.name: Host is set by HTTP itself"},
		{"no username", "basic: {passwords: [S3CR3T]}", "9: auth.basic.username: is missing"},
		{"a colon", "basic:\n  username: 're:lay'\n  passwords: [S3CR3T]", "10: auth.basic.username: has a colon"},
		{"a colon from a file", "basic:\n  username: relay\n  passwords_files: [empty]", "11: auth.basic.passwords_files[0]: "},
		{"no scheme", "hmac: {secrets: [S3CR3T]}", "9: auth.hmac.scheme: is missing: needs standard-webhooks or github"},
		{"unknown scheme", "hmac:\n  scheme: stripe\n  secrets: [S3CR3T]", "10: auth.hmac.scheme: is not known: needs standard-webhooks or github"},
		{"not whsec_", "hmac:\n  scheme: standard-webhooks\n  secrets:\n    - " + whsec + "\n    - S3CR3T", "13: auth.hmac.secrets[1]: does not begin with whsec_"},
		{"not whsec_, in a file", "hmac:\n  scheme: standard-webhooks\n  secrets_files: [one]", "11: auth.hmac.secrets_files[0]: does not begin with whsec_"},
		{"too short", "hmac:\n  scheme: standard-webhooks\n  secrets: [whsec_S3CR3T==]", "11: auth.hmac.secrets[0]: has no base64"},
		{"two methods", "bearer: {secrets: [S3CR3T]}\nbasic: {username: x, passwords: [S3CR3T]}" + both, "8: auth: must have exactly one method (jwt, bearer, header, basic, hmac), has 2"},
		{"another method", "oauth: {secrets: [S3CR3T]}" + both, "9: auth.oauth: unknown key; known here: jwt, bearer, header, basic, hmac"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			vars := map[string]string{"NEW": "S3CR3T-new", "EMPTY": ""}
			_, err := loadAuth(t, tt.auth, NeedAuth, vars)
			if err == nil {
				t.Fatal("no error")
			}
			line, rest, _ := strings.Cut(tt.want, ": ")
			_, got, _ := strings.Cut(err.Error(), "accessrelay.yaml:")
			if want := line + ": tenants[0].sources[0]." + rest; !strings.HasPrefix(got, want) {
				t.Errorf("got  %s\nwant %s…", got, want)
			}
			if strings.Contains(err.Error(), "S3CR3T") || strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line, or a secret: %q", err)
			}
			_, err = loadAuth(t, tt.auth, NeedChannels, nil)
			if wants := strings.HasSuffix(tt.auth, both); (err != nil) != wants {
				t.Errorf("a worker says %v; should it: %v", err, wants)
			}
		})
	}
}
