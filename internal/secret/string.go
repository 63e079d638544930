// Package secret keeps secrets from being shown by accident, and seals them
// for those who may read them.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// mask is what stands wherever a secret would have been shown.
const mask = "***"

// String is a secret text. Every way of printing, logging or marshalling it
// gives "***", or "" when it is empty; only [String.Reveal] gives the text.
// The zero value is the empty secret. It is read from YAML, JSON and text as a
// plain string, so a config struct can hold it. Compare with [String.Equal]:
// == compares identities, not texts.
type String struct {
	// A pointer, because fmt calls no method of a value in an unexported field
	// and on %p: it then prints this address instead of the text.
	p *string
}

// New wraps s.
func New(s string) String {
	if s == "" {
		return String{}
	}
	return String{p: &s}
}

// Reveal returns the text. Every call is a place to look at in a review.
func (s String) Reveal() string {
	if s.p == nil {
		return ""
	}
	return *s.p
}

// IsZero reports whether the secret is empty.
func (s String) IsZero() bool { return s.p == nil }

// Equal reports whether both hold the same text, in a time that depends on
// the lengths alone.
func (s String) Equal(other String) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String returns the mask.
func (s String) String() string {
	if s.IsZero() {
		return ""
	}
	return mask
}

// Format writes the mask for every verb and flag, %#v, %q and %x among them.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is the mask.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns the mask; encoding/json, YAML and XML encoders use it.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes text as the secret.
func (s *String) UnmarshalText(text []byte) error {
	*s = New(string(text))
	return nil
}

// UnmarshalYAML takes a YAML string. It refuses what YAML reads as a number
// or a truth value, because it cannot be told any more how that was written:
// an unquoted 0123 is 83. Its signature needs no YAML package.
func (s *String) UnmarshalYAML(unmarshal func(any) error) error {
	var v any
	if err := unmarshal(&v); err != nil {
		return errors.New("a secret must be a text") // the cause may quote it
	}
	switch v := v.(type) {
	case nil:
		*s = String{}
	case string:
		*s = New(v)
	case []any, map[string]any:
		return errors.New("a secret must be a text, not a list or a map")
	default:
		return errors.New("a secret that YAML takes for a number or a truth value must stand in quotes")
	}
	return nil
}
