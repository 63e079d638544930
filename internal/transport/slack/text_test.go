package slack

import (
	"strings"
	"testing"
	"time"
)

func TestLine(t *testing.T) {
	tests := []struct {
		in     string
		budget int
		want   string
	}{
		{"plain", 10, "plain"},
		{"  a \t b\r\nc\n", 10, "a b c"},
		{"a & b < c > d", 99, "a &amp; b &lt; c &gt; d"},
		{"&lt;", 99, "&amp;lt;"},
		{"<!channel>", 99, "&lt;!channel&gt;"},
		{"@here and a@b.c, _@x (@y)", 99, "@\u200bhere and a@b.c, _@x (@\u200by)"},
		{"abcdef", 5, "abcd…"},
		{"abcdef", 6, "abcdef"},
		{"a&", 6, "a&amp;"},
		{"a&b", 6, "a…"}, // never half an entity
		{"漢字漢字", 3, "漢字…"},
		{"😀😀", 3, "😀…"}, // two units each
		{`"""`, 5, `""…`},
		{"ab cd", 4, "ab…"}, // no blank before the mark
		{"x\x00\u202ey\ufeff", 9, "xy"},
		{"\xffx", 9, "\uFFFDx"},
		{"", 9, ""},
		{" \n ", 9, ""},
		{"a" + strings.Repeat(" ", 5000) + "b", 9, "a…"}, // what is not looked at is not passed over in silence
		{strings.Repeat("\x00", 5000) + "b", 9, "…"},
	}
	for _, tt := range tests {
		if got := line(tt.in, tt.budget); got != tt.want {
			t.Errorf("line(%q, %d) = %q, want %q", tt.in, tt.budget, got, tt.want)
		}
	}
}

func TestLines(t *testing.T) {
	tests := []struct {
		name, in string
		budget   int
		want     string
	}{
		{"one", "a", 99, "> a"},
		{"several", "a\n\n b  c\r\n\nd", 99, "> a\n> b c\n> d"},
		{"quoted already", "> a", 99, "> &gt; a"},
		{"cut", strings.Repeat("a", 50), 24, "> " + strings.Repeat("a", 11) + truncated},
		{"too many", strings.Repeat("a\n", 21), 999, strings.TrimSuffix(strings.Repeat("> a\n", 20), "\n") + truncated},
		{"as many as can be", strings.Repeat("a\n", 20), 999, strings.TrimSuffix(strings.Repeat("> a\n", 20), "\n")},
		{"nothing", " \n\n", 99, ""},
	}
	for _, tt := range tests {
		got := lines(tt.in, tt.budget)
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if width(got) > tt.budget {
			t.Errorf("%s: %d wide, budget %d", tt.name, width(got), tt.budget)
		}
	}
}

func TestCode(t *testing.T) {
	if got, want := code("a```<b>", 99), "```\naˋˋˋ&lt;b&gt;\n```"; got != want {
		t.Errorf("code = %q, want %q", got, want)
	}
	if got := code(strings.Repeat(`"`, 500), 100); width(got) > 100 || !strings.HasSuffix(got, truncated+"\n```") {
		t.Errorf("code = %q, %d wide", got, width(got))
	}
}

func TestDate(t *testing.T) {
	tests := []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 1, 15, 10, 30, 5, 9, time.FixedZone("", 3600)), "<!date^1768469405^{date_short_pretty} {time}|2026-01-15 09:30 UTC>"},
		{time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC), "1969-12-31 23:59 UTC"},
	}
	for _, tt := range tests {
		if got := date(tt.at); got != tt.want {
			t.Errorf("date(%v) = %q, want %q", tt.at, got, tt.want)
		}
	}
}
