package handlebars

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// call reads a path or literal and what follows it, up to a closing }}, ), or as |.
func (p *parser) call(line int) (*call, error) {
	p.skipSpace()
	if p.closes() {
		return nil, errorAt(line, "{{}} is empty")
	}
	if p.peek() == '(' {
		return nil, p.fail("a helper's name cannot be a (subexpression)")
	}
	first, err := p.param(0)
	if err != nil {
		return nil, err
	}
	c := &call{line: line}
	switch e := first.(type) {
	case *path:
		c.name = e
	case *literal: // what stands alone is a name: {{"strange key"}}
		s := e.v.text()
		c.name = &path{line: line, original: s, parts: []string{s}}
	}
	return c, p.arguments(c, 0)
}

// arguments reads parameters and then key=value pairs into c.
func (p *parser) arguments(c *call, depth int) error {
	for {
		p.skipSpace()
		if p.pos >= len(p.src) || p.closes() || strings.ContainsRune(")|}", rune(p.peek())) || p.atBlockParams() {
			return nil
		}
		if len(c.args)+len(c.hash) >= maxParams {
			return p.fail("more than %d arguments", maxParams)
		}
		start := p.pos
		e, err := p.param(depth)
		if err != nil {
			return err
		}
		end := p.pos
		if p.skipSpace(); p.peek() != '=' {
			if p.pos = end; len(c.hash) > 0 {
				return p.fail("an argument stands behind key=value")
			}
			c.args = append(c.args, e)
			continue
		}
		key, ok := e.(*path)
		if !ok || key.original != p.src[start:end] || len(key.parts) != 1 || key.data {
			return p.fail("= must follow a name")
		}
		p.pos++
		p.skipSpace()
		v, err := p.param(depth)
		if err != nil {
			return err
		}
		c.hash = append(c.hash, pair{key.parts[0], v})
	}
}

func (p *parser) atBlockParams() bool {
	rest := p.src[p.pos:]
	if !strings.HasPrefix(rest, "as") {
		return false
	}
	after := strings.TrimLeftFunc(rest[2:], isSpace)
	return len(after) < len(rest)-2 && strings.HasPrefix(after, "|")
}

func (p *parser) param(depth int) (expr, error) {
	line := p.lineAt(min(p.pos, len(p.src)))
	switch c := p.peek(); {
	case p.pos >= len(p.src):
		return nil, errorAt(line, "{{ has no }}")
	case c == '(':
		return p.subexpression(depth + 1)
	case c == '"' || c == '\'':
		return p.quoted(c)
	case c == '@':
		p.pos++
		e, err := p.path(line)
		if err != nil {
			return nil, err
		}
		e.data, e.original = true, "@"+e.original
		return e, nil
	}
	if v := p.word(); v != nil {
		return &literal{v}, nil
	}
	return p.path(line)
}

func (p *parser) subexpression(depth int) (expr, error) {
	if depth > maxNested {
		return nil, p.fail("more than %d (subexpressions) inside one another", maxNested)
	}
	line := p.lineAt(p.pos)
	p.pos++
	p.skipSpace()
	name, err := p.param(depth)
	if err != nil {
		return nil, err
	}
	at, ok := name.(*path)
	if !ok {
		return nil, errorAt(line, "a (subexpression) begins with a helper's name")
	}
	c := &call{line: line, name: at}
	if err := p.arguments(c, depth); err != nil {
		return nil, err
	}
	if !p.take(")") {
		return nil, p.fail(") is missing here")
	}
	return c, nil
}

// quoted reads a string. A backslash stands before the string's own quote and
// means itself anywhere else.
func (p *parser) quoted(quote byte) (expr, error) {
	for i := p.pos + 1; i < len(p.src); i++ {
		switch p.src[i] {
		case '\\':
			if i+1 < len(p.src) && p.src[i+1] == quote {
				i++
			}
		case quote:
			s := strings.ReplaceAll(p.src[p.pos+1:i], `\`+string(quote), string(quote))
			p.pos = i + 1
			return &literal{textValue(s)}, nil
		}
	}
	return nil, p.fail("a string has no closing %c", quote)
}

// word reads true, false, null, undefined or a number, or nothing.
func (p *parser) word() *value {
	rest := p.src[p.pos:]
	n := strings.IndexFunc(rest, func(r rune) bool { return isSpace(r) || strings.ContainsRune("~})]", r) })
	if n < 0 {
		return nil
	}
	var v *value
	switch w := rest[:n]; {
	case w == "true", w == "false":
		v = boolValue(w == "true")
	case w == "null", w == "undefined":
		v = nullValue
	case isDecimal(w):
		v = numberValue(w)
	default:
		return nil
	}
	p.pos += n
	return v
}

// isDecimal reports whether s is a number as templates have them: no exponent.
func isDecimal(s string) bool {
	whole, frac, dot := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return digits(whole) && (!dot || digits(frac)) && (len(whole) == 1 || whole[0] != '0')
}

func (p *parser) path(line int) (*path, error) {
	start := p.pos
	out := &path{line: line}
	for n := 0; ; n++ {
		if n >= maxParts {
			return nil, p.fail("a path of more than %d parts", maxParts)
		}
		part, plain, err := p.part()
		if err != nil {
			return nil, err
		}
		dots := plain && (part == "." || part == ".." || part == "this")
		switch {
		case dots && len(out.parts) > 0:
			return nil, p.fail("%s cannot stand inside of a path", part)
		case dots && part == "..":
			out.up++
		case dots:
			out.scoped = true
		default:
			out.parts = append(out.parts, part)
		}
		out.scoped = out.scoped || dots
		if c := p.peek(); c != '.' && c != '/' {
			break
		}
		p.pos++
	}
	out.original = p.src[start:p.pos]
	return out, nil
}

// part reads one part of a path; plain is one without brackets.
func (p *parser) part() (s string, plain bool, err error) {
	rest := p.src[p.pos:]
	switch {
	case strings.HasPrefix(rest, ".."):
		p.pos += 2
		return "..", true, nil
	case strings.HasPrefix(rest, "."):
		p.pos++
		return ".", true, nil
	case strings.HasPrefix(rest, "["):
		for i := 1; i < len(rest); i++ {
			switch rest[i] {
			case '\\':
				if i+1 < len(rest) && rest[i+1] == ']' {
					i++
				}
			case ']':
				p.pos += i + 1
				return strings.NewReplacer(`\]`, `]`, `\\`, `\`).Replace(rest[1:i]), false, nil
			}
		}
		return "", false, p.fail("] is missing")
	}
	if id := p.id(); id != "" {
		return id, true, nil
	}
	wrong := strings.TrimLeftFunc(rest, func(r rune) bool { return !isSpace(r) && !strings.ContainsRune(notInNames, r) })
	if r, _ := utf8.DecodeRuneInString(wrong); wrong != "" && unicode.IsPrint(r) && !strings.ContainsRune(" }~", r) {
		return "", false, p.fail("%q has no place here; a key with such letters is written in brackets: [a key]", r)
	}
	return "", false, p.fail("a name is missing here")
}

const notInNames = "!\"#%&'()*+,./;<=>@[\\]^`{|}~"

// id reads a name: see ID in the grammar of Handlebars.
func (p *parser) id() string {
	rest := p.src[p.pos:]
	n := strings.IndexFunc(rest, func(r rune) bool {
		return isSpace(r) || strings.ContainsRune(notInNames, r)
	})
	if n < 0 {
		n = len(rest)
	}
	if after, _ := utf8.DecodeRuneInString(rest[n:]); n == len(rest) || !isSpace(after) && !strings.ContainsRune("=~}/.)]|", after) {
		return ""
	}
	p.pos += n
	return rest[:n]
}

func (p *parser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *parser) take(s string) bool {
	if strings.HasPrefix(p.src[min(p.pos, len(p.src)):], s) {
		p.pos += len(s)
		return true
	}
	return false
}

// closes reports whether }} or ~}} comes next; close reads it and says which.
func (p *parser) closes() bool {
	return strings.HasPrefix(p.src[p.pos:], "}}") || strings.HasPrefix(p.src[p.pos:], "~}}")
}

func (p *parser) close() (tilde bool) {
	tilde = p.take("~")
	p.pos += len("}}")
	return tilde
}

func (p *parser) skipSpace() {
	rest := p.src[p.pos:]
	p.pos += len(rest) - len(strings.TrimLeftFunc(rest, isSpace))
}

// isSpace is \s of JavaScript.
func isSpace(r rune) bool {
	return r == ' ' || r >= '\t' && r <= '\r' || r == 0xa0 || r == 0xfeff || r == 0x2028 || r == 0x2029 || unicode.Is(unicode.Zs, r)
}

// isWord reports whether s begins with \w of JavaScript.
func isWord(s string) bool {
	if s == "" {
		return false
	}
	c := s[0]
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// show makes a name that stands in a template fit for an error.
func show(name string) string {
	const longest = 64
	out := []rune(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, name))
	if len(out) > longest {
		return string(out[:longest]) + "…"
	}
	return string(out)
}
