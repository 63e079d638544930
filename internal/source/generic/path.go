package generic

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// A longer path is hardly one that somebody means. Both bound what one search of
	// a body can cost: see [path.find].
	maxPathBytes = 1000
	maxSelectors = 32
	// maxIndex keeps an index a small number; larger arrays do not fit into a body.
	maxIndex = 1_000_000
)

// path is a JSONPath by RFC 9535, of names, indexes, wildcards and descendants:
// what can be found in one pass over a body. It is safe for concurrent use.
type path struct {
	text     string // as the file has it
	segments []segment
}

// segment leads from a value to some of those in it.
type segment struct {
	descendant bool       // or in any of those, however deep
	selectors  []selector // what one of them takes
	last       bool       // some selector counts from the end
}

// selector takes members or elements of a value. The zero selector takes the
// member whose name is empty.
type selector struct {
	kind  selectorKind
	name  string
	index int // from the end if it is negative
}

type selectorKind int

const (
	byName selectorKind = iota
	byIndex
	wildcard
)

// parsePath compiles text. The error says where it is wrong, counted in
// characters from 1, and what is meant to stand there.
func parsePath(text string) (*path, error) {
	if len(text) > maxPathBytes {
		return nil, fmt.Errorf("longer than %d bytes", maxPathBytes)
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("not valid UTF-8")
	}
	p := parser{text: text}
	if !p.accept("$") {
		return nil, p.errorf("a path begins with $, as in $.kind")
	}
	out := &path{text: text}
	for n := 0; p.at < len(text); {
		s, err := p.segment()
		if err != nil {
			return nil, err
		}
		if n += len(s.selectors); n > maxSelectors {
			return nil, fmt.Errorf("has more than %d steps", maxSelectors)
		}
		out.segments = append(out.segments, s)
	}
	if err := out.check(); err != nil {
		return nil, err
	}
	return out, nil
}

// check refuses what is a path, but can find nothing, or not in one pass.
func (p *path) check() error {
	if len(p.segments) == 0 {
		return fmt.Errorf("$ is the whole body; point into it, as $.kind does")
	}
	first := p.segments[0]
	if !first.descendant && !slices.ContainsFunc(first.selectors, func(s selector) bool { return s.kind != byIndex }) {
		return fmt.Errorf("finds nothing: the body is an object, so the first step must be a name")
	}
	descends := false
	for _, s := range p.segments {
		descends = descends || s.descendant
		if descends && s.last {
			return fmt.Errorf("an index from the end, such as [-1], is not supported in or behind a descendant (..)")
		}
	}
	return nil
}

type parser struct {
	text string
	at   int
}

func (p *parser) errorf(format string, args ...any) error {
	return p.errorAt(p.at, format, args...)
}

func (p *parser) errorAt(at int, format string, args ...any) error {
	return fmt.Errorf("at character %d: %s", utf8.RuneCountInString(p.text[:at])+1, fmt.Sprintf(format, args...))
}

func (p *parser) accept(s string) bool {
	if !strings.HasPrefix(p.text[p.at:], s) {
		return false
	}
	p.at += len(s)
	return true
}

func (p *parser) blanks() {
	p.at += len(p.text[p.at:]) - len(strings.TrimLeft(p.text[p.at:], " \t\r\n"))
}

func (p *parser) segment() (segment, error) {
	p.blanks() // between segments the RFC has room for them
	var s segment
	switch {
	case p.accept(".."):
		s.descendant = true
		if p.accept("[") {
			return p.bracketed(s)
		}
	case p.accept("."):
	case p.accept("["):
		return p.bracketed(s)
	case p.at == len(p.text):
		return s, p.errorf("blanks at the end")
	default:
		return s, p.errorf("%s cannot stand here; a name with other characters than letters, digits and _ is written in brackets, as in $['a-b']", p.next())
	}
	if p.accept("*") {
		s.selectors = []selector{{kind: wildcard}}
		return s, nil
	}
	name, err := p.shorthand()
	s.selectors = []selector{{name: name}}
	return s, err
}

// next is the character that stands here, for messages.
func (p *parser) next() string {
	if p.at == len(p.text) {
		return "the end"
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.at:])
	return strconv.QuoteRune(r)
}

// shorthand reads a name behind a dot.
func (p *parser) shorthand() (string, error) {
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf
		if !letter && (p.at == start || c < '0' || c > '9') {
			break
		}
		p.at++
	}
	if p.at > start {
		return p.text[start:p.at], nil
	}
	if p.at < len(p.text) && '0' <= p.text[p.at] && p.text[p.at] <= '9' {
		return "", p.errorf("a name that begins with a digit is written in brackets, as in $['1st']")
	}
	return "", p.errorf("a name or * must stand here, not %s", p.next())
}

// bracketed reads what stands behind "[", up to "]".
func (p *parser) bracketed(s segment) (segment, error) {
	for {
		p.blanks()
		sel, err := p.selector()
		if err != nil {
			return s, err
		}
		s.last = s.last || sel.index < 0
		s.selectors = append(s.selectors, sel)
		p.blanks()
		switch {
		case p.accept("]"):
			return s, nil
		case p.accept(","):
		case p.accept(":"):
			return s, p.errorAt(p.at-1, "slices such as [0:2] are not supported")
		default:
			return s, p.errorf("a comma or ] must stand here, not %s", p.next())
		}
	}
}

func (p *parser) selector() (selector, error) {
	if p.at == len(p.text) {
		return selector{}, p.errorf("the [ has no ]")
	}
	switch c := p.text[p.at]; {
	case c == '*':
		p.at++
		return selector{kind: wildcard}, nil
	case c == '\'' || c == '"':
		name, err := p.quoted(c)
		return selector{name: name}, err
	case c == '-' || '0' <= c && c <= '9':
		n, err := p.index()
		return selector{kind: byIndex, index: n}, err
	case c == '?':
		return selector{}, p.errorf("filters are not supported")
	case c == ':':
		return selector{}, p.errorf("slices such as [0:2] are not supported")
	default:
		return selector{}, p.errorf("a name in quotes, a number or * must stand here, not %s", p.next())
	}
}

func (p *parser) index() (int, error) {
	start := p.at
	p.accept("-")
	for p.at < len(p.text) && '0' <= p.text[p.at] && p.text[p.at] <= '9' {
		p.at++
	}
	digits := p.text[start:p.at]
	n, err := strconv.Atoi(digits)
	switch {
	case err == nil && strconv.Itoa(n) != digits: // 007, -0
		return 0, p.errorAt(start, "%s is not how an index is written", digits)
	case digits == "-":
		return 0, p.errorAt(start, "an index has digits")
	case err != nil || n > maxIndex || n < -maxIndex:
		return 0, p.errorAt(start, "an index is at most %d", maxIndex)
	}
	return n, nil
}

// quoted reads a name in quotes, which are of the kind that begins it.
func (p *parser) quoted(quote byte) (string, error) {
	start := p.at
	var out strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == quote:
			p.at++
			return out.String(), nil
		case c == '\\':
			r, err := p.escape(quote)
			if err != nil {
				return "", err
			}
			out.WriteRune(r)
		case c < ' ':
			return "", p.errorf("%s in a name is written with a backslash", p.next())
		default:
			out.WriteByte(c)
		}
	}
	return "", p.errorAt(start, "the quote is not closed")
}

// escape reads what stands behind the backslash at p.at, and leaves p.at at its
// last character.
func (p *parser) escape(quote byte) (rune, error) {
	start := p.at
	p.at++
	if p.at < len(p.text) {
		if i := strings.IndexByte(`bfnrt/\`, p.text[p.at]); i >= 0 {
			return rune("\b\f\n\r\t/\\"[i]), nil
		}
		switch p.text[p.at] {
		case quote:
			return rune(quote), nil
		case 'u':
			r := p.hex4()
			if utf16.IsSurrogate(r) && strings.HasPrefix(p.text[p.at+1:], `\u`) {
				p.at += 2
				r = utf16.DecodeRune(r, p.hex4())
			}
			if r >= 0 && r != utf8.RuneError && !utf16.IsSurrogate(r) {
				return r, nil
			}
		}
	}
	return 0, p.errorAt(start, "an escape that JSON does not have")
}

// hex4 reads the four digits behind the u at p.at, and leaves p.at at the last.
// It is -1 if they are none.
func (p *parser) hex4() rune {
	if len(p.text)-p.at < 5 {
		return -1
	}
	n, err := strconv.ParseUint(p.text[p.at+1:p.at+5], 16, 16)
	if err != nil {
		return -1
	}
	p.at += 4
	return rune(n)
}
