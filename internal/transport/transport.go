// Package transport reaches destinations: each subpackage renders an event for
// one type of channel and sends it. What went wrong is said once, in a
// [SendError], which decides the retry and labels the metric alike.
package transport

import (
	"context"
	"errors"
	"fmt"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
)

// Transport sends to channels of one type. Implementations are safe for
// concurrent use.
type Transport interface {
	// Type is the channel type served: slack_webhook.
	Type() string
	// Send makes the attempt. nil means that the destination has confirmed it.
	// Any other error is a *SendError. The context bounds the attempt. For a
	// channel with several recipients it returns how each of them stands now,
	// also with an error; for others, and if nothing was tried, nil.
	Send(ctx context.Context, a Attempt) ([]event.Recipient, error)
}

// Attempt is one try to tell a channel about an event. It is only read.
type Attempt struct {
	Channel *channel.Channel
	Event   *event.Event // without what the channel must not see
	Now     time.Time    // when the attempt is made
	// Recipients is how they stood after the last attempt, nil before the first.
	// Who is delivered is not told again.
	Recipients []event.Recipient
}

// Class says what follows from a failure.
type Class int

const (
	Retry    Class = iota // try again, using up a retry
	Throttle              // wait as long as it says, using none
	Dead                  // give up at once
	Gone                  // give up and disable the channel
)

// Reason is why an attempt failed. The set is closed: it labels a metric and
// docs/metrics.md lists it.
type Reason string

const (
	ReasonConnection     Reason = "connection"      // refused, reset, cut off, name not found
	ReasonTLS            Reason = "tls"             // the handshake or the certificate
	ReasonTimeout        Reason = "timeout"         // no answer within delivery.timeout, 408
	ReasonServerError    Reason = "server_error"    // 5xx, 425
	ReasonRateLimited    Reason = "rate_limited"    // 429
	ReasonUnavailable    Reason = "unavailable"     // 502, 503, 504 with Retry-After
	ReasonClientError    Reason = "client_error"    // any other 4xx
	ReasonRedirect       Reason = "redirect"        // 3xx: never followed
	ReasonGone           Reason = "gone"            // 410
	ReasonBadResponse    Reason = "bad_response"    // not HTTP, or not what the destination's contract says
	ReasonDeferred       Reason = "deferred"        // SMTP 4xx: later, perhaps
	ReasonRejected       Reason = "rejected"        // SMTP 5xx: of the message, or of one of its recipients
	ReasonAddressBlocked Reason = "address_blocked" // the guard does not let a channel reach this address
	ReasonRender         Reason = "render"          // the event cannot be written for this channel

	// The relay's own reasons, where no attempt is made.
	ReasonChannelDeleted  Reason = "channel_deleted"
	ReasonChannelDisabled Reason = "channel_disabled"
	ReasonChannelConfig   Reason = "channel_config" // the sealed config cannot be opened or read
	ReasonRateLimit       Reason = "rate_limit"     // the channel's own rate_limit
	ReasonBreakerOpen     Reason = "breaker_open"   // the channel failed too often in a row; one delivery at a time tries it
	ReasonMaxAge          Reason = "max_age"        // throttled for longer than delivery.max_age
)

// Reasons returns every reason, in a fixed order.
func Reasons() []Reason {
	return []Reason{
		ReasonConnection, ReasonTLS, ReasonTimeout, ReasonServerError, ReasonRateLimited,
		ReasonUnavailable, ReasonClientError, ReasonRedirect, ReasonGone, ReasonBadResponse,
		ReasonDeferred, ReasonRejected, ReasonAddressBlocked, ReasonRender,
		ReasonChannelDeleted, ReasonChannelDisabled, ReasonChannelConfig,
		ReasonRateLimit, ReasonBreakerOpen, ReasonMaxAge,
	}
}

// SendError is a failed attempt.
type SendError struct {
	Reason     Reason
	Class      Class
	RetryAfter time.Duration // with Throttle: how long the destination asked for; else 0
	Alive      bool          // the destination is well, whatever Reason may say of others: it was this event that did not get through
	NoAttempt  bool          // nothing was sent: the attempt is not counted
	Err        error         // for people; its text holds no secret and nothing of the event
}

func (e *SendError) Error() string {
	if e.Err == nil {
		return string(e.Reason)
	}
	return fmt.Sprintf("%s: %v", e.Reason, e.Err)
}

func (e *SendError) Unwrap() error { return e.Err }

// AsSendError returns err as a *SendError. An error that is none is a bug of a
// transport; it is treated as one that a retry may mend.
func AsSendError(err error) *SendError {
	var se *SendError
	if errors.As(err, &se) {
		return se
	}
	return &SendError{Reason: ReasonConnection, Class: Retry, Err: errors.New("unclassified failure")}
}
