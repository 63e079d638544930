// Package slack sends to slack_webhook channels: Slack's incoming webhooks, and
// whatever speaks like them.
package slack

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	config "accessrelay/internal/channel/slack"
	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

// Transport sends to Slack.
type Transport struct{ clients transport.Clients }

// New returns a transport that sends with clients.
func New(clients transport.Clients) *Transport { return &Transport{clients} }

// Type implements [transport.Transport].
func (*Transport) Type() string { return config.Type }

// Send implements [transport.Transport]. Slack confirms with 200 and the body "ok".
func (t *Transport) Send(ctx context.Context, a transport.Attempt) ([]event.Recipient, error) {
	c, ok := a.Channel.Config.(*config.Config)
	if !ok {
		return nil, transport.Misconfigured(a.Channel.ConfigErr)
	}
	message, err := body(c, a.Event)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	answer, err := transport.Post(ctx, t.clients.For(a.Channel), c.URL.Reveal(), header, message)
	if err != nil {
		return nil, err
	}
	if failure := answer.Outcome(a.Now, errorCode(answer.Body)); failure != nil {
		return nil, failure
	}
	switch text := string(bytes.TrimSpace(answer.Body)); {
	case text == "ok":
		return nil, nil
	case answer.Incomplete != nil:
		return nil, answer.Incomplete
	case text == "": // servers that only speak Slack's language
		return nil, nil
	}
	// A success that says something else is a login page, say, and no delivery.
	return nil, &transport.SendError{
		Reason: transport.ReasonBadResponse, Class: transport.Retry,
		Err: errors.New("the answer is not Slack's ok"),
	}
}

// errorCodes are Slack's documented answers. Others are not shown: whoever
// answers could echo the message or its own address.
var errorCodes = map[string]bool{
	"action_prohibited": true, "channel_is_archived": true, "channel_not_found": true,
	"invalid_blocks": true, "invalid_payload": true, "invalid_token": true, "msg_blocks_too_long": true,
	"no_active_hooks": true, "no_service": true, "no_service_id": true, "no_team": true, "no_text": true,
	"posting_to_general_channel_denied": true, "rollup_error": true, "team_disabled": true,
	"too_many_attachments": true, "user_not_found": true,
}

func errorCode(body []byte) string {
	if code := string(bytes.TrimSpace(body)); errorCodes[code] {
		return code
	}
	return ""
}
