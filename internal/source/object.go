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
// since 1970, as [Epoch] reads it. It is the zero time for everything else.
func (o Object) Epoch(key string, unit time.Duration) time.Time {
	t, _ := Epoch(strings.TrimSpace(o.Text(key)), unit)
	return t
}

// Time returns the time under key in UTC: a text by RFC 3339, or a number, also as
// text, of seconds or of milliseconds since 1970. Which of the two it is only the
// number can say: the one by which it falls into the years 2000 to 2099. By both it
// never does. It is the zero time for everything else, for a time without an offset
// from UTC, and for one that RFC 3339 cannot write in UTC.
func (o Object) Time(key string) time.Time {
	text := strings.TrimSpace(o.Text(key))
	if t, ok := RFC3339(text); ok {
		return t
	}
	for _, unit := range []time.Duration{time.Second, time.Millisecond} {
		if t, ok := Epoch(text, unit); ok && t.Year() >= 2000 && t.Year() < 2100 {
			return t
		}
	}
	return time.Time{}
}

// Person returns who stands under key: one text, as [Person] reads it, or an object
// of id, name and email. There an id that looks like an email address is also the
// email, unless that is given. It is nil if nobody is named.
func (o Object) Person(key string) *event.Person { return o.PersonBy(key, Object.Text) }

// PersonBy is [Object.Person] where text is what reads a text.
func (o Object) PersonBy(key string, text func(Object, string) string) *event.Person {
	who := o.Object(key)
	if who == nil {
		return Person(text(o, key))
	}
	p := event.Person{ID: text(who, "id"), Name: text(who, "name"), Email: text(who, "email")}
	if p.Email == "" && LooksLikeEmail(p.ID) {
		p.Email = p.ID
	}
	return Present(p)
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
