package slack

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Every text of an event goes through line or lines before it becomes part of a
// message. Budgets are in the UTF-16 units that the text takes up in the JSON
// body, escapes included: the strictest way in which Slack may be counting.

const (
	ellipsis  = "…"
	truncated = "… truncated"
)

// line makes s one line of mrkdwn that means only itself, at most budget long.
func line(s string, budget int) string {
	s, cut := clean(s, budget)
	return fit(strings.Join(strings.Fields(s), " "), budget, ellipsis, cut)
}

// lines is line for a text whose line breaks matter. Every line is quoted, so
// that none can pass for the message's own; blank ones and those past the
// maxLines-th go.
func lines(s string, budget int) string {
	const maxLines = 20
	s, cut := clean(s, budget)
	var keep []string
	for l := range strings.SplitSeq(s, "\n") {
		if l = strings.Join(strings.Fields(l), " "); l == "" {
			continue
		}
		if len(keep) == maxLines {
			cut = true
			break
		}
		keep = append(keep, l)
	}
	if len(keep) == 0 {
		return ""
	}
	out := fit(strings.Join(keep, "\n"), budget-len("> ")*len(keep), truncated, cut)
	return "> " + strings.ReplaceAll(out, "\n", "\n> ")
}

// code makes s a preformatted block that s cannot end.
func code(s string, budget int) string {
	const fence = "```"
	s, cut := clean(s, budget)
	s = strings.ReplaceAll(s, "`", "ˋ")
	return fence + "\n" + fit(s, budget-2*len(fence)-2*len("\\n"), truncated, cut) + "\n" + fence
}

// clean drops what could disguise a text: control characters and those that
// turn the direction of the letters after them. White space other than line
// breaks becomes a blank. It looks at no more of s than could ever be shown in
// budget, and says whether that was all.
func clean(s string, budget int) (cleaned string, cut bool) {
	if most := 64 * max(budget, 1); len(s) > most {
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

// fit escapes s and, if that is wider than budget or already cut, ends it with
// mark in time. It cuts between the runes of s, so never inside an entity.
func fit(s string, budget int, mark string, cut bool) string {
	var b strings.Builder
	used, safe := 0, 0 // safe is how much of b leaves room for the mark
	prev := ' '
	for _, r := range s {
		e := escape(r, prev)
		prev = r
		if used += width(e); used > budget {
			cut = true
			break
		}
		b.WriteString(e)
		if used+width(mark) <= budget {
			safe = b.Len()
		}
	}
	if !cut {
		return b.String()
	}
	return strings.TrimRight(b.String()[:safe], " \n") + mark
}

// escape follows Slack's rule for & < >, without which a text could mention,
// link or format a date. An @ that begins a word is set apart from it: Slack
// ignores @channel as such, other servers that speak its format do not.
func escape(r, prev rune) string {
	switch {
	case r == '&':
		return "&amp;"
	case r == '<':
		return "&lt;"
	case r == '>':
		return "&gt;"
	case r == '@' && !unicode.IsLetter(prev) && !unicode.IsDigit(prev) && prev != '_':
		return "@\u200b"
	}
	return string(r)
}

// width is how many UTF-16 units s, valid and free of control characters, takes
// up inside a JSON string.
func width(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r == '"' || r == '\\' || r == '\n' || r > 0xffff:
			n += 2
		default:
			n++
		}
	}
	return n
}

// strong sets s, already made safe, in bold where that works.
func strong(s string) string {
	if s == "" || strings.Contains(s, "*") {
		return s
	}
	return "*" + s + "*"
}

// date writes t so that Slack shows it in each reader's own time zone.
func date(t time.Time) string {
	plain := plainDate(t)
	if s := t.Unix(); s < 0 || t.Year() > 9999 {
		return plain
	}
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", t.Unix(), plain)
}

func plainDate(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
