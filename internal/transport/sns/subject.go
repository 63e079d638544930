package sns

import (
	"strings"
	"unicode"

	"accessrelay/internal/event"
	"accessrelay/internal/wording"
)

// maxSubject is the most that SNS takes, in characters.
const maxSubject = 99

const asciiEllipsis = "..."

// plainer are characters that have a near relative in ASCII.
var plainer = map[rune]string{
	'…': asciiEllipsis, '–': "-", '—': "-", '‘': "'", '’': "'", '“': `"`, '”': `"`, '→': "->", '\u00a0': " ",
}

// subject is the line that subscribers by mail see, in the words that all channels
// have. SNS wants printable ASCII: any run of other characters becomes a question
// mark. What they were is in the message. What looks like an encoded word (RFC
// 2047) is taken apart: mail programs would decode it.
func subject(ev *event.Event) string {
	var b strings.Builder
	unknown := false // the last one was a question mark of ours
	for _, r := range wording.Headline(ev) {
		near, ok := plainer[r]
		switch {
		case ok:
			b.WriteString(near)
		case r >= ' ' && r < unicode.MaxASCII:
			b.WriteRune(r)
		case !unknown:
			b.WriteByte('?')
		}
		unknown = !ok && (r < ' ' || r >= unicode.MaxASCII)
	}
	s := strings.ReplaceAll(strings.TrimSpace(b.String()), "=?", "= ?")
	if len(s) > maxSubject {
		s = strings.TrimSpace(s[:maxSubject-len(asciiEllipsis)]) + asciiEllipsis
	}
	return s
}
