// Package channel says what a channel is: somewhere a tenant's events are
// delivered to. Each type's subpackage reads, checks and masks its config.
// Nothing here does I/O; how a channel is reached is package transport's business.
package channel

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/ratelimit"
)

// Mask stands in answers where a secret is kept.
const Mask = "***"

// ManagedBy says who may change a channel.
type ManagedBy string

const (
	ManagedByAPI  ManagedBy = "api"
	ManagedByFile ManagedBy = "file" // the operator's own: read-only through the API
)

// Channel is one destination of one tenant.
type Channel struct {
	ID             string // UUID; of a file's channel the same at every start
	TenantID       string
	Name           string // unique in the tenant
	Type           string // Kind.Type: slack_webhook
	Enabled        bool
	DisabledReason string // set when the relay disabled it
	Filters        []string
	RateLimit      *ratelimit.Rate // as it was set; nil: the type's. What counts is [Channel.Rate]
	TypeRate       *ratelimit.Rate // of its type: [DefaultRate]; set by whoever knows the kinds
	Redact         []string        // paths of the event that this channel must not see: event.Redact
	ManagedBy      ManagedBy
	CreatedAt      time.Time // zero for a file's channel
	UpdatedAt      time.Time

	// Masked is the config as answers show it.
	Masked json.RawMessage
	// Config is the checked config with its secrets. It is nil wherever nobody
	// may open it: in the ingest program always.
	Config Config
	// ConfigErr says why a worker has no Config: it could not be opened, or
	// this version cannot read it. Deliveries to the channel end dead with it.
	ConfigErr error
}

// Wants reports whether the channel subscribes to events of type t.
func (c *Channel) Wants(t event.Type) bool { return c.Enabled && event.Match(c.Filters, t) }

// Kind is one type of channel. Implementations are stateless and safe for concurrent use.
type Kind interface {
	// Type is the name in answers, metrics and records: slack_webhook.
	Type() string
	// Slug is the name in paths and in the file: slack-webhook.
	Slug() string
	// Parse reads a config, a JSON object with its secrets in the clear.
	// Unknown keys, wrong types and impossible values are an *InvalidError.
	Parse(config json.RawMessage) (Config, error)
	// Mask returns config with every secret replaced by [Mask]. It takes any
	// JSON object, checked or not, and errs on the side of hiding.
	Mask(config json.RawMessage) json.RawMessage
}

// Config is a checked config of some Kind. The transport of the same type knows
// its concrete type.
type Config interface {
	// Reveal returns the config as canonical JSON, secrets in the clear, so
	// that Parse(Reveal()) gives the same config. It is for sealing only.
	Reveal() json.RawMessage
}

// Kinds looks kinds up by either name.
type Kinds []Kind

// ByType returns the kind whose Type is t, or nil.
func (ks Kinds) ByType(t string) Kind {
	for _, k := range ks {
		if k.Type() == t {
			return k
		}
	}
	return nil
}

// BySlug returns the kind whose Slug is s, or nil.
func (ks Kinds) BySlug(s string) Kind {
	for _, k := range ks {
		if k.Slug() == s {
			return k
		}
	}
	return nil
}

// Slugs returns the slugs of all kinds, for error messages.
func (ks Kinds) Slugs() []string {
	var out []string
	for _, k := range ks {
		out = append(out, k.Slug())
	}
	return out
}

// InvalidError says what is wrong with a config, field by field. Its texts are
// shown to whoever sent the config and never hold a value of it.
type InvalidError struct {
	Fields map[string]string // key of the config to what is wrong with it
}

// Invalid makes an *InvalidError of one field.
func Invalid(field, format string, args ...any) *InvalidError {
	return &InvalidError{Fields: map[string]string{field: fmt.Sprintf(format, args...)}}
}

func (e *InvalidError) Error() string {
	keys := make([]string, 0, len(e.Fields))
	for k := range e.Fields {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var b strings.Builder
	for i, k := range keys {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(k + ": " + e.Fields[k])
	}
	return b.String()
}
