package relayctl

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"accessrelay/internal/authn"
	"accessrelay/internal/config"
	"accessrelay/internal/event"
)

// sourcesFile has a source of every method; what is sent is P0's, as all
// platforms are sent alike.
const sourcesFile = `tenants:
  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11
    name: acme
    sources:
      - {id: by-jwt, platform: p0, auth: {jwt: {key_file: public.pem, issuer: i, audience: a, subject: s}}}
      - {id: by-bearer, platform: p0, auth: {bearer: {secrets: ["S3CR3T-${VARIABLE}", "S3CR3T-old"]}}}
      - {id: by-header, platform: p0, auth: {header: {name: X-Permit-Secret, secrets_files: [header.secret]}}}
  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e12
    name: other
    sources:
      - {id: by-basic, platform: p0, auth: {basic: {username: relay, passwords: [S3CR3T-basic]}}}
      - {id: by-hmac, platform: p0, auth: {hmac: {scheme: standard-webhooks, secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw]}}}
      - {id: by-github, platform: p0, auth: {hmac: {scheme: github, secrets: [S3CR3T-github]}}}
    channels:
      - {name: x, type: slack-webhook, config: {url: "${NOT_FOR_INGEST}"}}
`

// site is a relay's hooks with the sources of a file.
type site struct {
	*httptest.Server
	file, key string
	environ   []string

	mu    sync.Mutex
	paths map[string]int // of what was taken
	texts map[string]bool
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{file: filepath.Join(dir, "relay.yaml"), key: filepath.Join(dir, "private.pem"), environ: []string{"VARIABLE=new"}, paths: map[string]int{}, texts: map[string]bool{}}
	if got := relayctl(t, "keygen", "p0", "--private", s.key, "--public", filepath.Join(dir, "public.pem")); got.code != 0 {
		t.Fatalf("keygen: %+v", got)
	}
	for name, text := range map[string]string{"relay.yaml": sourcesFile, "header.secret": "S3CR3T-header\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := loadFile(s.file, config.NeedAuth, &Terminal{Environ: s.environ})
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		source := f.SourceByID(strings.TrimPrefix(r.URL.Path, "/v1/hooks/"))
		if source == nil {
			http.Error(w, `{"message":"no such source"}`, http.StatusNotFound)
			return
		}
		a, err := authn.New(source.Auth, authn.Options{})
		if err == nil {
			err = a.Authenticate(r, body)
		}
		if err != nil {
			http.Error(w, `{"message":"who are you?"}`, http.StatusUnauthorized)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.paths[r.URL.Path]++
		s.texts[digest(body)] = true
		w.Header().Set("Accessrelay-Event-Id", event.NewID(time.Now()))
	}))
	t.Cleanup(s.Close)
	return s
}

func digest(b []byte) string { sum := sha256.Sum256(b); return hex.EncodeToString(sum[:]) }

func (s *site) send(t *testing.T, args ...string) result {
	t.Helper()
	args = append([]string{"send", "--config", s.file, "--url", s.URL}, args...)
	got := run(t.Context(), Terminal{Environ: s.environ}, args...)
	if strings.Contains(got.out+got.err, "S3CR3T") {
		t.Errorf("it shows a secret: %+v", got)
	}
	return got
}

// Every method, as the file has it, over the file's own hook.
func TestSendAsTheFileSays(t *testing.T) {
	s := newSite(t)
	for _, id := range []string{"by-jwt", "by-bearer", "by-header", "by-basic", "by-hmac", "by-github"} {
		got := s.send(t, "--source", id, "--key-file", s.key, "--count=2")
		if got.code != exitOK || got.err != "" || s.paths["/v1/hooks/"+id] != 2 {
			t.Errorf("%s: %+v, %v", id, got, s.paths)
		}
	}
	if len(s.texts) != 12 {
		t.Errorf("%d different bodies of 12", len(s.texts))
	}
}

func TestSendEverySource(t *testing.T) {
	s := newSite(t)
	got := s.send(t, "--all", "--key-file", s.key)
	if got.code != exitOK || got.err != "" {
		t.Errorf("%+v", got)
	}
	matches(t, got.out, `(200  evt_\w+  by-[a-z]+ +[a-z-]+, `+duration+`\n){60}\n`+
		`SOURCE     PLATFORM  SENT  TAKEN  REFUSED\n`+
		`by-jwt     p0        10    10     0\n`+`by-bearer  p0        10    10     0\n`+`by-header  p0        10    10     0\n`+
		`by-basic   p0        10    10     0\n`+`by-hmac    p0        10    10     0\n`+`by-github  p0        10    10     0\n`+
		`\n60 sent in [^\n]*, 60 taken, 0 refused; [^\n]*\n`)
}

// Without its key one source is left out, which is said and is no success.
func TestSendWithoutAKey(t *testing.T) {
	s := newSite(t)
	got := s.send(t, "--source=by-jwt,by-bearer")
	if got.code != exitFailed || got.err != "" {
		t.Errorf("%+v", got)
	}
	matches(t, got.out, `200  [^\n]*\n\nSOURCE     PLATFORM  SENT  TAKEN  REFUSED\n`+
		`by-jwt     p0        0     0      0  known by a JWT: needs --key-file with the platform's private key, or --token-file with a token\n`+
		`by-bearer  p0        1     1      0\n\n`)
}

// A key that is not the file's is said before the relay refuses it, which
// tells no reason.
func TestSendWithAnotherKey(t *testing.T) {
	s, other := newSite(t), newSite(t)
	got := s.send(t, "--source=by-jwt", "--key-file", other.key)
	if got.code != exitFailed || !strings.HasPrefix(got.err, "by-jwt: by this file the relay will refuse what is sent: signature: ") {
		t.Errorf("%+v", got)
	}
	matches(t, got.out, `401  -  +preapproval-created, `+duration+`: who are you\?\n`)
	got = s.send(t, "--source=by-jwt", "--key-file", s.key, "--audience=b")
	if got.code != exitFailed || !strings.HasPrefix(got.err, "by-jwt: by this file the relay will refuse what is sent: audience") {
		t.Errorf("%+v", got)
	}
}

// A bearer token of somebody else goes out as it is, with the file and without.
func TestSendToken(t *testing.T) {
	s := newSite(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("S3CR3T-old\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := relayctl(t, "send", "--url", s.URL+"/v1/hooks/by-bearer", "--token-file", token)
	if got.code != exitOK || s.paths["/v1/hooks/by-bearer"] != 1 {
		t.Errorf("without the file: %+v", got)
	}
	got = s.send(t, "--source=by-jwt", "--token-file", token)
	if got.code != exitFailed || !strings.HasPrefix(got.err, "by-jwt: by this file the relay will refuse what is sent: malformed") {
		t.Errorf("with the file: %+v", got)
	}
	if err := os.WriteFile(token, []byte("S3CR3T and more"), 0o600); err != nil {
		t.Fatal(err)
	}
	got = s.send(t, "--source=by-jwt", "--token-file", token)
	if got.code != exitFailed || got.err != "relayctl: --token-file: "+token+": holds no token alone\n" {
		t.Errorf("no token: %+v", got)
	}
}

func TestSendChooses(t *testing.T) {
	s := newSite(t)
	one := filepath.Join(filepath.Dir(s.file), "one.yaml")
	text, _, _ := strings.Cut(sourcesFile, "      - {id: by-bearer")
	if err := os.WriteFile(one, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(filepath.Dir(s.file), "none.yaml")
	text, _, _ = strings.Cut(text, "    sources:")
	if err := os.WriteFile(none, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all := "by-jwt, by-bearer, by-header, by-basic, by-hmac, by-github"
	for _, tt := range []struct {
		args string
		code int
		err  string
	}{
		{"--config=" + one + " --key-file=" + s.key, exitOK, ""},
		{"--config=" + one + " --key-file=" + s.key + " --platform=p0 --all", exitOK, ""},
		{"--config=" + one, exitUsage, "--key-file: is missing: senders of by-jwt are known by a JWT: give the platform's private key, or with --token-file a token"},
		{"--config=" + none, exitFailed, "the file has no source"},
		{"", exitUsage, "--source: is missing, and the file has several: " + all + "; or --all: every sample of every source"},
		{"--platform=p0", exitUsage, "--platform: the file has several sources of p0: name one with --source: " + all},
		{"--config=" + one + " --platform=okta", exitUsage, `--platform: the file has no source of "okta" (it has by-jwt of p0)`},
		{"--source=nobody", exitUsage, `--source: the file has no source "nobody" (it has ` + all + ")"},
		{"--source=by-bearer --platform=p0", exitUsage, "--source and --platform exclude each other: a source has its platform"},
		{"--source=by-bearer --sample=x", exitUsage, `--sample: there is no sample "x" of p0; --list shows them`},
		{"--source=by-bearer,by-basic --url=" + s.URL + "/v1/hooks/x", exitUsage, "--url: has a path, and there are several sources: give the part before it, as in https://relay.example.com"},
		{"--source=by-bearer --url=relay.example.com", exitUsage, "--url: http:// (or https://) is missing before it, as in http://127.0.0.1:8080"},
		{"--source=by-bearer --url=ftp://relay.example.com", exitUsage, "--url: not a URL such as http://127.0.0.1:8080/v1/hooks/demo-p0"},
		{"--source=by-bearer --url=" + s.URL + "/v1/hooks/by-bearer", exitOK, ""},
		{"--source=by-bearer --url=" + s.URL + "/", exitOK, ""},
	} {
		got := s.send(t, strings.Fields(tt.args)...)
		want := ""
		if tt.err != "" {
			want = "relayctl: " + tt.err + "\n"
		}
		if got.code != tt.code || got.err != want {
			t.Errorf("%s: %+v, want %d %q", tt.args, got, tt.code, want)
		}
	}
	// The file may be named by its variable.
	got := run(t.Context(), Terminal{Environ: append(s.environ, "ACCESSRELAY_CONFIG="+s.file)}, "send", "--source=by-bearer", "--url", s.URL)
	if got.code != exitOK {
		t.Errorf("named by its variable: %+v", got)
	}
	got = run(t.Context(), Terminal{Environ: []string{"ACCESSRELAY_CONFG=x"}}, "send", "--config", s.file)
	if got.code != exitUsage || !strings.Contains(got.err, "ACCESSRELAY_CONFG: no such setting") {
		t.Errorf("a misspelt setting: %+v", got)
	}
	if got = s.send(t, "--list"); got.code != exitOK || strings.Count(got.out, "\n") != 61 || !strings.HasPrefix(got.out, "SOURCE     SAMPLE               SENT AS                          BECOMES\nby-jwt     preapproval-created  preapproval-created              preapproval.created\n") {
		t.Errorf("listed: %+v", got)
	}
}

func TestHookURL(t *testing.T) {
	for _, tt := range []struct{ given, want string }{
		{"", "http://127.0.0.1:8080/v1/hooks/x"},
		{"https://relay.example.com", "https://relay.example.com/v1/hooks/x"},
		{"https://relay.example.com//", "https://relay.example.com/v1/hooks/x"},
		{"https://relay.example.com/a", "https://relay.example.com/a"},
		{"https://relay.example.com/?a=b", "https://relay.example.com/?a=b"},
		{"http://[::1]:8080", "http://[::1]:8080/v1/hooks/x"},
	} {
		if got, err := hookURL(tt.given, "x", false); err != nil || got != tt.want {
			t.Errorf("%q: %q %v, want %q", tt.given, got, err, tt.want)
		}
	}
	if got, err := hookURL("http://h/p", "x", true); err == nil {
		t.Errorf("one path for several: %s", got)
	}
	if got, err := hookURL("http://[::1", "x", false); err == nil {
		t.Errorf("no URL: %s", got)
	}
}

// oddFile has a source that no sample can be made for.
const oddFile = `tenants:
  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11
    name: acme
    sources:
      - {id: odd, platform: generic, auth: {bearer: {secrets: [S3CR3T]}}, event_type: "$.a[200].kind"}
      - {id: by-bearer, platform: p0, auth: {bearer: {secrets: [S3CR3T-old]}}}
`

// Where a source reads what no sample shows, its own body goes.
func TestSendWithoutASample(t *testing.T) {
	file := filepath.Join(t.TempDir(), "relay.yaml")
	if err := os.WriteFile(file, []byte(oddFile), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	got := relayctl(t, "send", "--config", file, "--source=odd")
	if got.code != exitFailed || got.err != "relayctl: odd: there is no sample of what the source reads: send a body of your own with --body\n" {
		t.Errorf("%+v", got)
	}
	got = relayctl(t, "send", "--config", file, "--url", s.URL, "--all")
	if got.code != exitFailed || s.paths["/v1/hooks/by-bearer"] != 10 ||
		!strings.Contains(got.out, "\nodd        generic   0     0      0  there is no sample of what the source reads: send a body of your own with --body\n") {
		t.Errorf("with another: %+v", got)
	}
}

// A URL that is pasted from another source is noticed, and used.
func TestSendToAnotherSource(t *testing.T) {
	s := newSite(t)
	for path, warned := range map[string]bool{"/v1/hooks/by-basic": true, "/v1/hooks/by-basic/": true, "/v1/hooks/by-bearer": false, "/v1/hooks/x": false, "/x": false, "": false} {
		got := s.send(t, "--source=by-bearer", "--url="+s.URL+path)
		const want = "by-bearer: --url is the hook of by-basic, another source of the file, and gets what is sent as by-bearer\n"
		if (got.err == want) != warned || !warned && got.err != "" {
			t.Errorf("%s: %+v, want the warning: %v", path, got, warned)
		}
	}
}

// The list has the words that a source's own settings give.
func TestSendListWords(t *testing.T) {
	file := filepath.Join(t.TempDir(), "relay.yaml")
	const text = `tenants:
  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11
    name: acme
    sources:
      - {id: tickets, platform: generic, auth: {bearer: {secrets: [S3CR3T]}}, event_type: $.kind, event_types: {"TICKET\tCLOSED": grant.revoked}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := relayctl(t, "send", "--list", "--config", file)
	if got.code != exitOK || !strings.Contains(got.out, "\ntickets  grant-revoked        TICKET CLOSED        grant.revoked\n") ||
		!strings.Contains(got.out, "\ntickets  grant-active         grant.active         grant.active\n") {
		t.Errorf("%+v", got)
	}
	if got = relayctl(t, "send", "--list", "--platform=generic"); !strings.Contains(got.out, "\ngeneric   grant-active         -        grant.active\n") {
		t.Errorf("of no source: %+v", got)
	}
}
