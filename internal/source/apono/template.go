package apono

import (
	"encoding/json"
	"iter"
	"strings"
	"time"

	"accessrelay/internal/source"
)

// The seven escapes of Handlebars, and the other spellings that its
// implementations have for the same characters. Those of HTML at large would be
// too many: "&copy=2" of an address is no ©.
//
// A Replacer looks at what it has written no more, which undoes one level.
var escapes = strings.NewReplacer(
	"&amp;", "&", "&lt;", "<", "&gt;", ">", "&quot;", `"`,
	"&#x27;", "'", "&#x60;", "`", "&#x3D;", "=",
	"&#x3d;", "=", "&#39;", "'", "&apos;", "'", "&#34;", `"`,
)

// text returns the fact under key: a text or number without the template's
// escapes and the blanks around it.
func text(o source.Object, key string) string {
	s := o.Text(key)
	if strings.IndexByte(s, '&') >= 0 {
		s = escapes.Replace(s)
	}
	return strings.TrimSpace(s)
}

// moment returns the time under key, in UTC: a number of seconds since 1970, or a
// text by RFC 3339. It is the zero time for everything else.
func moment(o source.Object, key string) time.Time {
	s := text(o, key)
	if t, ok := source.Epoch(s, time.Second); ok {
		return t
	}
	t, _ := source.RFC3339(s)
	return t
}

// part reads an object, or what a template has put in its place: its name.
func part(raw json.RawMessage) source.Object {
	switch {
	case len(raw) == 0:
		return nil
	case raw[0] == '{':
		o, _ := source.ParseObject(raw)
		return o
	default:
		return source.Object{"name": raw}
	}
}

// parts goes through the array under key, or the one thing that stands in its
// place.
func parts(o source.Object, key string) iter.Seq[source.Object] {
	return func(yield func(source.Object) bool) {
		raw := o[key]
		if len(raw) == 0 {
			return
		}
		items := []json.RawMessage{raw}
		if raw[0] == '[' && json.Unmarshal(raw, &items) != nil {
			return
		}
		for _, item := range items {
			if !yield(part(item)) {
				return
			}
		}
	}
}
