// Package sns publishes to topics of Amazon SNS, and of servers that speak its
// protocol. The SDK writes and signs the request and reads the answer; the way
// out is the guard's, as for every other channel.
package sns

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"

	"accessrelay/internal/channel"
	config "accessrelay/internal/channel/sns"
	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

// Credentials are those of AWS's default chain. Implementations are safe for
// concurrent use and keep what they found until it expires.
type Credentials interface {
	Retrieve(ctx context.Context) (aws.Credentials, error)
	// Invalidate forgets what was found: AWS says that it has expired.
	Invalidate()
}

// Transport publishes to topics.
type Transport struct {
	clients transport.Clients
	chain   Credentials
	allowed func() config.Patterns
}

// New returns a transport that sends with clients. Channels without keys of their
// own are signed for with chain: those of the operator's file, and those for a
// topic that allowed lists. allowed is asked at every attempt.
func New(clients transport.Clients, chain Credentials, allowed func() config.Patterns) *Transport {
	return &Transport{clients, chain, allowed}
}

// Type implements [transport.Transport].
func (*Transport) Type() string { return config.Type }

// Send implements [transport.Transport]. The id that SNS gives the message is the
// confirmation.
func (t *Transport) Send(ctx context.Context, a transport.Attempt) ([]event.Recipient, error) {
	c, ok := a.Channel.Config.(*config.Config)
	if !ok {
		return nil, transport.Misconfigured(a.Channel.ConfigErr)
	}
	if failure := t.admit(c, a.Channel); failure != nil {
		return nil, failure
	}
	in, err := publication(c, a.Event)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, unsent(transport.ConnectionError(ctx, err, false))
	}
	keys, err := t.keys(ctx, c)
	if err != nil {
		return nil, err
	}
	w := &wire{client: t.clients.For(a.Channel)}
	out, err := client(c, keys, w).Publish(ctx, in)
	switch {
	case w.failure != nil:
		return nil, w.failure
	case w.answer == nil && ctx.Err() != nil:
		return nil, unsent(transport.ConnectionError(ctx, ctx.Err(), false))
	case w.answer == nil: // err may quote the config
		return nil, transport.Misconfigured(errors.New("no request can be made out of the channel's config"))
	}
	if failure, expired := outcome(w.answer, a.Now, c.DefaultChain()); failure != nil {
		if expired {
			t.chain.Invalidate()
		}
		return nil, failure
	}
	switch {
	case err == nil && aws.ToString(out.MessageId) != "":
		return nil, nil
	case w.answer.Incomplete != nil:
		return nil, w.answer.Incomplete
	}
	// A success that says something else is a login page, say, and no delivery.
	return nil, &transport.SendError{
		Reason: transport.ReasonBadResponse, Class: transport.Retry,
		Err: errors.New("the answer does not have the MessageId of SNS"),
	}
}

// admit refuses a channel without keys for which the operator does not, or no
// longer, lend the worker's own. The API has said so already; but the list may
// have become shorter since.
func (t *Transport) admit(c *config.Config, ch *channel.Channel) *transport.SendError {
	switch {
	case !c.DefaultChain():
		return nil
	case !c.Endpoint.IsZero(): // no config that was checked is like that
		return transport.Misconfigured(errors.New("the worker's own AWS credentials go to AWS alone: a channel with an endpoint needs keys"))
	case ch.ManagedBy == channel.ManagedByFile:
		return nil
	}
	if wrong := config.Admit(c, t.allowed()); wrong != nil {
		return transport.Misconfigured(wrong)
	}
	return nil
}

// keys are what to sign with. Those of the default chain may be long in coming.
func (t *Transport) keys(ctx context.Context, c *config.Config) (aws.Credentials, error) {
	if !c.DefaultChain() {
		return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey.Reveal()}, nil
	}
	keys, err := t.chain.Retrieve(ctx)
	switch {
	case err == nil:
		return keys, nil
	case ctx.Err() != nil:
		return aws.Credentials{}, unsent(transport.ConnectionError(ctx, ctx.Err(), false))
	}
	// Perhaps only this worker lacks them, or they are late: others, and later
	// attempts, get their chance. err may quote what a provider said.
	return aws.Credentials{}, unsent(&transport.SendError{
		Reason: transport.ReasonChannelConfig, Class: transport.Retry,
		Err: errors.New("the worker gets no credentials of its own from AWS's default chain; give it some, or the channel keys"),
	})
}

func unsent(e *transport.SendError) *transport.SendError {
	e.NoAttempt = true
	return e
}

// client returns the SDK's client for one attempt. One is made for each: it costs
// microseconds, and nothing of one channel (its keys, a clock that its server
// claims) can get into the requests of another. It is made of these options
// alone, so neither the environment nor AWS's shared files have a say.
func client(c *config.Config, keys aws.Credentials, w *wire) *sdk.Client {
	o := sdk.Options{
		Region:      c.Region,
		Credentials: credentials.StaticCredentialsProvider{Value: keys},
		HTTPClient:  w,
		Retryer:     aws.NopRetryer{}, // retries are the relay's
	}
	if !c.Endpoint.IsZero() {
		o.BaseEndpoint = aws.String(withoutUsualPort(c.Endpoint.Reveal()))
	}
	return sdk.New(o)
}

// withoutUsualPort leaves out a port that the scheme has anyway. The SDK would do
// so itself for the signature, and take the brackets off an IPv6 address with it.
func withoutUsualPort(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint // no config that was checked is like that
	}
	if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	return u.String()
}
