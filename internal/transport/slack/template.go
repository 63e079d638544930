package slack

import (
	"strings"
	"unicode"
	"unicode/utf8"

	config "accessrelay/internal/channel/slack"
	"accessrelay/internal/event"
	"accessrelay/internal/transport"
	"accessrelay/internal/wording"
)

// textBudget is how much of a template's text is shown, in the units of text.go:
// Slack takes 3,000 characters a section.
const textBudget = 2900

// body writes the message: the channel's own text, or ours. Where a template
// writes nothing but blanks it is ours too: Slack takes no empty message, and an
// event must not get lost over it. The error is a *SendError.
func body(c *config.Config, ev *event.Event) ([]byte, error) {
	if c.Text != nil {
		out, err := c.Text.Execute(ev)
		if err != nil {
			return nil, transport.Unrenderable("text_template: " + err.Error())
		}
		if s := ownText(string(out)); s != "" {
			return encoded(encode(message{Text: s, Blocks: []block{section(s)}}))
		}
	}
	return encoded(render(ev))
}

func encoded(body []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, transport.Unrenderable("the message cannot be written as JSON") // err may quote the event
	}
	return body, nil
}

// ownText makes what a template wrote fit for a section. The event's texts in it
// are escaped; a < is the template's own and begins a link or a mention.
func ownText(s string) string {
	const most = 4*textBudget + 1 // bytes: more is never shown
	cut := len(s) > 2*most
	if cut {
		s = strings.ToValidUTF8(s[:2*most], "")
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ReplaceAll(s, "\r\n", "\n"))
	s = strings.TrimSpace(s)

	used, safe := 0, 0 // safe is how much of s leaves room for the ellipsis
	for i := 0; i < len(s); {
		n := unit(s[i:])
		if used += width(s[i : i+n]); used > textBudget {
			cut = true
			break
		}
		i += n
		if used < textBudget {
			safe = i
		}
		if i == len(s) && !cut {
			return s
		}
	}
	if !cut {
		return s
	}
	return strings.TrimRight(s[:safe], " \n") + wording.Ellipsis
}

// unit is how much at the beginning of s must not be cut in two: a <link>, an
// entity, a rune.
func unit(s string) int {
	switch s[0] {
	case '<':
		if n := strings.IndexByte(s, '>'); n > 0 {
			return n + 1
		}
	case '&':
		for _, entity := range []string{"&amp;", "&lt;", "&gt;"} {
			if strings.HasPrefix(s, entity) {
				return len(entity)
			}
		}
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}
