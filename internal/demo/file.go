package demo

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"text/template"
)

// fileData is what the config file depends on.
type fileData struct {
	TenantID          string
	KeySHA256         string
	Sources           []sourceData
	SlackURL          string
	WebhookURL        string
	SigningSecretFile string
	MailHost          string
	MailPort          string
	MailTo            string
	SNSEndpoint       string
}

// The file has a source of every platform and a channel of every type; a test
// compares it with the catalog. %q of a string is also YAML.
var fileTemplate = template.Must(template.New(configName).Parse(`# A relay to try out. Everything that happens is delivered to the inbox.
tenants:
  - id: {{.TenantID}}
    name: demo
    api_keys:
      - {name: demo, sha256: {{.KeySHA256}}}
    sources:
{{- range .Sources}}
      - id: {{.ID}}
        platform: {{.Platform}}
        auth: { {{- .Auth -}} }
{{- with .More}}
        {{.}}
{{- end}}
{{- end}}
    channels:
      - name: demo-slack
        type: slack-webhook
        config: {url: {{printf "%q" .SlackURL}}}
        rate_limit: 100/s                          # the inbox takes more than Slack, which takes 1/s
      - name: demo-email
        type: email
        config:
          smtp_host: {{printf "%q" .MailHost}}
          smtp_port: {{.MailPort}}
          tls: none                                # it stays between the relay and the inbox
          from_address: accessrelay <accessrelay@example.com>
          to_addresses: [{{.MailTo}}]
      - name: demo-webhook
        type: generic-webhook
        config:
          url: {{printf "%q" .WebhookURL}}
          signing_secret_file: {{printf "%q" .SigningSecretFile}}
      - name: demo-sns
        type: aws-sns
        config:
          topic_arn: arn:aws:sns:us-east-1:000000000000:demo
          endpoint: {{printf "%q" .SNSEndpoint}}
          access_key_id: demo                      # keys of no worth: the inbox asks for a signature and checks none
          secret_access_key: of-no-worth
`))

func (f *fileData) render() ([]byte, error) {
	var b bytes.Buffer
	if err := fileTemplate.Execute(&b, f); err != nil {
		return nil, fmt.Errorf("writing the config: %w", err)
	}
	return b.Bytes(), nil
}

// newSigningSecret makes a secret of Standard Webhooks.
func newSigningSecret() ([]byte, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("generating a signing secret: %w", err)
	}
	return []byte("whsec_" + base64.StdEncoding.EncodeToString(key) + "\n"), nil
}
