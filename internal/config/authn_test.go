package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/secret"
)

// authn's errors come out with the place of the key they are about. Their texts
// are authn's own.
func TestAuthnErrorsNameThePlace(t *testing.T) {
	tests := []struct{ name, jwt, want string }{
		{"not a key", "key_file: token\n            issuer: p0", "9: tenants[0].sources[0].auth.jwt.key_file: "},
		{"not a key, inline", "issuer: p0\n            key: S3CR3T", "10: tenants[0].sources[0].auth.jwt.key: "},
		{"algorithm", "jwks_url: https://x/jwks\n            algorithms: [HS256]", "10: tenants[0].sources[0].auth.jwt.algorithms: "},
		{"URL", "jwks_url: http://id.example.com/jwks", "9: tenants[0].sources[0].auth.jwt.jwks_url: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "accessrelay.yaml")
			text := "tenants:\n  - id: " + acme + "\n    name: acme\n    sources:\n      - id: p0\n        platform: p0\n        auth:\n          jwt:\n            " + tt.jwt + "\n"
			for file, content := range map[string]string{path: text, filepath.Join(dir, "token"): "S3CR3T"} {
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Load(path, NeedAuth, stubs(), lookupIn(nil))
			if err == nil || !strings.HasPrefix(err.Error(), path+":"+tt.want) {
				t.Errorf("got  %v\nwant %s:%s…", err, path, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "S3CR3T") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("more than a line, or a secret: %q", err)
			}
			if _, err := Load(path, NeedChannels, stubs(), lookupIn(nil)); err != nil {
				t.Errorf("a worker cares: %v", err)
			}
		})
	}
}

// laterMethod has a key of every type that fields can read, so that a method to
// come needs no line here.
type laterMethod struct {
	Username  string          `yaml:"username"`
	Secret    secret.String   `yaml:"secret"`
	Passwords []secret.String `yaml:"passwords"`
	Paths     []string        `yaml:"paths"`
	Strict    bool            `yaml:"strict"`
	Tolerance time.Duration   `yaml:"tolerance"`
	Limit     int             `yaml:"limit"`
	Header    struct {
		Name string `yaml:"name"`
	} `yaml:"header"`
	Loaded []byte `yaml:"-"`
}

func readMethod(t *testing.T, text string, resolve bool) (laterMethod, error) {
	t.Helper()
	root, err := parseYAML([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	l := &loader{dir: "testdata", lookup: lookupIn(map[string]string{"PW": "one"})}
	var m laterMethod
	l.fields(at{key: "later", line: 1, n: root}, reflect.ValueOf(&m).Elem(), resolve)
	return m, l.err
}

func TestFields(t *testing.T) {
	m, err := readMethod(t, `
username: relay
secret_file: files/token
passwords: ["${PW}", two]
paths_files: [files/token]
strict: true
tolerance: 1d
limit: 3
header: {name: X-Key}
`, true)
	if err != nil {
		t.Fatal(err)
	}
	if m.Username != "relay" || m.Secret.Reveal() != "from-a-file" || len(m.Passwords) != 2 || m.Passwords[0].Reveal() != "one" ||
		m.Passwords[1].Reveal() != "two" || !slices.Equal(m.Paths, []string{"from-a-file"}) || !m.Strict ||
		m.Tolerance != 24*time.Hour || m.Limit != 3 || m.Header.Name != "X-Key" {
		t.Errorf("read %+v", m)
	}
}

func TestFieldsUnresolved(t *testing.T) {
	m, err := readMethod(t, "secret_file: none\npasswords: [\"${UNSET}\"]\ntolerance: ${UNSET}\npaths_files: [none]\n", false)
	if err != nil {
		t.Fatal(err)
	}
	if m.Secret.Reveal() != "" || m.Tolerance != 0 {
		t.Errorf("read %+v, want nothing of what is not for this program", m)
	}
}

func TestFieldsRefuse(t *testing.T) {
	tests := []struct{ text, want string }{
		{"loaded: x", "1: later.loaded: unknown key; known here: username, secret, secret_file, passwords, passwords_files, paths, strict, tolerance, limit, header"},
		{"secret: a\nsecret_file: files/token", "2: later.secret_file: secret and secret_file exclude each other"},
		{"secret_files: [files/token]", `1: later.secret_files: unknown key, did you mean "secret_file"?`},
		{"passwords_file: files/token", `1: later.passwords_file: unknown key, did you mean "passwords_files"?`},
		{"password_files: [files/token]", `1: later.password_files: unknown key, did you mean "passwords_files"?`},
		{"username_flie: files/token", `1: later.username_flie: unknown key, did you mean "username_file"?`},
		{"header: {naem: X}", `1: later.header.naem: unknown key, did you mean "name"?`},
		{"strict: true\nheader:\n  name: X\n  paths: []", "4: later.header.paths: unknown key; known here: name"},
		{"strict_file: files/token", "1: later.strict_file: cannot be read from a file"},
		{"strict: yes", "1: later.strict: must be true or false, not a string"},
		{"secret: 0123", "1: later.secret: must be a string: put it in quotes"},
		{"passwords: []\nlimit: -1", "2: later.limit: must be a whole number from 0 to 2147483647"},
		{"header: X", "1: later.header: must be a map of keys, not a string"},
		{"username:", "1: later.username: has no value"},
	}
	for _, tt := range tests {
		if _, err := readMethod(t, tt.text, true); err == nil || err.Error() != tt.want {
			t.Errorf("%q: got %v\nwant %s", tt.text, err, tt.want)
		}
	}
}
