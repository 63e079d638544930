package source

import (
	"strings"
	"time"
)

// Time reads a time in either of the two forms that platforms write: a number of
// units since 1970, as [Epoch] reads it, or RFC 3339 with an offset. Blanks around
// it do not count, and the time is in UTC. A number is never taken for another
// unit than the one given.
//
// ok is false for everything else and for a time that RFC 3339 cannot write.
func Time(text string, unit time.Duration) (t time.Time, ok bool) {
	text = strings.TrimSpace(text)
	if t, ok := Epoch(text, unit); ok {
		return t, true
	}
	t, err := time.Parse(time.RFC3339, text)
	if t = t.UTC(); err != nil || t.Unix() < minEpochSecond || t.Unix() > maxEpochSecond {
		return time.Time{}, false
	}
	return t, true
}
