package inbox

import (
	"encoding/json"
	"html/template"
	"strings"
)

const (
	// maxShown is how much of one body the page shows, in bytes; the rest is
	// for the API.
	maxShown = 32 << 10
	// maxRendered bounds what that becomes as HTML.
	maxRendered = 16 * maxShown
	maxIndent   = 24 // levels: a body of brackets must not become a page of blanks
)

// prettyJSON renders valid JSON indented and coloured; numbers stay as written.
// cut says that the end is missing.
func prettyJSON(raw json.RawMessage) (html template.HTML, cut bool) {
	p := printer{src: string(raw)}
	for p.i < len(p.src) {
		if p.i > maxShown || p.out.Len() > maxRendered {
			cut = true
			break
		}
		p.token()
	}
	return template.HTML(p.out.String()), cut //nolint:gosec // all text went through HTMLEscape
}

type printer struct {
	src   string
	i     int
	depth int
	out   strings.Builder
}

func (p *printer) token() {
	start := p.i
	switch c := p.src[p.i]; c {
	case ' ', '\t', '\r', '\n':
		p.i++
	case '{', '[':
		p.i++
		p.out.WriteByte(c)
		if next := p.next(); next == '}' || next == ']' {
			p.out.WriteByte(next)
			p.i++
			return
		}
		p.depth++
		p.newline()
	case '}', ']':
		p.i++
		p.depth--
		p.newline()
		p.out.WriteByte(c)
	case ',':
		p.i++
		p.out.WriteByte(c)
		p.newline()
	case ':':
		p.i++
		p.out.WriteString(": ")
	case '"':
		p.skipString()
		end := p.i
		class := "s"
		if p.next() == ':' {
			class = "k"
		}
		p.span(class, p.src[start:end])
	default:
		for p.i < len(p.src) && strings.IndexByte(" \t\r\n,:{}[]\"", p.src[p.i]) < 0 {
			p.i++
		}
		class := "n"
		if c >= 'a' {
			class = "l" // true, false, null
		}
		p.span(class, p.src[start:p.i])
	}
}

// next goes to the next character that is not white space and returns it, 0 at the end.
func (p *printer) next() byte {
	for p.i < len(p.src) && strings.IndexByte(" \t\r\n", p.src[p.i]) >= 0 {
		p.i++
	}
	if p.i == len(p.src) {
		return 0
	}
	return p.src[p.i]
}

func (p *printer) skipString() {
	for p.i++; p.i < len(p.src); p.i++ {
		switch p.src[p.i] {
		case '\\':
			p.i++
		case '"':
			p.i++
			return
		}
	}
	p.i = len(p.src)
}

func (p *printer) newline() {
	p.out.WriteByte('\n')
	p.out.WriteString(strings.Repeat("  ", max(0, min(p.depth, maxIndent))))
}

func (p *printer) span(class, s string) {
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	p.out.WriteString(`<span class="` + class + `">`)
	template.HTMLEscape(&p.out, []byte(s))
	p.out.WriteString("</span>")
}
