package wording

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Every text of an event goes through Line or Lines before it becomes part of a
// message.

// Ellipsis ends a text that was too long for its place.
const Ellipsis = "…"

// Style says how a medium sets text. The zero value is [Plain].
type Style struct {
	// Escape writes r, which follows prev, so that it means only itself. prev is
	// a blank at the beginning. nil writes it as it is.
	Escape func(r, prev rune) string
	// Width is how much of a budget an escaped text takes up; nil counts runes.
	// It must be additive: Width(a+b) = Width(a)+Width(b).
	Width func(string) int
	// Strong sets a name, already escaped, in bold; nil leaves it.
	Strong func(string) string
	// Date writes a time that is not zero; nil is [Date].
	Date func(time.Time) string
}

// Plain is text without markup, in runes.
var Plain Style

// Date writes t to the minute, in UTC.
func Date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// Line makes s one line that means only itself, at most budget wide.
func (st Style) Line(s string, budget int) string {
	s, cut := Clean(s, budget)
	return st.Fit(strings.Join(strings.Fields(s), " "), budget, Ellipsis, cut)
}

// Moment is t in words, or "" for none.
func (st Style) Moment(t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case st.Date == nil:
		return Date(t)
	}
	return st.Date(t)
}

// Lines returns the lines of s that are not blank, each with its white space
// made single, and whether something was left out: those past the most-th, or
// what is past anything that budget could hold. They are not escaped: see Fit.
func Lines(s string, budget, most int) (keep []string, cut bool) {
	s, cut = Clean(s, budget)
	for l := range strings.SplitSeq(s, "\n") {
		if l = strings.Join(strings.Fields(l), " "); l == "" {
			continue
		}
		if len(keep) == most {
			return keep, true
		}
		keep = append(keep, l)
	}
	return keep, cut
}

// Clean drops what could disguise a text: control characters and those that
// turn the direction of the letters after them. Line breaks of any kind become
// \n, other white space a blank. It looks at no more of s than could ever be
// shown in budget, and says whether that was less than all.
func Clean(s string, budget int) (cleaned string, cut bool) {
	if most := inView(budget); len(s) > most {
		for most > 0 && !utf8.RuneStart(s[most]) {
			most--
		}
		s, cut = s[:most], true
	}
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029':
			return '\n'
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\ufeff':
			return -1
		}
		return r
	}, s), cut
}

// inView is how many bytes Clean looks at. Most of them may be such as it drops.
func inView(budget int) int { return 64 * max(budget, 1) }

// Fit escapes s, which is clean, and, if that is wider than budget or cut
// already, ends it with mark in time. It cuts between the runes of s, so never
// inside an escape.
func (st Style) Fit(s string, budget int, mark string, cut bool) string {
	var b strings.Builder
	used, safe := 0, 0 // safe is how much of b leaves room for the mark
	prev := ' '
	for _, r := range s {
		e := st.escape(r, prev)
		prev = r
		if used += st.width(e); used > budget {
			cut = true
			break
		}
		b.WriteString(e)
		if used+st.width(mark) <= budget {
			safe = b.Len()
		}
	}
	if !cut {
		return b.String()
	}
	return strings.TrimRight(b.String()[:safe], " \n") + mark
}

func (st Style) escape(r, prev rune) string {
	if st.Escape == nil {
		return string(r)
	}
	return st.Escape(r, prev)
}

func (st Style) width(s string) int {
	if st.Width == nil {
		return utf8.RuneCountInString(s)
	}
	return st.Width(s)
}

func (st Style) strong(s string) string {
	if st.Strong == nil || s == "" {
		return s
	}
	return st.Strong(s)
}
