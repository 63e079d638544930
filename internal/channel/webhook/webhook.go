// Package webhook is the generic_webhook channel: any HTTP endpoint that takes
// Standard Webhooks.
package webhook

import (
	"encoding/json"

	"accessrelay/internal/channel"
	"accessrelay/internal/handlebars"
	"accessrelay/internal/secret"
)

// Type is the channel type's name in answers, metrics and records.
const Type = "generic_webhook"

// Config is where the events go and how.
type Config struct {
	URL           secret.String
	Headers       map[string]secret.String // by canonical name; nil for none
	SigningSecret secret.String            // "whsec_…"; empty leaves deliveries unsigned
	ContentType   string                   // of the body
	// Body renders the body; nil for the Standard Webhooks one. BodyTemplate is
	// its text, which may hold a key that the destination wants in the body.
	Body         *handlebars.Template
	BodyTemplate secret.String
}

// Reveal implements [channel.Config].
func (c *Config) Reveal() json.RawMessage {
	o := map[string]any{"url": c.URL.Reveal()}
	if len(c.Headers) > 0 {
		h := make(map[string]string, len(c.Headers))
		for name, value := range c.Headers {
			h[name] = value.Reveal()
		}
		o["headers"] = h
	}
	if !c.SigningSecret.IsZero() {
		o["signing_secret"] = c.SigningSecret.Reveal()
	}
	if c.ContentType != defaultContentType {
		o["content_type"] = c.ContentType
	}
	if c.Body != nil {
		o["body_template"] = c.BodyTemplate.Reveal()
	}
	out, _ := json.Marshal(o) // strings always marshal
	return out
}

// SigningKey returns the bytes to sign with, or nil without a signing secret.
func (c *Config) SigningKey() []byte {
	key, _ := signingKey(c.SigningSecret.Reveal())
	return key
}

// Plain implements [channel.Plainer].
func (c *Config) Plain() (field, instead string) { return channel.PlainURL("url", c.URL.Reveal()) }

// Kind is the generic_webhook type.
type Kind struct{}

// Type implements [channel.Kind].
func (Kind) Type() string { return Type }

// Slug implements [channel.Kind].
func (Kind) Slug() string { return "generic-webhook" }

// Parse implements [channel.Kind].
func (Kind) Parse(config json.RawMessage) (channel.Config, error) {
	o, err := channel.ReadObject(config)
	if err != nil {
		return nil, err
	}
	c := &Config{}
	if !o.Has("url") {
		o.Fail("url", "is required")
	}
	if s, ok := o.Text("url"); ok {
		if problem := channel.CheckURL(s); problem != "" {
			o.Fail("url", problem)
		}
		c.URL = secret.New(s)
	}
	if pairs, ok := o.Texts("headers"); ok {
		headers, problem := checkHeaders(pairs)
		if problem != "" {
			o.Fail("headers", problem)
		}
		c.Headers = headers
	}
	if s, ok := o.Text("signing_secret"); ok {
		if _, ok := signingKey(s); !ok {
			o.Fail("signing_secret", "must be whsec_ and the base64 of 24 to 64 bytes")
		}
		c.SigningSecret = secret.New(s)
	}
	c.template(o)
	if err := o.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Mask implements [channel.Kind].
func (Kind) Mask(config json.RawMessage) json.RawMessage {
	return channel.MaskObject(config, map[string]func(json.RawMessage) any{
		"url":     channel.ShowURL,
		"headers": channel.ShowKeys,

		"body_template": channel.ShowPlain,
		"content_type":  channel.ShowPlain,
	})
}
