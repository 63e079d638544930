package inbox

import (
	"encoding/json"
	"time"
)

// Message is one request that came in, whatever it was answered.
type Message struct {
	ID         int64     `json:"id"`   // 1, 2, … in the order of arrival
	Kind       string    `json:"kind"` // slack or webhook
	Path       string    `json:"path"` // /slack/security
	ReceivedAt time.Time `json:"received_at"`

	Status int    `json:"status"`           // what was answered
	Answer string `json:"answer,omitempty"` // the body of it
	// Problem is why the real destination would have refused it; empty when it
	// would not. It is filled in even when a failure was asked for.
	Problem string `json:"problem,omitempty"`
	// OnPurpose says that the answer is one that was asked for with POST /fail.
	OnPurpose bool `json:"on_purpose,omitempty"`
	// Attempt counts what looks like the same delivery to the same path: one
	// webhook-id or, without it, one body. 1 is the first.
	Attempt int `json:"attempt"`
	// Since is the time from the attempt before, 0 for the first. In JSON it is nanoseconds.
	Since time.Duration `json:"since_previous_ns,omitempty"`

	Signature *Signature        `json:"signature,omitempty"` // webhooks only
	Headers   map[string]string `json:"headers"`             // credentials masked
	Body      string            `json:"body"`                // the exact bytes
	Payload   json.RawMessage   `json:"payload,omitempty"`   // the body, when it is JSON

	identity string // what Attempt counts by
}

// size is about what the message takes in memory.
func (m *Message) size() int {
	n := len(m.Body) + len(m.Payload) + len(m.Answer) + len(m.Problem) + 512
	for k, v := range m.Headers {
		n += len(k) + len(v)
	}
	return n
}

// Signature is what checking a webhook's signature came to.
type Signature struct {
	State  string `json:"state"`            // one of the constants below
	Reason string `json:"reason,omitempty"` // why it failed
}

const (
	SignatureVerified  = "verified"
	SignatureFailed    = "failed"
	SignatureUnsigned  = "unsigned"  // neither a signature nor a secret for the path
	SignatureUnchecked = "unchecked" // signed, but the inbox was given no secret for the path
)
