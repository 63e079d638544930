package handlebars

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// grow makes sure that n more bytes may be written, and counts them.
func (r *run) grow(n int) error {
	if len(r.out)+n > MaxOutput {
		return r.fail("for this event the template writes more than %d bytes", MaxOutput)
	}
	return r.spend(n / (4 * bytesAStep)) // they are only moved
}

// literal writes the template's own text.
func (r *run) literal(s string) error {
	if err := r.grow(len(s)); err != nil {
		return err
	}
	perStep := bytesRead
	if r.as == Line {
		perStep /= 2
	}
	if err := r.spend(len(s) / perStep); err != nil {
		return err
	}
	switch r.as {
	case JSON:
		if problem := r.json.text(s, &r.line); problem != "" {
			return r.fail("%s", problem)
		}
	case SlackText:
		r.slack.literal(s)
	case Line:
		s = oneLine(s)
	default:
	}
	r.out = append(r.out, s...)
	if r.as == HTML {
		r.html.literal(r.out, len(r.out)-len(s))
	}
	return nil
}

// text follows literal text; line is moved to where it is wrong.
func (j *jsonState) text(s string, line *int) string {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if j.at == inString && c != '"' && c != '\\' && c >= ' ' {
			continue
		}
		if problem := j.step(c, *line); problem != "" {
			return problem
		}
		if c == '\n' {
			*line++
		}
	}
	return ""
}

// write is {{x}}.
func (r *run) write(v *value) error {
	if r.as == JSON {
		return r.writeInJSON(v, false)
	}
	s, err := r.text(v)
	if err != nil {
		return err
	}
	return r.escaped(s)
}

// writeJSON is {{json x}}.
func (r *run) writeJSON(v *value) error {
	if r.as == JSON {
		return r.writeInJSON(v, true)
	}
	text, err := r.jsonText(v)
	if err != nil {
		return err
	}
	return r.escaped(string(text))
}

// writeInJSON writes v where the JSON so far wants it: as text inside of a
// string, as a value outside. whole is for {{json x}}: inside of a string
// its text is JSON.
func (r *run) writeInJSON(v *value, whole bool) error {
	inside, key, problem := r.json.insert()
	if problem != "" {
		return r.fail("%s", problem)
	}
	switch {
	case key && (v == nil || v.kind != textKind):
		return r.fail("an object's key must be a text, which this value is not for every event")
	case !inside:
		text, err := r.jsonText(v)
		if err != nil {
			return err
		}
		return r.append(text)
	}
	var s string
	if whole {
		text, err := r.jsonText(v)
		if err != nil {
			return err
		}
		s = string(text)
	} else {
		var err error
		if s, err = r.text(v); err != nil {
			return err
		}
	}
	if err := r.grow(len(s)); err != nil {
		return err
	}
	if err := r.spend(len(s) / bytesRead); err != nil {
		return err
	}
	return r.append(appendJSONString(nil, s))
}

func (r *run) append(b []byte) error {
	if err := r.grow(len(b)); err != nil {
		return err
	}
	r.out = append(r.out, b...)
	return nil
}

// text is what {{x}} says where a text stands: nothing for what is absent, JSON
// for lists and objects.
func (r *run) text(v *value) (string, error) {
	if v == nil || v.kind == nullKind {
		return "", nil
	}
	if v.kind == listKind || v.kind == objectKind {
		b, err := r.jsonText(v)
		return string(b), err
	}
	if err := r.spend(len(v.str) / bytesAStep); err != nil {
		return "", err
	}
	return v.text(), nil
}

// escaped writes s as the dialect wants it; the dialect is not JSON.
func (r *run) escaped(s string) error {
	if s == "" {
		return nil
	}
	switch r.as { // what is far longer than anybody takes is not worth the work
	case SlackText:
		s = cut(s, maxSlackText)
	case Line:
		s = cut(s, maxLine)
	default:
	}
	if r.as != Text {
		if err := r.spend(len(s) / 4); err != nil {
			return err
		}
	}
	switch r.as {
	case HTML:
		s = escapeHTML(r.html.text(s))
	case Form:
		s = url.QueryEscape(s)
	case Line:
		s = oneLine(s)
	case SlackText:
		s = r.slack.escape(s, lastRune(r.out))
	default:
	}
	if err := r.grow(len(s)); err != nil {
		return err
	}
	r.out = append(r.out, s...)
	return nil
}

// What one value may add to a message for Slack, or to a line, in bytes.
const (
	maxSlackText = 64 << 10
	maxLine      = 8 << 10
)

// cut is s up to the n-th byte, less the part of a rune that would remain.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func lastRune(b []byte) rune {
	if len(b) == 0 {
		return ' '
	}
	c, _ := utf8.DecodeLastRune(b)
	return c
}

// escapeHTML escapes what Handlebars does, and replaces what neither HTML nor
// XML can hold.
func escapeHTML(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '&':
			b.WriteString("&amp;")
		case c == '<':
			b.WriteString("&lt;")
		case c == '>':
			b.WriteString("&gt;")
		case c == '"':
			b.WriteString("&quot;")
		case c == '\'':
			b.WriteString("&#x27;")
		case c == '`':
			b.WriteString("&#x60;")
		case c == '=':
			b.WriteString("&#x3D;")
		case c < ' ' && c != '\t' && c != '\n' && c != '\r', c == 0x7f, c == 0xfffe, c == 0xffff:
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// oneLine makes every line break and other control character a blank, and drops
// what would turn the direction of the text behind it.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case turns(c):
			return -1
		case unicode.IsControl(c), c == 0x2028, c == 0x2029:
			return ' '
		}
		return c
	}, s)
}

// turns reports whether c changes the direction of the letters after it.
func turns(c rune) bool {
	return c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 || c == 0xfeff
}

// joinLines takes the line breaks out of a form's literal text, with the blanks
// beside them: they would become part of a value.
func joinLines(p *program) {
	if p == nil {
		return
	}
	for _, n := range p.body {
		switch n := n.(type) {
		case *content:
			parts := strings.Split(n.text, "\n")
			for i, s := range parts {
				if i > 0 {
					s = strings.TrimLeft(s, " \t")
				}
				if i < len(parts)-1 {
					s = strings.TrimRight(s, " \t\r")
				}
				parts[i] = s
			}
			n.text = strings.Join(parts, "")
		case *block:
			joinLines(n.program)
			joinLines(n.inverse)
		}
	}
}
