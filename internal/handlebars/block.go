package handlebars

import "strings"

// block reads a block whose {{# or {{^ is behind p.pos. inverted is the latter.
func (p *parser) block(line int, open strip, inverted bool) (node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxBlocks {
		return nil, errorAt(line, "more than %d blocks inside one another", maxBlocks)
	}
	b, err := p.head(line, open)
	if err != nil {
		return nil, err
	}
	chain := []*block{b} // b and its {{else if}}s
	var elseStrips []strip
	body, end, err := p.body()
	if err != nil {
		return nil, err
	}
	b.program = &program{body: body}
	for last := b; end.kind != endBlock; {
		switch {
		case end.kind == endOfText:
			return nil, errorAt(line, "{{#%s}} has no {{/%s}}", b.name(), b.name())
		case last == nil:
			return nil, errorAt(end.line, "a second {{else}} in one block")
		case end.kind == elseChain && inverted:
			return nil, errorAt(end.line, "{{^…}} takes {{else}}, but no {{else if …}}")
		}
		elseStrips = append(elseStrips, end.strip)
		if end.kind == elseTag {
			if body, end, err = p.body(); err != nil {
				return nil, err
			}
			last.inverse, last = &program{body: body}, nil
			continue
		}
		if len(chain) > maxChain {
			return nil, errorAt(end.line, "more than %d {{else …}} in one block", maxChain)
		}
		next, err := p.head(end.line, end.strip)
		if err != nil {
			return nil, err
		}
		elseStrips[len(elseStrips)-1].close = next.openStrip.close
		last.inverse = &program{body: []node{next}, chained: true}
		chain, last = append(chain, next), next
		if body, end, err = p.body(); err != nil {
			return nil, err
		}
		next.program = &program{body: body}
	}
	if end.strip.close, err = p.endBlock(b); err != nil {
		return nil, err
	}
	setStrips(chain, elseStrips, end.strip)
	if inverted {
		b.program, b.inverse = b.inverse, b.program
	}
	return b, nil
}

// setStrips says for each block of a chain which tag is its {{else}} and which
// its end. That an inner one ends with its own {{else}} is how Handlebars has it.
func setStrips(chain []*block, elses []strip, end strip) {
	for i, b := range chain {
		if i < len(elses) {
			b.inverseStrip = elses[i]
		}
		switch {
		case i <= 1:
			b.closeStrip = end
		default:
			b.closeStrip = elses[i-1]
		}
	}
}

// head reads a block's name, arguments and parameters.
func (p *parser) head(line int, open strip) (*block, error) {
	start := p.pos
	c, err := p.call(line)
	if err != nil {
		return nil, p.unclosed(start, line, err)
	}
	b := &block{line: line, head: c, openStrip: open}
	if b.params, err = p.blockParams(); err != nil {
		return nil, p.unclosed(start, line, err)
	}
	if !p.closes() {
		return nil, p.unclosed(start, line, p.fail(notClosedHere))
	}
	b.openStrip.close = p.close()
	return b, nil
}

func (b *block) name() string { return b.head.name.original }

// blockParams reads "as |a b|", or nothing.
func (p *parser) blockParams() ([]string, error) {
	rest := p.src[p.pos:]
	after := strings.TrimLeftFunc(strings.TrimPrefix(rest, "as"), isSpace)
	if !strings.HasPrefix(rest, "as") || len(after) == len(rest)-2 || !strings.HasPrefix(after, "|") {
		return nil, nil
	}
	p.pos += len(rest) - len(after) + 1
	var out []string
	for {
		p.skipSpace()
		if p.take("|") {
			break
		}
		id := p.id()
		if id == "" {
			return nil, p.fail("block parameters are written as |name index|")
		}
		out = append(out, id)
	}
	p.skipSpace()
	if len(out) == 0 {
		return nil, p.fail("block parameters are written as |name index|")
	}
	return out, nil
}

// endBlock reads the rest of {{/name}}, which must name b.
func (p *parser) endBlock(b *block) (stripClose bool, err error) {
	start, line := p.pos, p.lineAt(p.pos)
	c, err := p.call(line)
	if err != nil {
		return false, p.unclosed(start, line, err)
	}
	if !p.closes() || len(c.args)+len(c.hash) > 0 {
		return false, p.unclosed(start, line, p.fail("{{/%s}} takes nothing but the block's name", show(c.name.original)))
	}
	if c.name.original != b.head.name.original {
		return false, errorAt(line, "{{/%s}} ends {{#%s}} of line %d; write {{/%s}}",
			show(c.name.original), show(b.name()), b.line, show(b.name()))
	}
	return p.close(), nil
}
