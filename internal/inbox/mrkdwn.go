package inbox

import (
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// mrkdwn renders Slack's markup as HTML, as Slack would show it. Whatever it
// does not know is shown as text. All text is escaped; the only tags are the
// constants below, the only attributes links that [safeLink] let through,
// numbers, and escaped text in quotes.
func mrkdwn(s string) template.HTML {
	if len(s) > 4*maxText { // Slack would not take it; closing looks ahead at every mark
		s = strings.ToValidUTF8(s[:4*maxText], "") + "…"
	}
	var w mrkdwnWriter
	w.blocks(s)
	return template.HTML(w.String()) //nolint:gosec // all text went through escape
}

// plainText renders a plain_text object: no markup but emoji names.
func plainText(s string) template.HTML {
	var w mrkdwnWriter
	w.emoji(entities.Replace(s))
	return template.HTML(w.String()) //nolint:gosec // all text went through escape
}

// entities are the three that Slack decodes; no others.
var entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

type mrkdwnWriter struct{ strings.Builder }

func (w *mrkdwnWriter) text(s string) { template.HTMLEscape(w, []byte(s)) }

// blocks takes the fences of preformatted text apart from the lines between them.
func (w *mrkdwnWriter) blocks(s string) {
	for {
		before, rest, ok := strings.Cut(s, "```")
		pre, after, closed := strings.Cut(rest, "```")
		if !ok || !closed || strings.TrimSpace(pre) == "" {
			w.lines(s)
			return
		}
		w.lines(strings.TrimSuffix(before, "\n"))
		w.WriteString("<pre>")
		w.text(entities.Replace(strings.Trim(pre, "\n")))
		w.WriteString("</pre>")
		s = strings.TrimPrefix(after, "\n")
	}
}

// lines groups quoted lines; the others are broken where they break.
func (w *mrkdwnWriter) lines(s string) {
	quoted, first := false, true
	if s == "" {
		return
	}
	for line := range strings.SplitSeq(s, "\n") {
		q, isQuote := strings.CutPrefix(line, "&gt;")
		if !isQuote {
			q, isQuote = strings.CutPrefix(line, ">")
		}
		switch {
		case isQuote && !quoted:
			w.WriteString("<blockquote>")
		case !isQuote && quoted:
			w.WriteString("</blockquote>")
		case !first:
			w.WriteString("<br>")
		}
		if isQuote {
			line = strings.TrimPrefix(q, " ")
		}
		quoted, first = isQuote, false
		w.spans(line)
	}
	if quoted {
		w.WriteString("</blockquote>")
	}
}

var spanTags = map[byte]string{'*': "b", '_': "i", '~': "s", '`': "code"}

// spans renders one line.
func (w *mrkdwnWriter) spans(s string) {
	start := 0 // of the text not yet written
	flush := func(to int) { w.emoji(entities.Replace(s[start:to])) }
	for i := 0; i < len(s); {
		c := s[i]
		if c == '<' {
			if end := strings.IndexByte(s[i:], '>'); end > 1 {
				flush(i)
				w.angle(s[i+1 : i+end])
				i += end + 1
				start = i
				continue
			}
		}
		if tag, ok := spanTags[c]; ok {
			if end := closing(s, i); end > 0 {
				flush(i)
				w.WriteString("<" + tag + ">")
				if c == '`' {
					w.text(entities.Replace(s[i+1 : end]))
				} else {
					w.spans(s[i+1 : end])
				}
				w.WriteString("</" + tag + ">")
				i = end + 1
				start = i
				continue
			}
		}
		i++
	}
	flush(len(s))
}

// closing finds the end of the span that the mark at i opens, or 0. A mark
// opens only where no word ends before it and no blank follows; it closes only
// after a non-blank where no word goes on.
func closing(s string, i int) int {
	mark := s[i]
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	if i > 0 && wordRune(before) || i+1 >= len(s) || s[i+1] == ' ' || s[i+1] == mark {
		return 0
	}
	depth := 0 // a mark inside <…> is part of a link
	for j := i + 1; j < len(s); j++ {
		switch {
		case s[j] == '<' && mark != '`':
			depth++
		case s[j] == '>' && depth > 0:
			depth--
		case s[j] == mark && depth == 0 && s[j-1] != ' ':
			after, _ := utf8.DecodeRuneInString(s[j+1:])
			if j+1 == len(s) || !wordRune(after) {
				return j
			}
		}
	}
	return 0
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// angle renders what stands between < and >: a link, a mention or a date.
func (w *mrkdwnWriter) angle(s string) {
	target, label, labelled := strings.Cut(s, "|")
	switch {
	case strings.HasPrefix(target, "!date^"):
		w.date(target, label)
	case strings.HasPrefix(target, "!"):
		name, _, _ := strings.Cut(target[1:], "^")
		w.mention("@", name, label)
	case strings.HasPrefix(target, "@"):
		w.mention("@", target[1:], label)
	case strings.HasPrefix(target, "#"):
		w.mention("#", target[1:], label)
	default:
		if !safeLink(entities.Replace(target)) {
			w.text(entities.Replace("<" + s + ">"))
			return
		}
		if !labelled {
			label = target
		}
		w.link(entities.Replace(target), entities.Replace(label))
	}
}

func (w *mrkdwnWriter) mention(sign, name, label string) {
	if label != "" {
		name = strings.TrimPrefix(label, sign)
	}
	w.WriteString(`<span class="mention">`)
	w.text(entities.Replace(sign + name))
	w.WriteString("</span>")
}

// link writes a link that [safeLink] let through.
func (w *mrkdwnWriter) link(target, label string) {
	w.WriteString(`<a rel="noopener noreferrer nofollow" target="_blank" href="`)
	w.text(target)
	w.WriteString(`" title="`)
	w.text(target)
	w.WriteString(`">`)
	w.emoji(label)
	w.WriteString("</a>")
}

// safeLink lets only those links through that leave the page.
func safeLink(s string) bool {
	u, err := url.Parse(s)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "http", "https":
		return u.Host != ""
	case "mailto":
		return true
	}
	return false
}

// date renders <!date^seconds^format^link|fallback>. The page's script puts it
// into the reader's time zone; without it, it stands there in UTC.
func (w *mrkdwnWriter) date(target, fallback string) {
	parts := strings.SplitN(target, "^", 4)
	var sec int64
	err := error(nil)
	if len(parts) > 1 {
		sec, err = strconv.ParseInt(parts[1], 10, 64)
	}
	const year10000 = 253402300800
	if len(parts) < 3 || err != nil || sec < 0 || sec >= year10000 {
		w.text(entities.Replace(fallback))
		return
	}
	link := ""
	if len(parts) == 4 {
		link = entities.Replace(parts[3])
	}
	t := time.Unix(sec, 0).UTC()
	format := entities.Replace(parts[2])
	if safeLink(link) {
		w.WriteString(`<a rel="noopener noreferrer nofollow" target="_blank" href="`)
		w.text(link)
		w.WriteString(`">`)
	}
	w.WriteString(`<time class="slack-date" datetime="` + t.Format(time.RFC3339) + `" data-format="`)
	w.text(format)
	w.WriteString(`" title="`)
	w.text(entities.Replace(fallback))
	w.WriteString(`">`)
	w.text(formatDate(t, format))
	w.WriteString("</time>")
	if safeLink(link) {
		w.WriteString("</a>")
	}
}

var dateLayouts = map[string]string{
	"date_num": "2006-01-02", "date": "January 2, 2006", "date_short": "Jan 2, 2006",
	"date_long": "Monday, January 2, 2006", "date_pretty": "January 2, 2006",
	"date_short_pretty": "Jan 2, 2006", "date_long_pretty": "Monday, January 2, 2006",
	"time": "15:04 UTC", "time_secs": "15:04:05 UTC", "ago": "Jan 2, 2006 15:04 UTC",
}

func formatDate(t time.Time, format string) string {
	for token, layout := range dateLayouts {
		format = strings.ReplaceAll(format, "{"+token+"}", t.Format(layout))
	}
	return format
}

// emoji writes text with the emoji names that the relay uses as emoji.
func (w *mrkdwnWriter) emoji(s string) {
	for {
		i := strings.IndexByte(s, ':')
		if i < 0 {
			break
		}
		end := strings.IndexByte(s[i+1:], ':')
		if end < 0 {
			break
		}
		if glyph, ok := emojis[s[i+1:i+1+end]]; ok {
			w.text(s[:i])
			w.WriteString(glyph)
			s = s[i+end+2:]
			continue
		}
		w.text(s[:i+1])
		s = s[i+1:]
	}
	w.text(s)
}

var emojis = map[string]string{
	"warning": "⚠️", "rotating_light": "🚨", "fire": "🔥", "fire_extinguisher": "🧯", "bell": "🔔", "no_bell": "🔕",
	"white_check_mark": "✅", "heavy_check_mark": "✔️", "x": "❌", "no_entry": "⛔", "no_entry_sign": "🚫",
	"lock": "🔒", "unlock": "🔓", "closed_lock_with_key": "🔐", "key": "🔑", "hourglass": "⌛",
	"hourglass_flowing_sand": "⏳", "alarm_clock": "⏰", "clock1": "🕐", "stopwatch": "⏱️", "question": "❓",
	"grey_question": "❔", "exclamation": "❗", "information_source": "ℹ️", "memo": "📝", "bust_in_silhouette": "👤",
	"busts_in_silhouette": "👥", "wave": "👋", "email": "📧", "envelope": "✉️", "test_tube": "🧪", "gear": "⚙️",
	"stop_sign": "🛑", "octagonal_sign": "🛑", "red_circle": "🔴", "large_green_circle": "🟢",
	"large_yellow_circle": "🟡", "large_blue_circle": "🔵", "white_circle": "⚪", "raised_hand": "✋",
	"thumbsup": "👍", "+1": "👍", "thumbsdown": "👎", "-1": "👎", "calendar": "📅", "shield": "🛡️", "mag": "🔍",
	"ticket": "🎫", "ballot_box_with_check": "☑️", "wastebasket": "🗑️", "electric_plug": "🔌", "zap": "⚡",
}
