package event

import (
	"bytes"
	"encoding/json"
)

// cutter copies one valid JSON value without some of its members.
type cutter struct {
	in  []byte
	pos int
	out []byte
}

// value copies the value at pos without what paths lead to in it. A list is gone
// through: its elements are looked at with the same paths.
func (c *cutter) value(paths [][]string) {
	c.space()
	if len(paths) == 0 {
		start := c.pos
		c.skip()
		c.copy(start)
		return
	}
	switch c.in[c.pos] {
	case '{':
		c.object(paths)
	case '[':
		c.list(paths)
	default: // a word has no members
		start := c.pos
		c.skip()
		c.copy(start)
	}
}

func (c *cutter) object(paths [][]string) {
	c.bracket()
	for first := true; !c.ends('}'); {
		start := c.pos
		c.text()
		deeper, gone := follow(paths, unquote(c.in[start:c.pos]))
		end := c.pos
		c.space()
		c.pos++ // the colon
		if gone {
			c.space()
			c.skip()
			continue
		}
		if !first {
			c.out = append(c.out, ',')
		}
		first = false
		c.out = append(append(c.out, c.in[start:end]...), ':')
		c.value(deeper)
	}
	c.bracket()
}

func (c *cutter) list(paths [][]string) {
	c.bracket()
	for first := true; !c.ends(']'); first = false {
		if !first {
			c.out = append(c.out, ',')
		}
		c.value(paths)
	}
	c.bracket()
}

// follow returns what is left of the paths that lead through key, and whether
// one ends there.
func follow(paths [][]string, key string) (deeper [][]string, gone bool) {
	for _, p := range paths {
		switch {
		case p[0] != key:
		case len(p) == 1:
			return nil, true
		default:
			deeper = append(deeper, p[1:])
		}
	}
	return deeper, false
}

// ends moves to the next item of what closes with bracket, and reports whether
// there is none.
func (c *cutter) ends(bracket byte) bool {
	c.space()
	if c.in[c.pos] == ',' {
		c.pos++
		c.space()
	}
	return c.in[c.pos] == bracket
}

func (c *cutter) bracket() {
	c.out = append(c.out, c.in[c.pos])
	c.pos++
}

func (c *cutter) copy(start int) { c.out = append(c.out, c.in[start:c.pos]...) }

func (c *cutter) space() {
	for c.pos < len(c.in) && bytes.IndexByte([]byte(" \t\r\n"), c.in[c.pos]) >= 0 {
		c.pos++
	}
}

// skip moves behind the value at pos. It keeps count of brackets instead of
// calling itself.
func (c *cutter) skip() {
	for depth := 0; ; {
		switch c.in[c.pos] {
		case '"':
			c.text()
		case '{', '[':
			depth++
			c.pos++
		case '}', ']':
			depth--
			c.pos++
		case ',', ':', ' ', '\t', '\r', '\n':
			c.pos++
			continue
		default:
			c.word()
		}
		if depth == 0 {
			return
		}
	}
}

// word moves behind a number, true, false or null.
func (c *cutter) word() {
	for c.pos < len(c.in) && bytes.IndexByte([]byte(",:]} \t\r\n"), c.in[c.pos]) < 0 {
		c.pos++
	}
}

// text moves behind the string at pos.
func (c *cutter) text() {
	for c.pos++; c.in[c.pos] != '"'; c.pos++ {
		if c.in[c.pos] == '\\' {
			c.pos++
		}
	}
	c.pos++
}

func unquote(quoted []byte) string {
	if plain := quoted[1 : len(quoted)-1]; bytes.IndexByte(plain, '\\') < 0 {
		return string(plain)
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // it is a string
	return s
}
