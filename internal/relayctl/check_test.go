package relayctl

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/authn"
)

var update = flag.Bool("update", false, "write the expected output of config check anew")

// The files of testdata/check with the channel secrets and claims that they refer to.
const acme = "testdata/check/acme.yaml"

func check(t *testing.T, environ []string, args ...string) result {
	t.Helper()
	return run(t.Context(), Terminal{Environ: environ}, append([]string{"config", "check"}, args...)...)
}

var bothVariables = []string{"AUDIENCE=acme", "SLACK_URL=https://hooks.slack.com/services/S3CR3T"}

// Each file of testdata/check has beside it what is said of it.
func TestConfigCheck(t *testing.T) {
	t.Chdir("testdata/check")
	for _, tt := range []struct {
		golden, file string
		args         []string
		environ      []string
		strict       int // the exit code with --strict
	}{
		{"acme", "acme.yaml", nil, bothVariables, exitFailed},
		{"platforms", "platforms.yaml", []string{"--public-url=https://relay.example.com/"}, []string{"APONO_SECRET=a bearer secret that is long enough"}, exitOK},
		{"warnings", "warnings.yaml", nil, nil, exitFailed},
		{"warnings-worker", "warnings.yaml", []string{"--for=worker"}, nil, exitFailed},
		{"by-api", "by-api.yaml", nil, nil, exitOK},
	} {
		t.Run(tt.golden, func(t *testing.T) {
			got := check(t, tt.environ, append(tt.args, tt.file)...)
			if got.code != exitOK || got.err != "" {
				t.Fatalf("%+v", got)
			}
			if strings.Contains(got.out, "S3CR3T") || strings.Contains(got.out, "long enough") {
				t.Error("it shows a secret")
			}
			file := tt.golden + ".txt"
			if *update {
				if err := os.WriteFile(file, []byte(got.out), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got.out != string(want) {
				t.Errorf("it says\n%s\nwant\n%s", got.out, want)
			}
			strict := check(t, tt.environ, append(tt.args, "--strict", tt.file)...)
			if strict.code != tt.strict || strict.out != got.out || strict.err != "" {
				t.Errorf("with --strict: %+v, want %d", strict, tt.strict)
			}
			byVariable := check(t, append([]string{"ACCESSRELAY_CONFIG=" + tt.file}, tt.environ...), tt.args...)
			if byVariable != got {
				t.Errorf("named by its variable: %+v", byVariable)
			}
		})
	}
}

func TestTwoChannelsWithOneWebhook(t *testing.T) {
	const hook = "https://hooks.slack.com/services/S3CR3T"
	for name, tt := range map[string]struct {
		channels string
		warned   int
	}{
		"two":            {"{name: a, type: slack-webhook, config: {url: URL}}, {name: b, type: slack-webhook, config: {url: URL}}", 1},
		"of another URL": {"{name: a, type: slack-webhook, config: {url: URL}}, {name: b, type: slack-webhook, config: {url: URL2}}", 0},
		"three":          {"{name: a, type: slack-webhook, config: {url: URL}}, {name: b, type: slack-webhook, config: {url: URL}}, {name: c, type: slack-webhook, config: {url: URL}}", 2},
		"slow ones":      {"{name: a, type: slack-webhook, rate_limit: 30/m, config: {url: URL}}, {name: b, type: slack-webhook, rate_limit: 30/m, config: {url: URL}}", 0},
		"of another tenant": {"{name: a, type: slack-webhook, config: {url: URL}}]\n  - id: 7d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11\n    name: other\n" +
			"    sources: [{id: y, platform: p0, auth: {bearer: {secrets: [a bearer secret that is long enough]}}}]\n" +
			"    channels: [{name: b, type: slack-webhook, config: {url: URL}}", 1},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "relay.yaml")
			text := "tenants:\n  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11\n    name: acme\n" +
				"    sources: [{id: x, platform: p0, auth: {bearer: {secrets: [a bearer secret that is long too]}}}]\n" +
				"    channels: [" + strings.ReplaceAll(tt.channels, "URL", hook) + "]\n"
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			got := check(t, nil, "--for=worker", file)
			if got.code != exitOK || strings.Count(got.out, "a rate of its own") != tt.warned || strings.Contains(got.out, "S3CR3T") {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestPublicURL(t *testing.T) {
	for _, bad := range []string{"relay.example.com", "ftp://relay.example.com", "https://", "https://h/?a=b", "https://h/#a"} {
		got := check(t, bothVariables, "--public-url="+bad, acme)
		if got.code != exitUsage || got.err != "relayctl: --public-url: not a URL such as https://relay.example.com\n" {
			t.Errorf("%s: %+v", bad, got)
		}
	}
}

func TestConfigCheckForOne(t *testing.T) {
	const file = acme
	for _, tt := range []struct {
		name    string
		environ []string
		args    []string
		code    int
		out     string // its beginning
		err     string
	}{
		{"ingest needs no secret of channels", bothVariables[:1], []string{"--for=ingest"}, exitOK, file + " is right for ingest.\n", ""},
		{"the worker needs no secret of sources", bothVariables[1:], []string{"--for=worker"}, exitOK, file + " is right for worker.\n", ""},
		{"ingest alone is right", bothVariables[:1], nil, exitFailed, "",
			file + ":17: tenants[0].channels[0].config.url: variable SLACK_URL is not set (for ingest alone the file is right: --for ingest)"},
		{"the worker alone is right", bothVariables[1:], nil, exitFailed, "",
			file + ":9: tenants[0].sources[0].auth.jwt.audience: variable AUDIENCE is not set (for worker alone the file is right: --for worker)"},
		{"none is right", nil, nil, exitFailed, "", file + ":9: tenants[0].sources[0].auth.jwt.audience: variable AUDIENCE is not set"},
		{"for ingest it is not", nil, []string{"--for=ingest"}, exitFailed, "", file + ":9: tenants[0].sources[0].auth.jwt.audience: variable AUDIENCE is not set"},
		{"a misspelt setting", append([]string{"ACCESSRELAY_CONFG=x"}, bothVariables...), nil, exitUsage, "",
			`ACCESSRELAY_CONFG: no such setting, did you mean "ACCESSRELAY_CONFIG"?`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := check(t, tt.environ, append(tt.args, file)...)
			wantErr := ""
			if tt.err != "" {
				wantErr = "relayctl: " + tt.err + "\n"
			}
			if got.code != tt.code || got.err != wantErr || !strings.HasPrefix(got.out, tt.out) || tt.out == "" && got.out != "" {
				t.Errorf("%+v, want %d %q %q", got, tt.code, tt.out, wantErr)
			}
			if strings.Contains(got.out, "S3CR3T") {
				t.Errorf("it shows a secret: %s", got.out)
			}
		})
	}
}

// The other program is named where this machine may just not have its secrets,
// not where the file itself is wrong.
func TestConfigCheckHint(t *testing.T) {
	const hint = " (for worker alone the file is right: --for worker)\n"
	dir := t.TempDir()
	for name, text := range map[string]string{"short.secret": "whsec_AAAA\n", "empty.secret": "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		auth string
		hint bool
	}{
		{`bearer: {secrets_files: [none.secret]}`, true},
		{`bearer: {secrets: ["${NOT_SET}"]}`, true},
		{`bearer: {secrets: ["${EMPTY}"]}`, true},
		{`bearer: {secrets_files: [empty.secret]}`, false},
		{`hmac: {scheme: standard-webhooks, secrets_files: [short.secret]}`, false},
		{`hmac: {scheme: md5, secrets: [x]}`, false},
		{`jwt: {key: "S3CR3T"}`, false},
	} {
		file := filepath.Join(dir, "relay.yaml")
		text := "tenants:\n  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11\n    name: acme\n    sources:\n      - {id: x, platform: p0, auth: {" + tt.auth + "}}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := check(t, nil, "--for=worker", file); got.code != exitOK {
			t.Errorf("%s: for the worker: %+v", tt.auth, got)
		}
		got := check(t, []string{"EMPTY="}, file)
		if got.code != exitFailed || !strings.HasPrefix(got.err, "relayctl: "+file+":5: ") || strings.HasSuffix(got.err, hint) != tt.hint ||
			strings.Contains(got.err, "--for") != tt.hint {
			t.Errorf("%s: %+v, want the hint: %v", tt.auth, got, tt.hint)
		}
	}
}

func TestConfigCheckMissing(t *testing.T) {
	t.Chdir(t.TempDir())
	got := check(t, nil)
	if got.code != exitFailed || got.err != "relayctl: reading the config: accessrelay.yaml: no such file or directory\n" {
		t.Errorf("%+v", got)
	}
}

func TestDescribe(t *testing.T) {
	for want, c := range map[string]authn.Config{
		"nothing":                                     {},
		"a JWT signed with the key in the file":       {JWT: &authn.JWT{KeyInline: "x"}},
		"a JWT signed with the keys at its jwks_url":  {JWT: &authn.JWT{JWKSURL: "${S3CR3T}"}},
		"a JWT signed with the keys at https://h/***": {JWT: &authn.JWT{JWKSURL: "https://u:S3CR3T@h/S3CR3T?S3CR3T"}},
	} {
		if got := describeAuth(c); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", 10 * time.Second: "10s", time.Minute: "1m", 90 * time.Second: "1m30s", 2 * time.Hour: "2h",
		150 * time.Minute: "2h30m", 24 * time.Hour: "24h", 48 * time.Hour: "2d", 49 * time.Hour: "49h", time.Hour + time.Second: "1h0m1s",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
