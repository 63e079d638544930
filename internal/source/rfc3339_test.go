package source

import (
	"strings"
	"testing"
	"time"
)

func TestRFC3339(t *testing.T) {
	for text, want := range map[string]string{ // "" = refused
		"2026-01-15T09:30:00Z":                                       "2026-01-15T09:30:00Z",
		"2026-01-15T10:30:00.123456789+01:00":                        "2026-01-15T09:30:00.123456789Z",
		"2026-01-15T09:30:00.1234567899Z":                            "2026-01-15T09:30:00.123456789Z",
		"2026-01-15T09:30:00." + strings.Repeat("0", 100_000) + "1Z": "2026-01-15T09:30:00Z",
		"2026-01-15T09:30:00-00:00":                                  "2026-01-15T09:30:00Z",
		"2026-01-15T09:30:00+23:59":                                  "2026-01-14T09:31:00Z",
		"2026-01-15T09:30:00-23:59":                                  "2026-01-16T09:29:00Z",
		"2024-02-29T00:00:00Z":                                       "2024-02-29T00:00:00Z",
		"1969-12-31T23:59:59Z":                                       "1969-12-31T23:59:59Z",
		"0001-01-01T00:00:00Z":                                       "0001-01-01T00:00:00Z",
		"0000-12-31T23:59:59-00:01":                                  "0001-01-01T00:00:59Z",
		"9999-12-31T23:59:59.999999999Z":                             "9999-12-31T23:59:59.999999999Z",
		"0001-01-01T00:00:00+00:01":                                  "",
		"0000-12-31T23:59:59Z":                                       "",
		"9999-12-31T23:59:59-00:01":                                  "",
		"10000-01-01T00:00:00Z":                                      "",
		"2026-01-15T09:30:00+24:00":                                  "",
		"2026-01-15T09:30:00+23:60":                                  "",
		"2026-01-15T09:30:00+0100":                                   "",
		"2026-01-15T09:30:00+01":                                     "",
		"2026-01-15T9:30:00Z":                                        "",
		"2026-01-15T09:30:00,5Z":                                     "",
		"2026-01-15T09:30:00.Z":                                      "",
		"2026-01-15T09:30Z":                                          "",
		"2026-01-15T09:30:00":                                        "",
		"2026-01-15 09:30:00Z":                                       "",
		"2026-01-15t09:30:00z":                                       "",
		"2026-01-15":                                                 "",
		"2026-02-29T09:30:00Z":                                       "",
		"2026-13-01T09:30:00Z":                                       "",
		"2026-01-15T24:00:00Z":                                       "",
		"2016-12-31T23:59:60Z":                                       "", // a leap second, which the time package has not
		" 2026-01-15T09:30:00Z":                                      "",
		"2026-01-15T09:30:00Z\n":                                     "",
		"٢٠٢٦-01-15T09:30:00Z":                                       "",
		"1768469400":                                                 "",
		"":                                                           "",
	} {
		got, ok := RFC3339(text)
		name := text[:min(len(text), 40)]
		switch {
		case ok != (want != ""):
			t.Errorf("RFC3339(%q): ok = %t", name, ok)
		case ok && (got.Format(time.RFC3339Nano) != want || got.Location() != time.UTC):
			t.Errorf("RFC3339(%q) = %s, want %s", name, got.Format(time.RFC3339Nano), want)
		case !ok && !got.IsZero():
			t.Errorf("RFC3339(%q) is refused, and %s", name, got)
		}
	}
}

// RFC3339 reads what the time package reads, but for what that takes too much.
func FuzzRFC3339(f *testing.F) {
	for _, text := range []string{
		"2026-01-15T10:30:00.123456789+01:00", "0000-12-31T23:59:59-00:01", "9999-12-31T23:59:59-00:01",
		"2026-01-15T09:30:00+24:00", "2026-01-15T9:30:00Z", "2026-01-15T09:30:00,5Z", "2026-01-15",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := RFC3339(text)
		parsed, err := time.Parse(time.RFC3339, text)
		if ok && (err != nil || !got.Equal(parsed) || got.Location() != time.UTC) {
			t.Fatalf("%q is %s; the time package says %s, %v", text, got, parsed, err)
		}
		if err != nil {
			return
		}
		_, offset := parsed.Zone()
		year := parsed.UTC().Year()
		fits := year >= 1 && year <= 9999 && offset > -24*3600 && offset < 24*3600
		usual := !strings.Contains(text, ",") && text[len("2006-01-02T1")] != ':' && !strings.HasSuffix(text, ":60")
		if ok != (fits && usual) {
			t.Fatalf("%q: ok = %t; the time package says %s", text, ok, parsed)
		}
		if _, err := got.MarshalJSON(); err != nil {
			t.Fatalf("%q cannot be written: %v", text, err)
		}
	})
}
