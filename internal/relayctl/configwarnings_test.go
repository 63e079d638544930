package relayctl

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAddressWarnings(t *testing.T) {
	const (
		file = `tenants:
  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11
    name: acme
    api_keys: [{name: k, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]
    channels:
      - name: c
        type: `
		mail = `email
        config: {from_address: relay@example.com, to_addresses: [a@example.com], `
		hook  = "generic-webhook\n        config: {url: "
		slack = "slack-webhook\n        config: {webhook_url: "
		topic = "aws-sns\n        config: {topic_arn: \"arn:aws:sns:eu-central-1:123456789012:t\", access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: S3CR3T, endpoint: "
		admit = "\ndelivery: {allow_networks: [169.254.7.0/24, 93.184.215.0/24]}\n"
	)
	for _, tt := range []struct{ name, channel, want string }{
		{"link-local", hook + `"https://169.254.7.1/S3CR3T"}`, ":8: tenants[0].channels[0].config.url: has an address that no channel may reach, the operator's neither (link-local)"},
		{"metadata", slack + `"http://169.254.169.254/S3CR3T"}`, ":8: tenants[0].channels[0].config.url: has an address that no channel may reach, the operator's neither (link-local)"},
		{"another's metadata", hook + `"http://[fd00:ec2::254]/"}`, "has an address that no channel may reach, the operator's neither (cloud metadata)"},
		{"unspecified", hook + `"http://0.0.0.0:9000/"}`, "has an address that no channel may reach, the operator's neither (unspecified)"},
		{"multicast", mail + `smtp_host: 224.0.0.1}`, ":8: tenants[0].channels[0].config.smtp_host: has an address that no channel may reach, the operator's neither (multicast)"},
		{"reserved", topic + `"https://192.0.2.1"}`, ":8: tenants[0].channels[0].config.endpoint: has an address that no channel may reach, the operator's neither (reserved)"},
		{"written inside of another", hook + `"https://[::ffff:169.254.169.254]/"}`, "has an address that no channel may reach, the operator's neither (link-local)"},
		{"public without encryption", hook + `"http://93.184.215.14/S3CR3T"}`, "config.url: leads to a public address without encryption"},
		{"mail to a public one without encryption", mail + `smtp_host: 93.184.215.14, tls: none}`, "config.smtp_host: leads to a public address without encryption"},
		{"public", hook + `"https://93.184.215.14/"}`, ""},
		{"mail to a public one", mail + `smtp_host: 93.184.215.14}`, ""},
		{"private without encryption", hook + `"http://10.0.0.1/"}`, ""},
		{"this machine", hook + `"http://[::1]:9000/"}`, ""},
		{"a name", hook + `"http://metadata.example.com/"}`, ""},
		{"admitted", hook + `"https://169.254.7.1/"}` + admit, ""},
		{"admitted without encryption", hook + `"http://93.184.215.14/"}` + admit, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "accessrelay.yaml")
			if err := os.WriteFile(path, []byte(file+tt.channel+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			got := check(t, nil, path)
			_, warned, found := strings.Cut(got.out, "\nWarnings:\n")
			if got.code != exitOK || found != (tt.want != "") || !strings.Contains(warned, tt.want) || strings.Contains(got.out, "S3CR3T") {
				t.Errorf("%+v\nwant %q", got, tt.want)
			}
			if got := check(t, nil, "--for=ingest", path); got.code != exitOK || strings.Contains(got.out, "Warnings:") {
				t.Errorf("ingest connects to nobody: %+v", got)
			}
		})
	}
}

func TestHiddenReads(t *testing.T) {
	for _, tt := range []struct {
		template     string
		redact, want []string
	}{
		{`{{request.reason}}`, []string{"request.reason"}, []string{"request.reason"}},
		{`{{request/reason}}`, []string{"request.reason"}, []string{"request.reason"}},
		{`{{#if (eq requester.email "a")}}x{{/if}}`, []string{"requester"}, []string{"requester"}},
		{`{{#each access}}{{@root.request.reason}}{{../request.reason}}{{/each}}`, []string{"request.reason"}, []string{"request.reason"}},
		{`{{access.0.resource.name}}{{access.[1].resource.path}}`, []string{"access.resource.name", "access.resource.path"}, []string{"access.resource.name", "access.resource.path"}},
		{"{{~#each\n  access~}}{{/each}}", []string{"access", "window"}, []string{"access"}},
		{`{{json raw.data.note}}`, []string{"raw.data"}, []string{"raw.data"}},
		{`{{json raw.data.note}}`, []string{"request.reason"}, []string{"raw"}},
		{`{{json raw}}`, []string{"raw.data", "window"}, []string{"raw"}},
		{`{{json raw}}`, []string{"raw.data"}, nil},
		{`{{request.id}} request.reason`, []string{"request.reason"}, nil},
		{`{{requests.reason}}{{request.reasons}}`, []string{"request.reason"}, nil},
		{`{{default request.id "request.reason"}}`, []string{"request.reason"}, nil},
		{`{{! request.reason }}{{!-- {{request.reason}} --}}\{{request.reason}}`, []string{"request.reason"}, nil},
		{`{{request.reason}}`, nil, nil},
		{``, []string{"request"}, nil},
	} {
		if got := hiddenReads(tt.template, tt.redact); !slices.Equal(got, tt.want) {
			t.Errorf("%s without %v: %v, want %v", tt.template, tt.redact, got, tt.want)
		}
	}
}

func TestHiddenReadWarns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accessrelay.yaml")
	text := `tenants:
  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11
    name: acme
    api_keys: [{name: k, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]
    channels:
      - name: c
        type: slack-webhook
        redact: [request.reason]
        config:
          url: https://hooks.example.com/S3CR3T
          text_template: "{{summary}} {{request.reason}}"
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := check(t, nil, "--strict", path)
	want := path + ":11: tenants[0].channels[0].config.text_template: reads request.reason, which redact takes out of the event: it is always absent\n"
	if got.code != exitFailed || !strings.HasSuffix(got.out, "\nWarnings:\n  "+want) {
		t.Errorf("%+v\nwant %s", got, want)
	}
}
