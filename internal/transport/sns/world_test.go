package sns

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"accessrelay/internal/channel"
	config "accessrelay/internal/channel/sns"
	"accessrelay/internal/transport"
)

const (
	topicARN  = "arn:aws:sns:eu-central-1:123456789012:access"
	fifoARN   = "arn:aws:sns:eu-central-1:123456789012:access.fifo"
	keyID     = "AKIAIOSFODNN7EXAMPLE"
	secretKey = "canary/of/the/secret/access/key"
)

func read(c map[string]string) (channel.Config, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return config.Kind{}.Parse(raw)
}

func parse(t *testing.T, c map[string]string) *config.Config {
	t.Helper()
	out, err := read(c)
	if err != nil {
		t.Fatal(err)
	}
	return out.(*config.Config)
}

// noChain is the chain of a machine that has no credentials.
type noChain struct{}

func (noChain) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, errors.New("canary of a provider")
}
func (noChain) Invalidate() {}

func noTopics() config.Patterns { return nil }

func patterns(t *testing.T, list ...string) config.Patterns {
	t.Helper()
	var out config.Patterns
	for _, s := range list {
		p, err := config.ParsePattern(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// internet is AWS, wherever it is called: nothing leaves the test.
type internet struct {
	mu       sync.Mutex
	requests []*http.Request
	forms    []url.Values
	bodies   []string
	answer   func(n int) (status int, body string) // nil: all is well
}

const confirmed = `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>` +
	`<MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></PublishResult></PublishResponse>`

func fault(code string) string {
	return `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>` + code +
		`</Code><Message>canary</Message></Error><RequestId>canary</RequestId></ErrorResponse>`
}

func (w *internet) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.requests, w.forms, w.bodies = append(w.requests, r), append(w.forms, form), append(w.bodies, string(body))
	n, status, text := len(w.requests), http.StatusOK, confirmed
	w.mu.Unlock()
	if w.answer != nil {
		status, text = w.answer(n)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

func (w *internet) clients() transport.Clients {
	c := &http.Client{Transport: w}
	return transport.Clients{Tenant: c, Operator: c}
}

// to is a channel of the API with the config.
func to(c *config.Config) *channel.Channel {
	return &channel.Channel{ID: "6f0d9a52-0a53-4c8e-9a39-0c8f2d8d7f10", Type: config.Type, ManagedBy: channel.ManagedByAPI, Config: c}
}

var now = time.Date(2026, 1, 15, 9, 31, 0, 0, time.UTC)
