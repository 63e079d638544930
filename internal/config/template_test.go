package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"accessrelay/internal/catalog"
	"accessrelay/internal/channel/webhook"
	"accessrelay/internal/config"
	"accessrelay/internal/event"
)

const templated = `tenants:
  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11
    name: acme
    channels:
      - name: pager
        type: generic-webhook
        config:
          url: https://pager.example.com/v2
          body_template: |
            {
              "routing_key": "${KEY}",
              "dollars": "$ and $ {",
              {{#if request.reason}}
              "why": "{{request.reason}}",
              {{/if}}
              "type": {{type}}
            }
      - name: loud
        type: generic-webhook
        config: {url: "https://pager.example.com/v2", content_type: text/plain, body_template: "*** {{type}} *** ${KEY}"}
      - name: filed
        type: generic-webhook
        config: {url: "https://pager.example.com/v2", body_template_file: body.hbs}
      - name: flow
        type: slack-webhook
        config: {url: "https://hooks.example.com/x", text_template: "{{type}}: {{summary}}"}
      - name: literal
        type: generic-webhook
        config: {url: "https://pager.example.com/v2", content_type: text/plain, body_template: "$${KEY} {{type}}"}
`

func loadTemplated(t *testing.T, text string, need config.Need, vars map[string]string) (*config.File, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "accessrelay.yaml")
	for file, content := range map[string]string{path: text, filepath.Join(dir, "body.hbs"): "{\"key\": \"S3CR3T\", \"dollar\": \"${KEY}\", \"t\": {{type}} }\n"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config.Load(path, need, config.Known{Platforms: catalog.Platforms(), Kinds: catalog.Kinds()},
		func(name string) (string, bool) { v, ok := vars[name]; return v, ok })
}

func TestTemplateInTheFile(t *testing.T) {
	file, err := loadTemplated(t, templated, config.NeedChannels, map[string]string{"KEY": "S3CR3T"})
	if err != nil {
		t.Fatal(err)
	}
	ev := &event.Event{Type: event.Test, Request: &event.Request{Reason: "${KEY}"}}
	for name, want := range map[string]string{
		"pager":   "{\n  \"routing_key\": \"S3CR3T\",\n  \"dollars\": \"$ and $ {\",\n  \"why\": \"${KEY}\",\n  \"type\": \"test\"\n}\n",
		"literal": "${KEY} test",
		"filed":   "{\"key\": \"S3CR3T\", \"dollar\": \"${KEY}\", \"t\": \"test\" }",
	} {
		for _, c := range file.Tenants[0].Channels {
			if c.Name != name {
				continue
			}
			got, err := c.Config.(*webhook.Config).Body.Execute(ev)
			if err != nil || string(got) != want {
				t.Errorf("%s: %q (%v), want %q", name, got, err, want)
			}
		}
	}
}

// A template is no secret, but what stands in a variable or a file is one.
func TestTemplateIsShownWithoutItsSecrets(t *testing.T) {
	for _, need := range []config.Need{config.NeedAuth, config.NeedChannels} {
		vars := map[string]string{}
		if need == config.NeedChannels {
			vars["KEY"] = "S3CR3T *** 1"
		}
		file, err := loadTemplated(t, templated, need, vars)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"pager": `\"routing_key\": \"***\"`, "loud": `"*** {{type}} *** ***"`, "filed": `"body_template":"***"`, "flow": `{{type}}: {{summary}}`}
		for _, c := range file.Tenants[0].Channels {
			if masked := string(c.Masked); strings.Contains(masked, "S3CR3T") || !strings.Contains(masked, want[c.Name]) && need == config.NeedChannels {
				t.Errorf("need %v: %s shows as %s", need, c.Name, masked)
			}
		}
	}
}

func TestTemplateErrorsNameBothLines(t *testing.T) {
	text := strings.Replace(templated, `"type": {{type}}`, `"type": {{typ}}`, 1)
	_, err := loadTemplated(t, text, config.NeedChannels, map[string]string{"KEY": "S3CR3T"})
	if err == nil || !strings.Contains(err.Error(), "accessrelay.yaml:9: tenants[0].channels[0].config.body_template: line 7: typ is no key here") ||
		!strings.Contains(err.Error(), "did you mean type?") || strings.Contains(err.Error(), "S3CR3T") {
		t.Errorf("%v", err)
	}
}

// Ingest does not know what a config's variables and files hold, but a template
// that holds none is as wrong for it as for the worker.
func TestEveryProgramChecksTemplates(t *testing.T) {
	const head = `tenants:
  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11
    name: acme
    channels:
      - name: c
        type: `
	for _, tt := range []struct{ name, channel, want string }{
		{"beside a variable", `generic-webhook
        config:
          url: "${URL}"
          body_template: "{{reson}}"`, "accessrelay.yaml:9: tenants[0].channels[0].config.body_template: line 1: reson is no key here"},
		{"beside a file", `slack-webhook
        config: {url_file: body.hbs, text_template: "{{#if}}"}`, "accessrelay.yaml:7: tenants[0].channels[0].config.text_template: line 1: "},
		{"with a literal ${", `generic-webhook
        config: {url: "${URL}", content_type: text/plain, body_template: "$${A} {{nope}}"}`, "config.body_template: line 1: nope is no key here"},
		{"with nothing but a literal ${", `generic-webhook
        config: {url: "https://a.example.com", content_type: text/plain, body_template: "$${A} {{nope}}"}`, "config.body_template: line 1: nope is no key here"},
		{"no text", `slack-webhook
        config: {url: "${URL}", text_template: 5}`, "config.text_template: must be a string"},
		{"a variable of its own", `generic-webhook
        config: {url: "${URL}", body_template: "${BODY}"}`, ""},
		{"a file of its own", `generic-webhook
        config: {url: "${URL}", body_template_file: nowhere.hbs}`, ""},
		{"an escaping that is not known", `generic-webhook
        config: {url: "${URL}", content_type: "${TYPE}", body_template: "{{type}} and no JSON"}`, ""},
		{"another key", `generic-webhook
        config: {url: "${URL}", signing_secret: "${SECRET}"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := loadTemplated(t, head+tt.channel+"\n", config.NeedAuth, nil)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}
