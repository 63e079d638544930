// Package slack is the slack_webhook channel: a Slack incoming webhook.
package slack

import (
	"encoding/json"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/handlebars"
	"accessrelay/internal/ratelimit"
	"accessrelay/internal/secret"
)

// Type is the channel type's name in answers, metrics and records.
const Type = "slack_webhook"

// Config is where the messages go.
type Config struct {
	URL secret.String // who knows it can post
	// Text renders the message's text; nil for the relay's own message.
	// TextTemplate is its text.
	Text         *handlebars.Template
	TextTemplate secret.String
}

// Reveal implements [channel.Config].
func (c *Config) Reveal() json.RawMessage {
	o := map[string]string{"url": c.URL.Reveal()}
	if c.Text != nil {
		o["text_template"] = c.TextTemplate.Reveal()
	}
	out, _ := json.Marshal(o) // strings always marshal
	return out
}

// Plain implements [channel.Plainer].
func (c *Config) Plain() (field, instead string) { return channel.PlainURL("url", c.URL.Reveal()) }

// Kind is the slack_webhook type.
type Kind struct{}

// Type implements [channel.Kind].
func (Kind) Type() string { return Type }

// Slug implements [channel.Kind].
func (Kind) Slug() string { return "slack-webhook" }

// DefaultRate implements [channel.Paced]: Slack takes one message a second for
// each webhook, with short bursts above.
func (Kind) DefaultRate() ratelimit.Rate { return ratelimit.Rate{N: 1, Per: time.Second} }

// Parse implements [channel.Kind]. The address may stand under url, or under
// webhook_url as in JITSudo's guide, not under both.
func (Kind) Parse(config json.RawMessage) (channel.Config, error) {
	o, err := channel.ReadObject(config)
	if err != nil {
		return nil, err
	}
	key := "url"
	if o.Has("webhook_url") {
		key = "webhook_url"
		if o.Has("url") {
			o.Fail("webhook_url", "means the same as url; give one of them")
		}
	}
	if !o.Has(key) {
		o.Fail(key, "is required")
	}
	address, ok := o.Text(key)
	if ok {
		if problem := channel.CheckURL(address); problem != "" {
			o.Fail(key, problem)
		}
	}
	if key == "webhook_url" {
		o.Text("url") // noted above
	}
	c := &Config{URL: secret.New(address)}
	if s, ok := o.Text("text_template"); ok {
		text, err := handlebars.Parse(s, handlebars.SlackText)
		if err != nil {
			o.Fail("text_template", err.Error())
		}
		c.Text, c.TextTemplate = text, secret.New(s)
	}
	if err := o.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Mask implements [channel.Kind]. The address is shown under url, whatever it
// was sent as.
func (Kind) Mask(config json.RawMessage) json.RawMessage {
	var o map[string]json.RawMessage
	if err := json.Unmarshal(config, &o); err == nil && o["webhook_url"] != nil {
		if o["url"] == nil {
			o["url"] = o["webhook_url"]
		}
		delete(o, "webhook_url")
		config, _ = json.Marshal(o)
	}
	return channel.MaskObject(config, map[string]func(json.RawMessage) any{
		"url":           channel.ShowURL,
		"text_template": channel.ShowPlain,
	})
}
