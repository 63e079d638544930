package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"accessrelay/internal/catalog"
	"accessrelay/internal/config"
	"accessrelay/internal/event"
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

// A list of files for what is one text is told in both programs: by no real
// channel type can its own text of that be another than is looked for.
func TestLoadFilesForOneText(t *testing.T) {
	for kind, keys := range map[string]string{
		"generic-webhook": "          url: https://siem.example.com/in\n          signing_secret_files: [signing.secret]\n",
		"slack-webhook":   "          url_files: [signing.secret]\n",
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "accessrelay.yaml")
		text := "tenants:\n  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11\n    name: acme\n    channels:\n      - name: siem\n" +
			"        type: " + kind + "\n        config:\n" + keys
		for file, content := range map[string]string{path: text, filepath.Join(dir, "signing.secret"): "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"} {
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]string{
			"generic-webhook": `:9: tenants[0].channels[0].config.signing_secret_files: unknown key, did you mean "signing_secret_file"?`,
			"slack-webhook":   `:8: tenants[0].channels[0].config.url_files: unknown key, did you mean "url_file"?`,
		}[kind]
		known := config.Known{Platforms: catalog.Platforms(), Kinds: catalog.Kinds()}
		for _, need := range []config.Need{config.NeedAuth, config.NeedChannels} {
			_, err := config.Load(path, need, known, func(string) (string, bool) { return "", false })
			if err == nil || err.Error() != path+want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
	}
}

// A source of platform generic as both programs load it, and what they say of one
// that is wrong.
func TestLoadGeneric(t *testing.T) {
	load := func(t *testing.T, settings string, need config.Need) (*config.File, error) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "accessrelay.yaml")
		text := "tenants:\n  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11\n    name: acme\n    sources:\n      - id: acme-legacy\n" +
			"        platform: generic\n        auth: {bearer: {secrets: [\"${TOKEN}\"]}}\n        rate_limit: 60/m\n" + settings
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		known := config.Known{Platforms: catalog.Platforms(), Kinds: catalog.Kinds()}
		f, err := config.Load(path, need, known, func(name string) (string, bool) { return "S3CR3T-0123456789", name == "TOKEN" })
		if err != nil {
			return nil, errors.New(strings.TrimPrefix(err.Error(), path))
		}
		return f, nil
	}
	for _, need := range []config.Need{config.NeedAuth, config.NeedChannels} {
		f, err := load(t, "        event_type: $.kind\n        event_types: {OPENED: grant.active}\n        fields: {request.id: $.ticket}\n", need)
		if err != nil {
			t.Fatal(err)
		}
		s := f.SourceByID("acme-legacy")
		if s.RateLimit == nil || s.RateLimit.String() != "60/m" {
			t.Errorf("rate limit %v", s.RateLimit)
		}
		body := []byte(`{"kind":"OPENED","ticket":17}`)
		var e event.Event
		if s.Platform.Normalize(body, &e); s.Platform.Check(body) != nil || e.Type != event.GrantActive || e.Request == nil || e.Request.ID != "17" {
			t.Errorf("the source reads %+v", e)
		}
		if s.Platform.Check([]byte(`{}`)) == nil {
			t.Error("the source takes an event without a type")
		}
	}
	for settings, want := range map[string]string{
		"":                          ":5: tenants[0].sources[0].event_type: is missing: the JSONPath of the event's type, such as $.kind",
		"        event_type: $.a-b": ":9: tenants[0].sources[0].event_type: not a JSONPath of this version: at character 4: '-' cannot stand here; a name with other characters than letters, digits and _ is written in brackets, as in $['a-b']",
		"        event_type: $.kind\n        event_types:\n          X: grant.active\n          Y.Z: grant.actve": `:12: tenants[0].sources[0].event_types.Y.Z: not an event type, did you mean "grant.active"?`,
		"        event_type: $.kind\n        fields:\n          request.id: $.id\n          request.idd: $.id":    `:12: tenants[0].sources[0].fields.request.idd: not a fact, did you mean "request.id"?`,
		"        event_type: $.kind\n        fields: {request: {id: $.ticket}}":                                   ":10: tenants[0].sources[0].fields.request: must be a string, not a map of keys: write request.id: …",
		"        event_type: $.kind\n        fields: {request.id: id}":                                            ":10: tenants[0].sources[0].fields.request.id: not a JSONPath of this version: at character 1: a path begins with $, as in $.kind",
	} {
		for _, need := range []config.Need{config.NeedAuth, config.NeedChannels} {
			if _, err := load(t, settings, need); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
	}
}
