package handlebars

import "strings"

// trimStandalone takes out of p the white space that ~ asks for, and the rest
// of a line on which nothing but a block's tag or a comment stands. It goes by
// the rules of Handlebars 4.7, its odd corners included: the goldens hold the
// results against it.
func trimStandalone(p *program, root bool) {
	for i, n := range p.body {
		switch n := n.(type) {
		case *output:
			trimTags(p.body, i, n.strip)
		case *comment:
			alone := blankBefore(p.body, i, root) && blankAfter(p.body, i, root)
			trimTags(p.body, i, n.strip)
			if alone {
				omitRight(p.body, i, false)
				omitLeft(p.body, i, false)
			}
		case *block:
			opens, closes := trimBlock(n)
			opens = opens && blankBefore(p.body, i, root)
			closes = closes && blankAfter(p.body, i, root)
			trimTags(p.body, i, strip{n.openStrip.open, n.closeStrip.close})
			if opens {
				omitRight(either(n.program, n.inverse).body, -1, false)
				omitLeft(p.body, i, false)
			}
			if closes {
				omitRight(p.body, i, false)
				inner := either(n.inverse, n.program).body
				omitLeft(inner, len(inner), false)
			}
		}
	}
}

func trimTags(body []node, i int, s strip) {
	if s.close {
		omitRight(body, i, true)
	}
	if s.open {
		omitLeft(body, i, true)
	}
}

// trimBlock does the inside of b, and says whether its first and its last tag
// may stand on lines of their own as far as the inside goes.
func trimBlock(b *block) (opens, closes bool) {
	for _, p := range []*program{b.program, b.inverse} {
		if p != nil {
			trimStandalone(p, false)
		}
	}
	prog := either(b.program, b.inverse)
	var inverse *program
	if b.program != nil {
		inverse = b.inverse
	}
	firstInverse := inverse
	if inverse != nil && inverse.chained { // Handlebars looks no further down the chain
		firstInverse = inverse.body[0].(*block).program
	}
	last := either(firstInverse, prog)
	opens = blankAfter(prog.body, -1, false)
	closes = blankBefore(last.body, len(last.body), false)

	if b.openStrip.close {
		omitRight(prog.body, -1, true)
	}
	if inverse == nil {
		if b.closeStrip.open {
			omitLeft(prog.body, len(prog.body), true)
		}
		return opens, closes
	}
	if b.inverseStrip.open {
		omitLeft(prog.body, len(prog.body), true)
	}
	if b.inverseStrip.close {
		omitRight(firstInverse.body, -1, true)
	}
	if b.closeStrip.open {
		omitLeft(firstInverse.body, len(firstInverse.body), true)
	}
	if blankBefore(prog.body, len(prog.body), false) && blankAfter(firstInverse.body, -1, false) {
		omitLeft(prog.body, len(prog.body), false)
		omitRight(firstInverse.body, -1, false)
	}
	return opens, closes
}

func either(a, b *program) *program {
	if a != nil {
		return a
	}
	return b
}

func contentAt(body []node, i int) *content {
	if i < 0 || i >= len(body) {
		return nil
	}
	c, _ := body[i].(*content)
	return c
}

// blankBefore reports whether only blanks stand between body[i] and the
// beginning of its line.
func blankBefore(body []node, i int, root bool) bool {
	if i == 0 {
		return root
	}
	c := contentAt(body, i-1)
	if c == nil {
		return false
	}
	blanks := c.original[len(strings.TrimRightFunc(c.original, isSpace)):]
	return strings.Contains(blanks, "\n") || root && i == 1 && len(blanks) == len(c.original)
}

// blankAfter is blankBefore for the end of the line.
func blankAfter(body []node, i int, root bool) bool {
	if i == len(body)-1 {
		return root
	}
	c := contentAt(body, i+1)
	if c == nil {
		return false
	}
	blanks := c.original[:len(c.original)-len(strings.TrimLeftFunc(c.original, isSpace))]
	return strings.Contains(blanks, "\n") || root && i+2 == len(body) && len(blanks) == len(c.original)
}

// omitRight takes blanks off the beginning of what follows body[i]: all, or up
// to the end of the line.
func omitRight(body []node, i int, all bool) {
	c := contentAt(body, i+1)
	if c == nil || !all && c.rightStripped {
		return
	}
	rest := c.text
	if all {
		rest = strings.TrimLeftFunc(rest, isSpace)
	} else {
		rest = strings.TrimLeft(rest, " \t")
		rest = strings.TrimPrefix(rest, "\r")
		rest = strings.TrimPrefix(rest, "\n")
	}
	c.rightStripped = len(rest) < len(c.text)
	c.line += strings.Count(c.text[:len(c.text)-len(rest)], "\n")
	c.text = rest
}

// omitLeft takes blanks off the end of what precedes body[i]: all, or those of
// the line.
func omitLeft(body []node, i int, all bool) {
	c := contentAt(body, i-1)
	if c == nil || !all && c.leftStripped {
		return
	}
	rest := strings.TrimRight(c.text, " \t")
	if all {
		rest = strings.TrimRightFunc(c.text, isSpace)
	}
	c.leftStripped = len(rest) < len(c.text)
	c.text = rest
}
