// Package email sends to email channels: one mail with text and HTML, over one
// connection, to those recipients who do not have it yet.
package email

import (
	"context"

	config "accessrelay/internal/channel/email"
	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

// Transport sends mail.
type Transport struct{ guards transport.Guards }

// New returns a transport that connects through guards.
func New(guards transport.Guards) *Transport { return &Transport{guards} }

// Type implements [transport.Transport].
func (*Transport) Type() string { return config.Type }

// Send implements [transport.Transport]. The server confirms with 250 after the
// message; each recipient it has taken before that counts as delivered. A stop
// between the message and that answer is where a mail may arrive twice.
func (t *Transport) Send(ctx context.Context, a transport.Attempt) ([]event.Recipient, error) {
	c, ok := a.Channel.Config.(*config.Config)
	if !ok {
		return nil, transport.Misconfigured(a.Channel.ConfigErr)
	}
	rcpts := standing(c.To, a.Recipients)
	mail, err := compose(a.Channel.ID, c, a.Event)
	if err != nil {
		return a.Recipients, err
	}
	if ctx.Err() != nil {
		failure := transport.ConnectionError(ctx, ctx.Err(), false)
		failure.NoAttempt = true
		return a.Recipients, failure
	}
	if !rcpts.open() {
		return rcpts.list, rcpts.outcome()
	}
	s, failure := connect(ctx, t.guards.For(a.Channel), c)
	if failure == nil {
		defer s.close()
		failure = s.submit(c.From.Address, rcpts, mail)
	}
	switch {
	case failure == nil:
		return rcpts.list, rcpts.outcome()
	case failure.NoAttempt:
		return a.Recipients, failure
	case failure.Class == transport.Dead:
		rcpts.giveUp(failure)
	}
	return rcpts.list, failure
}
