package relayctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/authn"
)

const checkedFile = `tenants:
  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11
    name: acme
    api_keys:
      - {name: terraform, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}
    sources:
      - id: acme-p0
        platform: p0
        auth: {jwt: {key_file: p0.pem, algorithms: [ES384], issuer: p0, audience: "${AUDIENCE}"}}
      - id: acme-p0-staging
        platform: p0
        auth: {jwt: {jwks_url: "https://id.example.com/jwks.json?x=y"}}
        dedup_window: 0s
    channels:
      - name: security-slack
        type: slack-webhook
        config: {url: "${SLACK_URL}"}
        event_filters: [request.break_glass, grant.*]
      - name: siem
        type: generic-webhook
        config: {url: "https://siem.example.com/S3CR3T"}
  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e12
    name: other
    sources:
      - {id: other-p0, platform: p0, auth: {jwt: {key_file: p0.pem}}, dedup_window: 90m}
delivery: {allow_networks: [10.0.0.0/8], max_age: 48h}
retention: {dead_letters: 90d}
`

const explained = ` is right for ingest and worker.

Tenant acme (8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11)
  API keys: terraform
  Source acme-p0: p0 posts to /v1/hooks/acme-p0
    known by a JWT signed with the key in p0.pem (ES384), issuer p0, audience acme
    repeats within 2h are dropped
  Source acme-p0-staging: p0 posts to /v1/hooks/acme-p0-staging
    known by a JWT signed with the keys at https://id.example.com/jwks.json
    repeats are not recognised: dedup_window is 0
  Channel security-slack: slack-webhook, takes request.break_glass, grant.*
    {"url":"https://hooks.slack.com/***"}
  Channel siem: generic-webhook, takes every event
    {"url":"https://siem.example.com/***"}

Tenant other (8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e12)
  No API key: nobody can use the API for this tenant.
  Source other-p0: p0 posts to /v1/hooks/other-p0
    known by a JWT signed with the key in p0.pem
    repeats within 1h30m are dropped
  No channel in the file: events go to those made through the API, else nowhere.

Delivery: 1 attempt of at most 15s and up to 3 retries after 10s, 1m, 5m; throttled ones wait up to 2d
  channels made through the API may reach 10.0.0.0/8
Retention: receipts for 7d, dead letters for 90d
`

// checked is the file above with its key, in a folder of its own.
func checked(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "relay.yaml")
	if err := os.WriteFile(file, []byte(checkedFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := relayctl(t, "keygen", "p0", "--private", filepath.Join(dir, "private.pem"), "--public", filepath.Join(dir, "p0.pem")); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	return file
}

func check(t *testing.T, environ []string, args ...string) result {
	t.Helper()
	return run(t.Context(), Terminal{Environ: environ}, append([]string{"config", "check"}, args...)...)
}

var bothVariables = []string{"AUDIENCE=acme", "SLACK_URL=https://hooks.slack.com/services/S3CR3T"}

func TestConfigCheck(t *testing.T) {
	file := checked(t)
	got := check(t, bothVariables, file)
	if got.code != exitOK || got.err != "" || got.out != file+explained {
		t.Errorf("%+v, want\n%s%s", got, file, explained)
	}
	byVariable := check(t, append([]string{"ACCESSRELAY_CONFIG=" + file}, bothVariables...))
	if byVariable != got {
		t.Errorf("named by its variable: %+v", byVariable)
	}
}

func TestConfigCheckForOne(t *testing.T) {
	file := checked(t)
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
		{"a misspelt setting", append([]string{"ACCESSRELAY_CONFG=x"}, bothVariables...), nil, exitFailed, "",
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

func TestConfigCheckMissing(t *testing.T) {
	t.Chdir(t.TempDir())
	got := check(t, nil)
	if got.code != exitFailed || got.err != "relayctl: reading the config: accessrelay.yaml: no such file or directory\n" {
		t.Errorf("%+v", got)
	}
}

func TestDescribe(t *testing.T) {
	for want, c := range map[string]authn.Config{
		"nothing":                                    {},
		"a JWT signed with the key in the file":      {JWT: &authn.JWT{KeyInline: "x"}},
		"a JWT signed with the keys at its jwks_url": {JWT: &authn.JWT{JWKSURL: "${S3CR3T}"}},
		"a JWT signed with the keys at https://h/p":  {JWT: &authn.JWT{JWKSURL: "https://u:S3CR3T@h/p?S3CR3T"}},
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
