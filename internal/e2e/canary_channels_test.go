package e2e

import (
	"slices"
	"strings"
	"testing"
)

// echoed is an error of SNS's that quotes what it was sent.
const echoed = `<ErrorResponse><Error><Type>Sender</Type><Code>canary-answer</Code><Message>canary-answer</Message></Error><RequestId>canary-answer</RequestId></ErrorResponse>`

// spoiltChannels are channels of every type but the plain webhooks, with a canary
// in every secret: some deliver, the others fail in every way of their own. It
// returns them with the authority that the mail servers' certificates are from.
func spoiltChannels(t *testing.T) (channels []channelConf, authority string) {
	t.Helper()
	login := map[string]any{"username": "relay", "password": "canary-mail-password"}
	with := func(more map[string]any) map[string]any {
		for k, v := range login {
			more[k] = v
		}
		return more
	}
	authority, cert, key := privateCA(t)
	const to = "refused@example.com"
	mail := startMail(t, mailConf{TLS: "starttls", Cert: cert, Key: key, User: "relay", Password: "canary-mail-password", Replies: map[string][]string{
		to: slices.Repeat([]string{"550 5.1.1 canary-answer"}, 4), "deferred@example.com": slices.Repeat([]string{"450 4.2.0 canary-answer"}, 20),
	}})
	strict := startMail(t, mailConf{TLS: "implicit", Cert: cert, Key: key, User: "relay", Password: "another"})
	plain := startMail(t, mailConf{TLS: "none"})
	_, cert, key = privateCA(t)
	stranger := startMail(t, mailConf{TLS: "implicit", Cert: cert, Key: key})

	topic := func(name string, answers ...answer) channelConf {
		c := topicTo(name, newSink(t, answers...))
		c.config["endpoint"] = c.config["endpoint"].(string) + "/canary-endpoint-path"
		c.config["secret_access_key"] = "canary-aws-secret"
		return c
	}
	template := func(name, text string) channelConf {
		c := webhookTo(name, newSink(t))
		c.config["url"] = c.config["url"].(string) + "/canary-webhook-path?q=canary-webhook-query"
		c.config["body_template"] = text
		return c
	}
	return []channelConf{
		mailTo("mail", mail, "starttls", with(map[string]any{"subject_template": "{{request.reason}} {{grantee.email}}"})),
		mailTo("mail-refused", mail, "starttls", with(map[string]any{"to_addresses": []string{to}})),
		mailTo("mail-deferred", mail, "starttls", with(map[string]any{"to_addresses": []string{"deferred@example.com"}})),
		mailTo("mail-login", strict, "implicit", with(map[string]any{})),
		mailTo("mail-plain", plain, "starttls", with(map[string]any{})),
		mailTo("mail-stranger", stranger, "implicit", with(map[string]any{})),
		topic("topic", answer{body: publishedXML}),
		topic("topic-refused", answer{status: 403, body: echoed}),
		topic("topic-failing", answer{status: 500, body: echoed}),
		topic("topic-moved", answer{status: 301, header: map[string]string{"Location": "http://127.0.0.1:1/canary-redirect"}}),
		template("template", `{"text":"{{request.reason}} {{grantee.email}}","all":{{json this}}}`),
		template("template-broken", `{"text":{{request.reason}}}`), // a value where JSON has none: it is checked when it is known
	}, authority
}

// checkSpoilt: the channels have done what they are there for.
func checkSpoilt(t *testing.T, got receipt) {
	t.Helper()
	want := map[string]string{
		"mail": "", "topic": "", "template": "",
		"mail-refused": "rejected", "mail-deferred": "deferred", "mail-login": "rejected", "mail-plain": "tls", "mail-stranger": "tls",
		"topic-refused": "client_error", "topic-failing": "server_error", "topic-moved": "redirect",
	}
	for name, reason := range want {
		for _, of := range []string{name, "sealed " + name} {
			d := got.to(t, of)
			if (reason == "") != (d.State == "delivered") || !strings.HasPrefix(d.LastError, reason) {
				t.Errorf("%s: %s, %q; want %q", of, d.State, d.LastError, reason)
			}
		}
	}
}

// spoiltConfigs are bodies that are refused, by type, with canaries in them.
var spoiltConfigs = map[string][]string{
	"email": {
		`{"name":"x","smtp_host":"canary-refused:25","from_address":"a@example.com","to_addresses":["b@example.com"]}`,
		`{"name":"x","smtp_host":"canary refused","smtp_port":"canary-refused","tls":"canary-refused","from_address":"canary-refused","to_addresses":["canary-refused"]}`,
		`{"name":"x","smtp_host":"mail.example.com","from_address":"a@example.com","to_addresses":["b@example.com"],"username":"u\n","password":"canary-refused\n"}`,
		`{"name":"x","smtp_host":"mail.example.com","from_address":"a@example.com","to_addresses":["b@example.com"],"password":"canary-refused"}`,
		`{"name":"x","smtp_host":"mail.example.com","from_address":"a@example.com","to_addresses":["b@example.com"],"subject_template":"{{#if canary-refused"}`,
		`{"name":"x","smtp_host":"mail.example.com","from_address":"a@example.com","to_addresses":["canary-refused\r\nRCPT TO:<x@example.com>"]}`,
	},
	"aws-sns": {
		`{"name":"x","topic_arn":"canary-refused"}`,
		`{"name":"x","topic_arn":"arn:aws:sns:eu-central-1:123456789012:a","access_key_id":"AKIDCANARY","secret_access_key":"canary-refused\n"}`,
		`{"name":"x","topic_arn":"arn:aws:sns:eu-central-1:123456789012:a","secret_access_key":"canary-refused"}`,
		`{"name":"x","topic_arn":"arn:aws:sns:eu-central-1:123456789012:a","region":"canary-refused/#","access_key_id":"test","secret_access_key":"canary-refused","endpoint":"https://x.example"}`,
		`{"name":"x","topic_arn":"arn:aws:sns:eu-central-1:123456789012:a","endpoint":"https://u:canary-refused@x.example","access_key_id":"test","secret_access_key":"canary-refused"}`,
		`{"name":"x","topic_arn":"arn:aws:sns:eu-central-1:123456789012:a","endpoint":"https://x.example/?canary-refused","access_key_id":"test","secret_access_key":"canary-refused","message_group_id":"canary refused"}`,
	},
	"generic-webhook": {
		`{"name":"x","url":"https://example.com/","body_template":"{{#each canary-refused"}`,
		`{"name":"x","url":"https://example.com/","body_template":"{{canary-refused}} {{/if}}"}`,
		`{"name":"x","url":"https://example.com/","content_type":"canary-refused"}`,
		`{"name":"x","url":"https://example.com/","rate_limit":"canary-refused"}`,
	},
}
