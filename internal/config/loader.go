package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// loader turns nodes into settings. The first thing that is wrong is kept, as
// one line is all that is shown; from then on what it returns means nothing.
type loader struct {
	dir    string // of the file, for relative paths
	need   Need
	known  Known
	lookup func(string) (string, bool)
	err    error

	sourceLines map[string]int // by source id: the line of the id
}

// at is a place in the file: a key with its value, or without one when the file
// leaves it out.
type at struct {
	key  string
	line int // of the key; of a missing one that of the map it is missing from
	n    *node
}

// fail notes what is wrong with a.
func (l *loader) fail(a at, format string, args ...any) {
	if l.err == nil {
		l.err = keyed(a.line, a.key, fmt.Sprintf(format, args...))
	}
}

// lack notes that what a refers to is not there, which is an [ErrLack].
func (l *loader) lack(a at, format string, args ...any) {
	if l.err == nil {
		err := keyed(a.line, a.key, fmt.Sprintf(format, args...))
		err.cause = ErrLack
		l.err = err
	}
}

// given reports whether the file has a value for a. A key with nothing after
// it counts as left out only where the value would be a map or a list: people
// comment out all entries of those.
func (a at) given() bool { return a.n != nil && a.n.kind != nullNode }

// is reports whether a's value is of that kind, and notes it if not.
func (l *loader) is(a at, k nodeKind) bool {
	switch {
	case a.n == nil:
		l.fail(a, "is missing")
	case a.n.kind == nullNode:
		l.fail(a, "has no value")
	case a.n.kind == k:
		return true
	case k == stringNode && (a.n.kind == numberNode || a.n.kind == boolNode):
		l.fail(a, "must be a string: put it in quotes")
	default:
		l.fail(a, "must be %s, not %s", k, a.n.kind)
	}
	return false
}

// object is a map of the file with the keys it may have.
type object struct {
	at
	vals map[string]at
}

// object reads a map. A key other than allowed is an error. Nothing at all is
// an empty map, so callers that need one look at given first.
func (l *loader) object(a at, allowed ...string) object {
	o := object{at: a, vals: map[string]at{}}
	if !a.given() || !l.is(a, objectNode) {
		return o
	}
	for _, e := range a.n.entries {
		place := at{key: join(a.key, e.key), line: e.line, n: e.val}
		switch {
		case slices.Contains(allowed, e.key):
			o.vals[e.key] = place
		default:
			l.unknown(place, e.key, allowed, nil)
		}
	}
	return o
}

// unknown notes a key that cannot stand where it does. What can is allowed, and
// also, which would make a list of them too long, rare.
func (l *loader) unknown(a at, key string, allowed, rare []string) {
	hint := didYouMean(key, slices.Concat(allowed, rare))
	if hint == "" {
		hint = "; known here: " + strings.Join(allowed, ", ")
	}
	l.fail(a, "unknown key%s", hint)
}

// get returns the place of a key, whether the map has it or not.
func (o object) get(key string) at {
	if a, ok := o.vals[key]; ok {
		return a
	}
	return at{key: join(o.key, key), line: o.line}
}

// list returns the places of a list's items; nothing at all is an empty list.
func (l *loader) list(a at) []at {
	if !a.given() || !l.is(a, listNode) {
		return nil
	}
	out := make([]at, len(a.n.items))
	for i, n := range a.n.items {
		out[i] = at{key: fmt.Sprintf("%s[%d]", a.key, i), line: n.line, n: n}
	}
	return out
}

// str reads a string that must be there and not empty, with its variables.
func (l *loader) str(a at) string {
	if !l.is(a, stringNode) {
		return ""
	}
	s := l.expand(a, true)
	if s == "" {
		l.fail(a, "is empty")
	}
	return s
}

// name reads a string for people that stands in logs and answers.
func (l *loader) name(a at) string {
	s := l.str(a)
	if len([]rune(s)) > 100 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		l.fail(a, "must be at most 100 characters, without line breaks or control characters")
	}
	return s
}

// duration reads a duration of at least least. One that is left out is def.
func (l *loader) duration(a at, def, least time.Duration) time.Duration {
	if a.n == nil {
		return def
	}
	text := a.n.text
	switch {
	case a.n.kind == nullNode:
		l.fail(a, "has no value")
		return 0
	case a.n.kind == stringNode:
		text = l.expand(a, true)
	case a.n.kind != numberNode || text != "0":
		l.fail(a, "%v", errDuration)
		return 0
	}
	d, err := parseDuration(text)
	switch {
	case d < 0 || err != nil && strings.HasPrefix(text, "-"):
		l.fail(a, "must not be negative")
	case err != nil:
		l.fail(a, "%v", err)
	case d < least:
		l.fail(a, "must be at least %v", least)
	}
	return d
}

// number reads a whole number from 0 to most. One that is left out is def.
func (l *loader) number(a at, def, most int) int {
	if a.n == nil {
		return def
	}
	if a.n.kind == nullNode {
		l.fail(a, "has no value")
		return 0
	}
	n, err := strconv.Atoi(a.n.text)
	if a.n.kind != numberNode || err != nil || n < 0 || n > most {
		l.fail(a, "must be a whole number from 0 to %d", most)
	}
	return n
}
