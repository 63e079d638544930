package handlebars

import (
	"strings"
	"unicode"
)

// slackState knows whether the template has opened a <link> or <!mention>.
type slackState struct {
	open  bool
	begin bool // directly behind the <
	label bool // behind its |, where text is only shown
}

func (s *slackState) literal(text string) {
	for i := range len(text) {
		switch text[i] {
		case '<':
			s.open, s.begin, s.label = true, true, false
		case '>':
			s.open, s.begin, s.label = false, false, false
		case '|':
			s.begin, s.label = false, s.open
		default:
			s.begin = false
		}
	}
}

// escape writes an event's text so that it means only itself: & < > as Slack
// wants them, all on one line, no direction turned. An @ that begins a word is
// set apart from it: Slack ignores @channel as such, other servers that speak
// its format do not. Within the template's own <…> the text can neither end it
// nor begin its label; as its first part it can only be a link's address.
func (s *slackState) escape(text string, prev rune) string {
	text = strings.Join(strings.Fields(text), " ")
	if s.begin && text != "" {
		lower := strings.ToLower(text)
		if !strings.HasPrefix(lower, "https://") && !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "mailto:") {
			text = "http://" + text
		}
		s.begin = false
	}
	address := s.open && !s.label
	var b strings.Builder
	for _, c := range text {
		switch {
		case c == '&':
			b.WriteString("&amp;")
		case c == '<':
			b.WriteString("&lt;")
		case c == '>':
			b.WriteString("&gt;")
		case address && c == '|':
			b.WriteString("%7C")
		case address && c == ' ':
			b.WriteString("%20")
		case c == '@' && !address && !unicode.IsLetter(prev) && !unicode.IsDigit(prev) && prev != '_':
			b.WriteString("@\u200b")
		case turns(c), unicode.IsControl(c):
		default:
			b.WriteRune(c)
		}
		prev = c
	}
	return b.String()
}
