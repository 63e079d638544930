// Package source is about the platforms that send webhooks: each one's
// subpackage checks its envelope and normalises its events. Nothing here does I/O.
package source

import (
	"fmt"

	"accessrelay/internal/event"
)

// Platform is one platform's dialect. Implementations are stateless and safe
// for concurrent use.
type Platform interface {
	// Name is the platform's name in the file, in metrics and in events.
	Name() string
	// Methods are the HTTP methods the platform may be set to send with.
	Methods() []string
	// EmptyReply reports whether the platform's contract asks for a 200 without a body.
	EmptyReply() bool
	// Check reports whether body is one JSON object in valid UTF-8 that has the
	// fields without which the platform's events mean nothing. Its error is an
	// *EnvelopeError. It is all that stands between a request and the queue, so
	// it is lenient: a field of a wrong type passes.
	Check(body []byte) error
	// Normalize fills e with what body says. It never fails: what it does not
	// understand becomes event.Unrecognized. It sets Type, PlatformEvent,
	// OccurredAt and the facts; the caller owns the identity (ID, TenantID,
	// Source, Platform, ReceivedAt) and Raw.
	Normalize(body []byte, e *event.Event)
}

// Configurable is a platform that each source sets up for itself, with further
// keys of the source in the file. It is of no use as it is: what reads events is
// what its Settings make.
type Configurable interface {
	Platform
	// NewSettings returns a pointer to an empty struct. Its yaml tags are the keys.
	NewSettings() Settings
}

// Settings are what one source says to its platform.
type Settings interface {
	// Platform returns the platform so set up. Its error begins with the key that
	// is wrong, as in "event_type: …".
	Platform() (Platform, error)
}

// EnvelopeError says why a body is not an event of its platform. Its text is
// shown to the sender; it holds nothing of the body but the names of fields.
type EnvelopeError struct {
	Field  string // the missing field, or "" when the body is not one JSON object
	Reason string
}

func (e *EnvelopeError) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return fmt.Sprintf("%s: %s", e.Field, e.Reason)
}
