package slack

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"accessrelay/internal/wording"
)

// Every text of an event goes through line or lines before it becomes part of a
// message. Budgets are in the UTF-16 units that the text takes up in the JSON
// body, escapes included: the strictest way in which Slack may be counting.

const truncated = "… truncated"

// style sets text as mrkdwn, in bold where that works and with dates in each
// reader's own time zone.
var style = wording.Style{Escape: escape, Width: width, Strong: strong, Date: date}

// plainStyle is what notifications show, which know no markup.
var plainStyle = wording.Style{Escape: escape, Width: width}

// line makes s one line of mrkdwn that means only itself, at most budget long.
func line(s string, budget int) string { return style.Line(s, budget) }

// lines is line for a text whose line breaks matter. Every line is quoted, so
// that none can pass for the message's own; blank ones and those past the
// maxLines-th go.
func lines(s string, budget int) string {
	const maxLines = 20
	keep, cut := wording.Lines(s, budget, maxLines)
	if len(keep) == 0 {
		return ""
	}
	out := style.Fit(strings.Join(keep, "\n"), budget-len("> ")*len(keep), truncated, cut)
	return "> " + strings.ReplaceAll(out, "\n", "\n> ")
}

// code makes s a preformatted block that s cannot end.
func code(s string, budget int) string {
	const fence = "```"
	s, cut := wording.Clean(s, budget)
	s = strings.ReplaceAll(s, "`", "ˋ")
	return fence + "\n" + style.Fit(s, budget-2*len(fence)-2*len("\\n"), truncated, cut) + "\n" + fence
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
	plain := wording.Date(t)
	if s := t.Unix(); s < 0 || t.Year() > 9999 {
		return plain
	}
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", t.Unix(), plain)
}
