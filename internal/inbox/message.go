package inbox

import (
	"encoding/json"
	"time"
)

// Message is one request or mail that came in, whatever it was answered. A mail
// to several recipients is one for each.
type Message struct {
	ID         int64     `json:"id"`   // 1, 2, … in the order of arrival
	Kind       string    `json:"kind"` // slack, webhook, sns or email
	Path       string    `json:"path"` // /slack/security; of a mail to demo@example.com /email/demo
	ReceivedAt time.Time `json:"received_at"`

	Status int    `json:"status"`           // what was answered, by HTTP or SMTP
	Answer string `json:"answer,omitempty"` // the body of it
	// Problem is why the real destination would have refused it; empty when it
	// would not. It is filled in even when a failure was asked for.
	Problem string `json:"problem,omitempty"`
	// OnPurpose says that the answer is one that was asked for with POST /fail.
	OnPurpose bool `json:"on_purpose,omitempty"`
	// Attempt counts what looks like the same delivery to the same path: one
	// webhook-id, one Message-ID, one deduplication id or, without any, one body. 1 is the first.
	Attempt int `json:"attempt"`
	// Since is the time from the attempt before, 0 for the first. In JSON it is nanoseconds.
	Since time.Duration `json:"since_previous_ns,omitempty"`

	Signature *Signature        `json:"signature,omitempty"` // webhooks only
	Headers   map[string]string `json:"headers"`             // credentials masked
	Body      string            `json:"body"`                // the exact bytes
	Payload   json.RawMessage   `json:"payload,omitempty"`   // the body, or what was published, when it is JSON

	Mail *Mail        `json:"mail,omitempty"`
	SNS  *Publication `json:"sns,omitempty"`

	identity string // what Attempt counts by
}

// size is about what the message takes in memory.
func (m *Message) size() int {
	n := len(m.Body) + len(m.Payload) + len(m.Answer) + len(m.Problem) + 512
	for k, v := range m.Headers {
		n += len(k) + len(v)
	}
	if m.Mail != nil {
		n += m.Mail.size()
	}
	if m.SNS != nil {
		n += m.SNS.size()
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
