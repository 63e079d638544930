package handlebars

func (c *checker) block(b *block) error {
	over, err := c.blockHead(b)
	if err != nil {
		return err
	}
	inner := over
	loops := b.kind == eachBlock || b.kind == section && (over.any || over.kind == listKind)
	switch {
	case b.kind == ifBlock || b.kind == unlessBlock:
		if err := c.program(b.program); err != nil {
			return err
		}
		return c.program(b.inverse)
	case b.kind == eachBlock && !over.any && over.kind != listKind && over.kind != objectKind:
		return errorAt(b.line, "{{#each}} goes over a list or an object, which this is not")
	case loops && over.elem != nil:
		inner = over.elem
	case loops && !over.any: // the members of an object differ
		inner = anyType
	}
	if loops {
		if c.loops >= maxLoops {
			return errorAt(b.line, "more than %d loops inside one another", maxLoops)
		}
		c.loops++
	}
	if err := c.within(b, inner, loops); err != nil {
		return err
	}
	if loops {
		c.loops--
	}
	return c.program(b.inverse)
}

// within checks the block's first part, where inner is this.
func (c *checker) within(b *block, inner *typ, loops bool) error {
	had := len(c.params)
	b.slot = had + 1
	for i, name := range b.params {
		t := inner
		if i > 0 {
			t = textType
		}
		c.params = append(c.params, param{name, t})
	}
	c.maxSlots = max(c.maxSlots, len(c.params))
	levels := len(c.contexts)
	if loops || !c.isThis(b) {
		now := c.contexts[levels-1].typ
		unsure := inner == now || inner == anyType || now == anyType
		c.contexts = append(c.contexts, context{inner, unsure})
	}
	err := c.program(b.program)
	c.contexts, c.params = c.contexts[:levels], c.params[:had]
	return err
}

// isThis reports whether b's argument surely is what this is already: that is
// no further level for ../.
func (c *checker) isThis(b *block) bool {
	at := b.head.name
	if b.kind != section {
		at, _ = b.head.args[0].(*path)
	}
	switch {
	case at == nil || at.slot > 0 || at.up > 0:
		return false
	case at.data:
		return len(at.parts) == 1 && at.parts[0] == "root" && len(c.contexts) == 1
	}
	return len(at.parts) == 0
}

// blockHead resolves the name and the arguments of b, and returns what its
// argument is.
func (c *checker) blockHead(b *block) (*typ, error) {
	n, id := b.head, ""
	if c.bind(n.name); n.name.slot == 0 && !n.name.data && !n.name.scoped && len(n.name.parts) == 1 {
		id = n.name.parts[0]
	}
	kind, known := blockNames[id]
	for _, name := range b.params {
		_, isBlock := blockNames[name]
		switch {
		case isBlock || helpers[name] != nil:
			return nil, errorAt(n.line, "the block parameter %s has the name of a helper", show(name))
		case kind != eachBlock && kind != withBlock:
			return nil, errorAt(n.line, "only {{#each}} and {{#with}} have block parameters")
		case len(b.params) > 2 || kind == withBlock && len(b.params) > 1:
			return nil, errorAt(n.line, "too many block parameters: {{#each}} has |item index|, {{#with}} has |value|")
		}
	}
	if !known {
		return c.sectionHead(b, id)
	}
	b.kind = kind
	if len(n.args) != 1 {
		return nil, errorAt(n.line, "{{#%s}} takes exactly one argument", id)
	}
	for i, h := range n.hash {
		if h.key != "includeZero" || i > 0 || kind != ifBlock && kind != unlessBlock {
			return nil, errorAt(n.line, "{{#%s}} takes no %s=", id, show(h.key))
		}
		if _, err := c.expr(h.e); err != nil {
			return nil, err
		}
	}
	return c.expr(n.args[0])
}

// sectionHead is blockHead for a block that is named by a path.
func (c *checker) sectionHead(b *block, id string) (*typ, error) {
	n := b.head
	if helpers[id] != nil {
		return nil, errorAt(n.line, "%s is no block: write {{#if (%s …)}}…{{/if}}", id, id)
	}
	if len(n.args)+len(n.hash) > 0 {
		names := []string{"each", "if", "unless", "with"}
		return nil, errorAt(n.line, "{{#%s}} is no block that takes arguments (there are each, if, unless, with)%s", show(n.name.original), didYouMean(id, names))
	}
	return c.path(n.name, false)
}
