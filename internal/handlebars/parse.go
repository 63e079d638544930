package handlebars

import "strings"

// parser reads the tags of a template and the text between them. Where text is
// cut into pieces, backslashes included, follows the lexer of Handlebars 4.7:
// what counts as a line of its own hangs on it.
type parser struct {
	src   string
	as    Dialect
	pos   int
	depth int // of blocks

	counted, line int // line is that of src[counted]
}

// lineAt is for positions that never go back.
func (p *parser) lineAt(pos int) int {
	if pos < p.counted {
		return p.line + 1 - strings.Count(p.src[pos:p.counted], "\n")
	}
	p.line += strings.Count(p.src[p.counted:pos], "\n")
	p.counted = pos
	return p.line + 1
}

func (p *parser) fail(format string, args ...any) *Error {
	return errorAt(p.lineAt(min(p.pos, len(p.src))), format, args...)
}

// tag is the beginning of a tag that parseBody leaves to who called it.
type tag struct {
	kind  tagKind
	line  int
	strip strip
}

type tagKind int

const (
	endOfText tagKind = iota
	endBlock          // {{/: its name follows
	elseTag           // {{else}} or {{^}}, read to its end
	elseChain         // {{else: a block's head follows
)

func (p *parser) template() (*program, error) {
	body, end, err := p.body()
	if err != nil {
		return nil, err
	}
	switch end.kind {
	case endOfText:
		return &program{body: body}, nil
	case endBlock:
		return nil, errorAt(end.line, "{{/…}} ends a block that nothing began")
	default:
		return nil, errorAt(end.line, "{{else}} stands in no block")
	}
}

// body reads up to a tag that is not its own.
func (p *parser) body() ([]node, tag, error) {
	var out []node
	for {
		out = p.contents(out)
		if p.pos >= len(p.src) {
			return out, tag{kind: endOfText, line: p.lineAt(len(p.src))}, nil
		}
		line := p.lineAt(p.pos)
		n, end, err := p.tag(line)
		if err != nil {
			return nil, tag{}, err
		}
		if n == nil {
			return out, end, nil
		}
		out = append(out, n)
	}
}

// contents reads text up to the next tag. An escaped one, \{{, is text.
func (p *parser) contents(out []node) []node {
	add := func(from int, s string) {
		if s != "" {
			out = append(out, &content{line: p.lineAt(from), text: s, original: s})
		}
	}
	for p.pos < len(p.src) {
		from := p.pos
		i := strings.Index(p.src[from:], "{{")
		if i < 0 {
			p.pos = len(p.src)
			add(from, p.src[from:])
			return out
		}
		text := p.src[from : from+i]
		p.pos = from + i
		switch {
		case strings.HasSuffix(text, `\\`): // a backslash before a tag
			add(from, text[:len(text)-1])
			return out
		case strings.HasSuffix(text, `\`):
			add(from, text[:len(text)-1])
			start := p.pos
			p.pos = escapedEnd(p.src, start)
			add(start, p.src[start:p.pos])
		default:
			add(from, text)
			return out
		}
	}
	return out
}

// escapedEnd is where the text of an escaped tag at start ends: before the next
// {{ and the one or two backslashes in front of it.
func escapedEnd(src string, start int) int {
	i := strings.Index(src[start+2:], "{{")
	if i < 0 {
		return len(src)
	}
	end := start + 2 + i
	for n := 0; n < 2 && end > start+2 && src[end-1] == '\\'; n++ {
		end--
	}
	return end
}

// tag reads the tag at p.pos. Without a node, it is one that ends a body.
func (p *parser) tag(line int) (node, tag, error) {
	start := p.pos
	if strings.HasPrefix(p.src[start:], "{{{{") {
		return nil, tag{}, errorAt(line, "raw blocks {{{{…}}}} are not supported; write \\{{ for a literal {{")
	}
	p.pos += 2
	s := strip{open: p.take("~")}
	rest := p.src[p.pos:]
	end := func(k tagKind) (node, tag, error) { return nil, tag{kind: k, line: line, strip: s}, nil }
	switch {
	case strings.HasPrefix(rest, ">"), strings.HasPrefix(rest, "#>"):
		return nil, tag{}, errorAt(line, "partials {{> …}} are not supported: a template stands alone")
	case strings.HasPrefix(rest, "*"), strings.HasPrefix(rest, "#*"):
		return nil, tag{}, errorAt(line, "decorators {{* …}} are not supported")
	case strings.HasPrefix(rest, "{"), strings.HasPrefix(rest, "&"):
		n, err := p.unescaped(line, s)
		return n, tag{}, err
	case strings.HasPrefix(rest, "!"):
		n, err := p.comment(line, start)
		return n, tag{}, err
	case strings.HasPrefix(rest, "/"):
		p.pos++
		return end(endBlock)
	case strings.HasPrefix(rest, "#"):
		p.pos++
		n, err := p.block(line, s, false)
		return n, tag{}, err
	case strings.HasPrefix(rest, "^"):
		p.pos++
		if p.skipSpace(); p.closes() {
			s.close = p.close()
			return end(elseTag)
		}
		n, err := p.block(line, s, true)
		return n, tag{}, err
	}
	if after := strings.TrimLeftFunc(rest, isSpace); strings.HasPrefix(after, "else") && !isWord(after[len("else"):]) {
		p.pos += len(rest) - len(after) + len("else")
		if p.skipSpace(); p.closes() {
			s.close = p.close()
			return end(elseTag)
		}
		return end(elseChain)
	}
	n, err := p.output(line, s)
	return n, tag{}, err
}

// unescaped is {{{x}}} or {{&x}}, which only means something where {{x}} escapes.
func (p *parser) unescaped(line int, s strip) (node, error) {
	if p.as != Text || p.src[p.pos] != '{' {
		use := "{{x}} is escaped for where it stands"
		if p.as == JSON {
			use += ", {{json x}} writes a whole value"
		}
		return nil, errorAt(line, "{{{x}}} and {{&x}} would let an event's text out of its place: %s", use)
	}
	p.pos++
	start := p.pos
	c, err := p.call(line)
	if err != nil {
		return nil, p.unclosed(start, line, err)
	}
	if p.skipSpace(); !p.take("}") || !p.closes() {
		return nil, p.unclosed(start, line, p.fail("}}} is missing here"))
	}
	s.close = p.close()
	return &output{line: line, strip: s, e: c}, nil
}

func (p *parser) comment(line, start int) (node, error) {
	rest, closing := p.src[start:], "}}"
	if strings.HasPrefix(p.src[p.pos:], "!--") {
		closing = "--}}"
	}
	for from := p.pos; ; { // each }} is looked at once, however many comments there are
		end := indexFrom(p.src, from, '}')
		if end < 0 {
			return nil, errorAt(line, "the comment has no end: %s is missing", closing)
		}
		text := p.src[p.pos:end]
		from = end + 1
		if strings.HasPrefix(p.src[from:], "}") && (closing == "}}" || strings.HasSuffix(text, "--") || strings.HasSuffix(text, "--~")) {
			p.pos = from + 1
			break
		}
	}
	whole := rest[:p.pos-start]
	return &comment{line, strip{whole[2] == '~', strings.HasSuffix(whole, "~}}")}}, nil
}

func (p *parser) output(line int, s strip) (node, error) {
	start := p.pos
	c, err := p.call(line)
	if err != nil {
		return nil, p.unclosed(start, line, err)
	}
	if !p.closes() {
		return nil, p.unclosed(start, line, p.fail(notClosedHere))
	}
	s.close = p.close()
	return &output{line: line, strip: s, e: c}, nil
}

const notClosedHere = "}} is missing here, or something stands before it that has no place in {{…}}"

// unclosed is err, met in the tag whose inside begins at start, unless nothing ends
// that tag before the next begins: then all that err could name is text behind it.
func (p *parser) unclosed(start, line int, err error) error {
	rest := p.src[min(start, len(p.src)):]
	if end := strings.Index(rest, "}}"); end >= 0 && !strings.Contains(rest[:end], "{{") {
		return err
	}
	return errorAt(line, "{{ is not closed by }}")
}
