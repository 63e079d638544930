package source

import (
	"regexp"
	"time"
)

// rfc3339 is the grammar of RFC 3339, section 5.6, with its letters in capitals.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// RFC3339 reads a time by RFC 3339 and returns it in UTC. What is finer than a
// nanosecond is cut off.
//
// ok is false for what is not one, to the letter (the time package takes more: a
// comma, hours of one digit, and offsets of a day), and for a time outside the years
// 1 to 9999 in UTC, which could not be written again. The zero time is one.
func RFC3339(text string) (t time.Time, ok bool) {
	if !rfc3339.MatchString(text) {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !writable(t) { // no such day or hour
		return time.Time{}, false
	}
	return t.UTC(), true
}
