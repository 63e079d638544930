// Package webhook sends to generic_webhook channels, as Standard Webhooks 1.0
// lays down.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"

	config "accessrelay/internal/channel/webhook"
	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

// Transport sends to generic webhooks.
type Transport struct{ clients transport.Clients }

// New returns a transport that sends with clients.
func New(clients transport.Clients) *Transport { return &Transport{clients} }

// Type implements [transport.Transport].
func (*Transport) Type() string { return config.Type }

// Send implements [transport.Transport]. Any 2xx is the confirmation.
func (t *Transport) Send(ctx context.Context, a transport.Attempt) ([]event.Recipient, error) {
	c, ok := a.Channel.Config.(*config.Config)
	if !ok {
		return nil, transport.Misconfigured(a.Channel.ConfigErr)
	}
	body, err := render(c, a.Event)
	if err != nil {
		return nil, err
	}
	answer, err := transport.Post(ctx, t.clients.For(a.Channel), c.URL.Reveal(), header(c, a.Event.ID, a.Now, body), body)
	if err != nil {
		return nil, err
	}
	if failure := answer.Outcome(a.Now, ""); failure != nil {
		return nil, failure
	}
	return nil, nil
}

// render writes the body: the channel's own, or the Standard Webhooks one. The
// same event always gives the same bytes. The error is a *SendError.
func render(c *config.Config, ev *event.Event) ([]byte, error) {
	if c.Body == nil {
		return transport.Envelope(ev)
	}
	body, err := c.Body.Execute(ev)
	if err != nil {
		return nil, transport.Unrenderable("body_template: " + err.Error())
	}
	return body, nil
}

func header(c *config.Config, id string, now time.Time, body []byte) http.Header {
	h := http.Header{}
	for name, value := range c.Headers {
		h.Set(name, value.Reveal())
	}
	timestamp := strconv.FormatInt(now.Unix(), 10)
	h.Set("Content-Type", c.ContentType)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", timestamp)
	if key := c.SigningKey(); key != nil {
		h.Set("Webhook-Signature", sign(key, id, timestamp, body))
	}
	return h
}

// sign returns the v1 signature: HMAC-SHA256 over "id.timestamp.body".
func sign(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
