package ratelimit

import (
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Rate{
		"1/s": {1, time.Second}, "100/s": {100, time.Second}, "60/m": {60, time.Minute},
		"1000/h": {1000, time.Hour}, "1000000/s": {1_000_000, time.Second},
	} {
		got, err := Parse(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("Parse(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestParseTeaches(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "must be a rate such as 100/s",
		"100":                    "must be a rate such as 100/s",
		"100 per second":         "must be a rate such as 100/s",
		"100/":                   "must end in /s, /m or /h",
		"100/d":                  "must end in /s, /m or /h",
		"100/S":                  "must end in /s, /m or /h",
		"100/s ":                 "must end in /s, /m or /h",
		"100/1s":                 "must end in /s, /m or /h",
		"1/2/s":                  "must end in /s, /m or /h",
		"0/s":                    "must be at least 1; leave the key out for the default",
		"00/h":                   "must be at least 1",
		"007/m":                  "must begin with a whole number, without zeros before it, as in 7/m",
		"/s":                     "must begin with a number, as in 100/s",
		"-1/s":                   "must begin with a whole number",
		"+1/s":                   "must begin with a whole number",
		"0.5/s":                  "must begin with a whole number; for less than one in a second there is /m",
		" 1/s":                   "must begin with a whole number",
		"1_000/s":                "must begin with a whole number",
		"١/s":                    "must begin with a whole number",
		"1000001/s":              "must be at most 1000000/s",
		"99999999999999999999/m": "must be at most 1000000/m",
	} {
		if got, err := Parse(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, %v; want %s…", text, got, err, want)
		}
	}
}
