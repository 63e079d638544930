package transport

import (
	"encoding/json"
	"errors"
	"time"

	"accessrelay/internal/event"
)

// Envelope writes ev as destinations for programs get it: the Standard Webhooks
// body {"type","timestamp","data":<canonical event>}. The same event always
// gives the same bytes. The error is a *SendError: the event has something
// that JSON cannot hold.
func Envelope(ev *event.Event) ([]byte, error) {
	body, err := json.Marshal(struct {
		Type      event.Type   `json:"type"`
		Timestamp time.Time    `json:"timestamp"`
		Data      *event.Event `json:"data"`
	}{ev.Type, ev.At().UTC(), ev})
	if err != nil {
		return nil, Unrenderable("the event cannot be written as JSON") // err may quote the event
	}
	return body, nil
}

// Unrenderable is the failure to write an event for a channel: no attempt was
// made and none would go better.
func Unrenderable(text string) *SendError {
	return &SendError{Reason: ReasonRender, Class: Dead, NoAttempt: true, Err: errors.New(text)}
}

// Misconfigured is the failure to read a channel's config, for cause if known.
// Causes are errors of packages channel and channelstore, which hold no secret.
func Misconfigured(cause error) *SendError {
	if cause == nil {
		cause = errors.New("the channel has no config that this transport can read")
	}
	return &SendError{Reason: ReasonChannelConfig, Class: Dead, NoAttempt: true, Err: cause}
}
