package source

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"accessrelay/internal/event"
)

// Object is a JSON object read with tolerance: a fact that is missing, null or
// of a type that says nothing reads as absent. Keys count as they are written;
// of several members with one key the last counts. The nil Object is empty.
type Object map[string]json.RawMessage

// ParseObject reads body as a JSON object; ok is false if it is none.
func ParseObject(body []byte) (o Object, ok bool) {
	if err := json.Unmarshal(body, &o); err != nil || o == nil {
		return nil, false
	}
	return o, true
}

// Has reports whether key has a value other than null.
func (o Object) Has(key string) bool {
	return len(o[key]) > 0 && !bytes.Equal(o[key], []byte("null"))
}

// String returns the string under key; ok is false if there is none or it is
// empty. It is for what decides an event's type; [Object.Text] is for facts.
func (o Object) String(key string) (s string, ok bool) {
	if raw := o[key]; len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, s != ""
}

// Text returns the string under key, or the number as it is written: platforms
// do not keep ids of one type. It is "" for everything else.
func (o Object) Text(key string) string {
	raw := o[key]
	if len(raw) > 0 && (raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9') {
		return string(raw)
	}
	s, _ := o.String(key)
	return s
}

// Object returns the object under key, or nil if there is none.
func (o Object) Object(key string) Object {
	inner, _ := ParseObject(o[key])
	return inner
}

// Epoch returns the time under key, a number or a string with a number of units
// since 1970. It is the zero time for everything else and for a time that RFC
// 3339 cannot write.
func (o Object) Epoch(key string, unit time.Duration) time.Time {
	t, _ := Epoch(strings.TrimSpace(o.Text(key)), unit)
	return t
}

// Person reads somebody named by a single text: as an email address if it looks
// like one, else as an id. It is nil for "".
func Person(name string) *event.Person {
	switch {
	case name == "":
		return nil
	case LooksLikeEmail(name):
		return &event.Person{Email: name}
	default:
		return &event.Person{ID: name}
	}
}

// LooksLikeEmail reports whether s could be nothing but an email address. It is
// narrower than the standard: no quotes, no comments, a dot in the domain, and
// none of the characters that make up ARNs, URLs and names such as user:a@b.c.
func LooksLikeEmail(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	return found && local != "" && len(s) <= 254 &&
		strings.Contains(strings.Trim(domain, "."), ".") &&
		!strings.HasPrefix(domain, ".") && !strings.HasSuffix(domain, ".") &&
		!strings.ContainsAny(domain, "@") &&
		!strings.ContainsFunc(s, func(r rune) bool {
			return r <= ' ' || r == 0x7F || strings.ContainsRune(`/\:;,<>()[]{}"|`, r)
		})
}

// Present keeps an absent fact an absent key: it returns nil for the zero T,
// else a pointer to v.
func Present[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
