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
	maxRendered = 8 * maxShown
	maxIndent   = 24 // levels: a body of brackets must not become a page of blanks
)

// prettyJSON renders valid JSON as a tree, coloured; numbers stay as written. A
// line is a div; an object or list that is not empty is a details element whose
// summary is its first line, so that a browser folds it without a script. cut says
// that the end is missing.
func prettyJSON(raw json.RawMessage) (html template.HTML, cut bool) {
	p := printer{src: string(raw)}
	for p.i < len(p.src) {
		if p.i > maxShown || p.out.Len() > maxRendered {
			cut = true
			break
		}
		p.token()
	}
	p.endLine()
	for len(p.open) > 0 { // of what was cut
		if p.end() {
			p.out.WriteString("</details>")
		}
	}
	return template.HTML(p.out.String()), cut //nolint:gosec // all text went through HTMLEscape
}

type printer struct {
	src  string
	i    int
	out  strings.Builder
	key  string // of the value to come, as HTML
	line string // the tags that end the line under way
	open []bool // the containers that we are in: whether it folds, or is too deep for it
}

func (p *printer) token() {
	start := p.i
	switch c := p.src[p.i]; c {
	case ' ', '\t', '\r', '\n', ':':
		p.i++
	case '{', '[':
		p.i++
		if next := p.next(); next == '}' || next == ']' {
			p.i++
			p.begin()
			p.out.WriteString(string([]byte{c, next}))
			return
		}
		p.container(c)
	case '}', ']':
		p.i++
		p.endLine()
		p.line = "</div>"
		if p.end() {
			p.line = "</div></details>"
		}
		p.out.WriteString("<div>")
		p.out.WriteByte(c)
	case ',':
		p.i++
		p.out.WriteByte(c)
		p.endLine()
	case '"':
		p.skipString()
		end := p.i
		if p.next() == ':' {
			p.key = span("k", p.src[start:end]) + ": "
			return
		}
		p.begin()
		p.out.WriteString(span("s", p.src[start:end]))
	default:
		for p.i < len(p.src) && strings.IndexByte(" \t\r\n,:{}[]\"", p.src[p.i]) < 0 {
			p.i++
		}
		class := "n"
		if c >= 'a' {
			class = "l" // true, false, null
		}
		p.begin()
		p.out.WriteString(span(class, p.src[start:p.i]))
	}
}

// begin starts the line of a value.
func (p *printer) begin() {
	p.out.WriteString("<div>" + p.key)
	p.key, p.line = "", "</div>"
}

func (p *printer) endLine() {
	p.out.WriteString(p.line)
	p.line = ""
}

// container starts an object or a list that is not empty.
func (p *printer) container(c byte) {
	if len(p.open) >= maxIndent {
		p.begin()
		p.out.WriteByte(c)
		p.endLine()
		p.open = append(p.open, false)
		return
	}
	class := "square"
	if c == '{' {
		class = "curly"
	}
	p.out.WriteString(`<details open><summary class="` + class + `">` + p.key)
	p.out.WriteByte(c)
	p.out.WriteString(`</summary><div class="in">`)
	p.key = ""
	p.open = append(p.open, true)
}

// end ends the lines in the innermost container and says whether it folds.
func (p *printer) end() (folds bool) {
	folds = p.open[len(p.open)-1]
	p.open = p.open[:len(p.open)-1]
	if folds {
		p.out.WriteString("</div>")
	}
	return folds
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

func span(class, s string) string {
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return `<span class="` + class + `">` + template.HTMLEscapeString(s) + "</span>"
}
