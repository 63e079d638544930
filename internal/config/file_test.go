package config

import (
	"crypto/sha256"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/channel/sns"
)

const (
	acme  = "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11"
	other = "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e12"
)

var (
	authVars    = map[string]string{"AUDIENCE": "acme"}
	channelVars = map[string]string{"SLACK_URL": "https://hooks.slack.com/services/S3CR3T", "SIEM_TOKEN": "S3CR3T"}
)

func all(ms ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range ms {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

func load(t *testing.T, path string, need Need, vars map[string]string) *File {
	t.Helper()
	f, err := Load(path, need, stubs(), lookupIn(vars))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// loadText loads a file that holds text, in a directory of its own.
func loadText(t *testing.T, text string, need Need, vars map[string]string) (*File, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "accessrelay.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path, need, stubs(), lookupIn(vars))
}

func TestLoad(t *testing.T) {
	f := load(t, "testdata/accessrelay.yaml", NeedAuth|NeedChannels, all(authVars, channelVars))

	if len(f.Tenants) != 2 || f.Tenants[0].ID != acme || f.Tenants[0].Name != "acme" || f.Tenants[1].ID != other {
		t.Errorf("tenants %+v", f.Tenants)
	}
	if f.TenantByID(acme) != f.Tenants[0] || f.TenantByID("none") != nil {
		t.Error("TenantByID finds the wrong tenant")
	}
	if want := []APIKey{{"terraform", sha256.Sum256([]byte("test"))}}; !reflect.DeepEqual(f.Tenants[0].APIKeys, want) {
		t.Errorf("API keys %v, want %v", f.Tenants[0].APIKeys, want)
	}

	s := f.SourceByID("acme-p0")
	if s == nil || s != f.Tenants[0].Sources[0] || s.TenantID != acme || s.Platform.Name() != "p0" || s.DedupWindow != 30*time.Minute {
		t.Fatalf("source %+v", s)
	}
	pem, err := os.ReadFile("testdata/p0-public.pem")
	if err != nil {
		t.Fatal(err)
	}
	j := s.Auth.JWT
	if string(j.Key) != strings.TrimSpace(string(pem)) || j.KeyFile != "p0-public.pem" || !slices.Equal(j.Algorithms, []string{"ES384"}) ||
		j.Issuer != "p0" || j.Audience != "acme" || j.Subject != "my-notifier-service" || j.Leeway == nil || *j.Leeway != 10*time.Second {
		t.Errorf("jwt %+v", j)
	}
	s = f.SourceByID("acme-p0-staging")
	if s.DedupWindow != DefaultDedupWindow || s.Auth.JWT.JWKSURL != "https://id.example.com/jwks.json" || s.Auth.JWT.Leeway != nil {
		t.Errorf("source %+v with jwt %+v", s, s.Auth.JWT)
	}
	if f.SourceByID("none") != nil {
		t.Error("SourceByID finds a source that is not there")
	}

	want := Delivery{
		MaxRetries: 5, Backoff: []time.Duration{time.Second, 90 * time.Second},
		Timeout: 20 * time.Second, MaxAge: 48 * time.Hour,
		AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
	}
	for _, s := range []string{"arn:aws:sns:eu-central-1:123456789012:access-*", "arn:aws:sns:*:210987654321:audit.fifo"} {
		p, err := sns.ParsePattern(s)
		if err != nil {
			t.Fatal(err)
		}
		want.AWSDefaultCredentialsFor = append(want.AWSDefaultCredentialsFor, p)
	}
	if !reflect.DeepEqual(f.Delivery, want) {
		t.Errorf("delivery %+v, want %+v", f.Delivery, want)
	}
	if want := (Retention{36 * time.Hour, 90 * 24 * time.Hour}); f.Retention != want {
		t.Errorf("retention %+v, want %+v", f.Retention, want)
	}
}

func TestLoadDefaults(t *testing.T) {
	f, err := loadText(t, "tenants: [{id: "+acme+", name: acme, sources: , channels: }]\ndelivery:\n", NeedAuth|NeedChannels, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Delivery{
		MaxRetries: 3, Backoff: []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute},
		Timeout: 15 * time.Second, MaxAge: 24 * time.Hour,
	}
	if !reflect.DeepEqual(f.Delivery, want) {
		t.Errorf("delivery %+v, want %+v", f.Delivery, want)
	}
	if want := (Retention{Receipts: 7 * 24 * time.Hour}); f.Retention != want {
		t.Errorf("retention %+v, want %+v", f.Retention, want)
	}
}

func TestLoadChannels(t *testing.T) {
	f := load(t, "testdata/accessrelay.yaml", NeedChannels, channelVars)
	channels := f.Tenants[0].Channels
	if len(channels) != 2 {
		t.Fatalf("%d channels, want 2", len(channels))
	}
	slack, siem := channels[0], channels[1]
	if slack.Name != "security-slack" || slack.Type != "slack_webhook" || slack.TenantID != acme || !slack.Enabled ||
		slack.ManagedBy != channel.ManagedByFile || !slices.Equal(slack.Filters, []string{"request.break_glass", "grant.*"}) {
		t.Errorf("channel %+v", slack)
	}
	if slack.RateLimit != nil || slack.Rate() == nil || slack.Rate().String() != "1/s" || slack.Redact != nil {
		t.Errorf("slack: rate %v of %v, redact %v; want its type's rate, and nothing redacted", slack.Rate(), slack.RateLimit, slack.Redact)
	}
	if siem.Rate() == nil || siem.Rate().String() != "600/m" || !slices.Equal(siem.Redact, []string{"request.reason", "raw.data.email"}) {
		t.Errorf("siem: rate %v, redact %v", siem.Rate(), siem.Redact)
	}
	if again := load(t, "testdata/accessrelay.yaml", NeedChannels, channelVars).Tenants[0].Channels; again[0].ID != slack.ID || again[1].ID != siem.ID || slack.ID == siem.ID {
		t.Errorf("ids %s, %s then %s, %s: want the same at every start, each its own", slack.ID, siem.ID, again[0].ID, again[1].ID)
	}
	tests := []struct {
		name      string
		got, want json.RawMessage
	}{
		{"slack", slack.Config.Reveal(), json.RawMessage(`{"url":"https://hooks.slack.com/services/S3CR3T"}`)},
		{"slack masked", slack.Masked, json.RawMessage(`{"url":"https://hooks.slack.com/***"}`)},
		{"siem", siem.Config.Reveal(), json.RawMessage(`{"headers":{"Authorization":"Bearer S3CR3T","X-Price":"$5 or ${5}"},"retries":16,"tags":["from-a-file","from-a-file"],"url":"https://siem.example.com/S3CR3T"}`)},
	}
	for _, tt := range tests {
		if string(tt.got) != string(tt.want) {
			t.Errorf("%s: config %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

// Each program starts without what is only for the other.
func TestLoadResolvesOnlyWhatIsNeeded(t *testing.T) {
	dir := t.TempDir()
	text, err := os.ReadFile("testdata/accessrelay.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "accessrelay.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile("testdata/p0-public.pem")
	if err != nil {
		t.Fatal(err)
	}

	if _, err := Load(path, NeedChannels, stubs(), lookupIn(channelVars)); err == nil || !strings.Contains(err.Error(), "siem.url: no such file") {
		t.Errorf("a worker without siem.url: %v", err)
	}
	if _, err := Load(path, NeedAuth, stubs(), lookupIn(authVars)); err == nil || !strings.Contains(err.Error(), "p0-public.pem: no such file") {
		t.Errorf("ingest without p0-public.pem: %v", err)
	}

	if err := os.WriteFile(filepath.Join(dir, "p0-public.pem"), pem, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Load(path, NeedAuth, stubs(), lookupIn(authVars))
	if err != nil {
		t.Fatalf("ingest, with nothing of the channels: %v", err)
	}
	for _, c := range f.Tenants[0].Channels {
		if c.Config != nil || len(c.Masked) == 0 || strings.Contains(string(c.Masked), "${") {
			t.Errorf("channel %s: config %v, masked %s; want none and some", c.Name, c.Config, c.Masked)
		}
	}
	if got, want := string(f.Tenants[0].Channels[1].Masked), `{"headers":"***","retries":"***","tags":"***","url":"***"}`; got != want {
		t.Errorf("masked %s, want %s", got, want)
	}

	if err := os.Remove(filepath.Join(dir, "p0-public.pem")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "files"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"siem.url": "https://x", "token": "t"} {
		if err := os.WriteFile(filepath.Join(dir, "files", name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err = Load(path, NeedChannels, stubs(), lookupIn(channelVars))
	if err != nil {
		t.Fatalf("a worker, with nothing of auth: %v", err)
	}
	if j := f.SourceByID("acme-p0").Auth.JWT; j.Key != nil || j.Audience != channel.Mask {
		t.Errorf("a worker resolved auth: %+v", j)
	}
}

// What is wrong with an inline config is said at ingest's start too, but the
// config is not kept there.
func TestLoadKeepsNoConfigForIngest(t *testing.T) {
	f, err := loadText(t, "tenants: [{id: "+acme+", name: acme, channels: [{name: c, type: slack-webhook, config: {url: https://x/S3CR3T}}]}]", NeedAuth, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := f.Tenants[0].Channels[0]; c.Config != nil || string(c.Masked) != `{"url":"https://x/***"}` {
		t.Errorf("config %v, masked %s", c.Config, c.Masked)
	}
}

func TestLoadAliasesAndMerges(t *testing.T) {
	f, err := loadText(t, `
tenants:
  - id: `+acme+`
    name: acme
    channels:
      - &base
        name: a
        type: slack-webhook
        config: &conf {url: https://x, retries: 1}
        event_filters: [grant.*]
      - <<: *base
        name: b
        config:
          <<: [{retries: 2}, *conf]
          url: https://y
`, NeedChannels, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := f.Tenants[0].Channels[1]
	if b.Name != "b" || !slices.Equal(b.Filters, []string{"grant.*"}) || string(b.Config.Reveal()) != `{"retries":2,"url":"https://y"}` {
		t.Errorf("channel %+v with %s", b, b.Config.Reveal())
	}
}

func TestLoadIsBounded(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'j'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 10) + "]\n"
	}
	tests := []struct{ name, text, want string }{
		{"aliases", bomb, ": e: too large, with its aliases"},
		{"size", "a: " + strings.Repeat("x", maxFileBytes), "larger than 1 MiB"},
		{"depth", "a: " + strings.Repeat("[", 60) + strings.Repeat("]", 60), "nested too deeply"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := loadText(t, tt.text, 0, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %.200v, want …%s", err, tt.want)
			}
		})
	}
}

func TestLoadMissingFile(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := Load("accessrelay.yaml", NeedAuth, stubs(), lookupIn(nil))
	if want := "reading the config: accessrelay.yaml: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A channel's config may hold anything that JSON can.
func TestLoadConfigAsJSON(t *testing.T) {
	f, err := loadText(t, `
tenants:
  - id: `+acme+`
    name: acme
    channels:
      - name: c
        type: generic-webhook
        config:
          url: https://x
          tags: [true, false, null, 1.5, -3, 18446744073709551615, "01", no, {7: seven, on: [], a: {}}]
          headers:
            Text: |
              two
              lines
            Secret_file: token
`, NeedAuth, nil)
	if err == nil && f.Tenants[0].Channels[0].Config != nil {
		t.Error("ingest keeps the config")
	}
	if err != nil {
		t.Fatal(err)
	}

	f, err = loadText(t, `
tenants:
  - id: `+acme+`
    name: acme
    channels:
      - name: c
        type: generic-webhook
        config:
          url: https://x
          tags: [true, false, null, 1.5, -3, 18446744073709551615, "01", no, {7: seven, on: [], a: {}}]
          headers:
            Text: |
              two
              lines
`, NeedChannels, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"headers":{"Text":"two\nlines\n"},"tags":[true,false,null,1.5,-3,18446744073709551615,"01","no",{"7":"seven","a":{},"on":[]}],"url":"https://x"}`
	if got := string(f.Tenants[0].Channels[0].Config.Reveal()); got != want {
		t.Errorf("config %s\nwant   %s", got, want)
	}
}
