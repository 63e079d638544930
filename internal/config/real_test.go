package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"accessrelay/internal/catalog"
	"accessrelay/internal/config"
)

// The real platforms and channel types, as each program loads them.
func TestLoadWithTheCatalog(t *testing.T) {
	const text = `
tenants:
  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11
    name: acme
    sources:
      - id: acme-p0
        platform: p0
        auth: {jwt: {jwks_url: https://id.example.com/jwks.json}}
    channels:
      - name: slack
        type: slack-webhook
        config: {url: "${SLACK_URL}"}
      - name: siem
        type: generic-webhook
        config:
          url: https://siem.example.com/in/${TOKEN}
          headers: {Authorization: "Bearer ${TOKEN}"}
          signing_secret_file: signing.secret
`
	dir := t.TempDir()
	path := filepath.Join(dir, "accessrelay.yaml")
	for file, content := range map[string]string{path: text, filepath.Join(dir, "signing.secret"): "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	known := config.Known{Platforms: catalog.Platforms(), Kinds: catalog.Kinds()}
	vars := map[string]string{"SLACK_URL": "https://hooks.slack.com/services/T/B/S3CR3T", "TOKEN": "S3CR3T"}
	lookup := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	none := func(string) (string, bool) { return "", false }

	worker, err := config.Load(path, config.NeedChannels, known, lookup)
	if err != nil {
		t.Fatal(err)
	}
	ingest, err := config.Load(path, config.NeedAuth, known, none)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range worker.Tenants[0].Channels {
		if c.Config == nil || strings.Contains(string(c.Masked), "S3CR3T") || strings.Contains(string(c.Masked), "MfKQ9") {
			t.Errorf("worker's %s: config %v, masked %s", c.Name, c.Config, c.Masked)
		}
		of := ingest.Tenants[0].Channels[i]
		if of.Config != nil || of.ID != c.ID || len(of.Masked) == 0 {
			t.Errorf("ingest's %s: config %v, id %s and %s, masked %s", c.Name, of.Config, of.ID, c.ID, of.Masked)
		}
	}
	for i, want := range []string{`{"url":"***"}`, `"url":"https://siem.example.com/***"`} {
		if got := string(ingest.Tenants[0].Channels[i].Masked); !strings.Contains(got, want) {
			t.Errorf("ingest shows %s, want %s in it", got, want)
		}
	}
}
