package source

import (
	"testing"
	"time"
)

func TestTime(t *testing.T) {
	for _, c := range []struct {
		text string
		unit time.Duration
		want string // "" = refused
	}{
		{"1696263265.851898001", time.Second, "2023-10-02T16:14:25.851898001Z"},
		{" \t1696263265851\n", time.Millisecond, "2023-10-02T16:14:25.851Z"},
		{"2023-10-02T16:14:25Z", time.Second, "2023-10-02T16:14:25Z"},
		{" 2023-10-02T16:14:25.851898001Z ", time.Millisecond, "2023-10-02T16:14:25.851898001Z"},
		{"2023-10-02T18:14:25.5+02:00", time.Second, "2023-10-02T16:14:25.5Z"},
		{"2023-10-02T09:14:25-07:00", time.Second, "2023-10-02T16:14:25Z"},
		{"0001-01-01T00:00:00Z", time.Second, "0001-01-01T00:00:00Z"},
		{"9999-12-31T23:59:59.999999999Z", time.Second, "9999-12-31T23:59:59.999999999Z"},
		{"9999-12-31T23:59:59-01:00", time.Second, ""},
		{"0001-01-01T00:00:00+01:00", time.Second, ""},
		{"1696263265851", time.Second, ""}, // milliseconds are not guessed
		{"2023-10-02T16:14:25", time.Second, ""},
		{"2023-10-02 16:14:25Z", time.Second, ""},
		{"2023-10-02", time.Second, ""},
		{"2023-13-02T16:14:25Z", time.Second, ""},
		{"Mon, 02 Oct 2023 16:14:25 GMT", time.Second, ""},
		{"tomorrow", time.Second, ""},
		{"", time.Second, ""},
	} {
		got, ok := Time(c.text, c.unit)
		switch {
		case ok != (c.want != ""), !ok && !got.IsZero():
			t.Errorf("Time(%q, %s) = %s, %t", c.text, c.unit, got, ok)
		case ok && (got.Format(time.RFC3339Nano) != c.want || got.Location() != time.UTC):
			t.Errorf("Time(%q, %s) = %s, want %s", c.text, c.unit, got.Format(time.RFC3339Nano), c.want)
		}
	}
}
