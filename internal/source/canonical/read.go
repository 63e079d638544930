package canonical

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// The keys of a published event's body.
const (
	keyType      = "type"
	keyTimestamp = "timestamp"
	keyData      = "data"
)

// body is what is published. Its tags and those of [event.Event] are the keys
// that a body may have.
type body struct {
	Type      event.Type  `json:"type"`
	Timestamp time.Time   `json:"timestamp"`
	Data      event.Event `json:"data"`
}

// Read reads a published event, strictly: every key must be known, given once,
// and of its type; a time must be RFC 3339 and of the years 1 to 9999 in UTC; and
// nothing may be null, but in data.raw, which is anybody's. Its error is an
// *[InvalidError], or a *[source.EnvelopeError] if the text is not one JSON object
// in valid UTF-8, nested no deeper than hooks may be.
//
// Of the event's identity it returns what was said, which is nobody's to use.
func Read(text []byte) (event.Event, error) {
	if err := source.Envelope(text); err != nil {
		return event.Event{}, err
	}
	said, bad := read(text)
	if len(bad) > 0 {
		return event.Event{}, &InvalidError{bad}
	}
	return said, nil
}

// read reads what fits, and says of the rest what is wrong with it. text must be
// a JSON object.
func read(text []byte) (event.Event, problems) {
	var b body
	bad := problems{}
	bad.fill(&place{}, bytes.TrimSpace(text), reflect.ValueOf(&b).Elem())
	if why := refusal(b.Type); why != "" {
		bad.add(keyType, why)
	}
	if said := b.Data.Type; said != "" && said != b.Type {
		bad.add(keyData+"."+keyType, "is not the type beside data; leave it out")
	}
	b.Data.Type = b.Type
	if !b.Timestamp.IsZero() {
		b.Data.OccurredAt = b.Timestamp
	}
	return b.Data, bad
}

// InvalidError says what is wrong with a published event, by field. Its texts are
// shown to whoever sent the event; they hold nothing of it but the names of keys.
type InvalidError struct {
	Fields map[string]string // "data.requester.email": "must be a string"
}

func (e *InvalidError) Error() string {
	var all []string
	for _, field := range slices.Sorted(maps.Keys(e.Fields)) {
		all = append(all, fmt.Sprintf("%s: %s", field, e.Fields[field]))
	}
	return strings.Join(all, "; ")
}
