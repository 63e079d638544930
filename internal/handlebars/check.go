package handlebars

import (
	"strconv"
	"strings"

	"accessrelay/internal/suggest"
)

// checker resolves the names of a template: which are helpers, which block
// parameters, which paths. A path must name something that an event can have.
// Where it cannot tell, because ../ or the raw payload is in it, anything goes.
type checker struct {
	root     *typ
	contexts []context
	loops    int
	params   []param
	maxSlots int
}

type context struct {
	*typ
	unsure bool // it may be the same value as the one before, and then no level of its own
}

type param struct {
	name string
	typ  *typ
}

func (c *checker) template(p *program) error {
	c.contexts = []context{{typ: c.root}}
	return c.program(p)
}

func (c *checker) program(p *program) error {
	if p == nil {
		return nil
	}
	kept := p.body[:0]
	for _, n := range p.body {
		switch n := n.(type) {
		case *comment:
			continue
		case *content:
			if n.text == "" {
				continue
			}
		case *output:
			if _, err := c.call(n.e.(*call)); err != nil {
				return err
			}
		case *block:
			if err := c.block(n); err != nil {
				return err
			}
		}
		kept = append(kept, n)
	}
	p.body = kept
	p.cost = 1 + len(kept)
	return nil
}

// call resolves what {{…}} or (…) holds and returns what it gives.
func (c *checker) call(n *call) (*typ, error) {
	name := n.name
	if c.bind(name); name.data || name.slot > 0 || name.scoped || len(name.parts) != 1 {
		if len(n.args)+len(n.hash) > 0 {
			return nil, errorAt(n.line, "%s is no helper and takes no arguments", show(name.original))
		}
		return c.path(name, false)
	}
	id := name.parts[0]
	if _, ok := blockNames[id]; ok {
		return nil, errorAt(n.line, "%s is a block: write {{#%s …}}…{{/%s}}", id, id, id)
	}
	n.fn = helpers[id]
	if n.fn == nil {
		if len(n.args)+len(n.hash) > 0 {
			return nil, errorAt(n.line, "%s is no helper (there are %s)%s", show(id), strings.Join(helperNames(), ", "), didYouMean(id, helperNames()))
		}
		return c.path(name, true)
	}
	return c.helper(n, id)
}

func (c *checker) helper(n *call, id string) (*typ, error) {
	if len(n.hash) > 0 {
		return nil, errorAt(n.line, "%s takes no %s=", id, show(n.hash[0].key))
	}
	if have := len(n.args); have < n.fn.min || have > n.fn.max {
		hint := ""
		if have == 0 {
			hint = "; a key of that name is this." + id
		}
		return nil, errorAt(n.line, "%s is written as {{%s}}%s", id, n.fn.usage, hint)
	}
	types := make([]*typ, len(n.args))
	for i, a := range n.args {
		t, err := c.expr(a)
		if err != nil {
			return nil, err
		}
		types[i] = t
	}
	literalAt := func(i int) (string, bool) {
		l, ok := n.args[i].(*literal)
		return l.textOr(""), ok
	}
	switch id {
	case "lookup":
		if key, ok := literalAt(1); ok {
			return types[0].member(key, n.line)
		}
	case "join":
		if len(n.args) > 2 {
			at, ok := literalAt(2)
			if !ok {
				return nil, errorAt(n.line, `the path of join is written as a text: join access ", " "resource.name"`)
			}
			if strings.Count(at, ".") >= maxParts {
				return nil, errorAt(n.line, "a path of more than %d parts", maxParts)
			}
			if types[0].kind == listKind && !types[0].any {
				if _, err := types[0].elem.walk(strings.Split(at, "."), n.line); err != nil {
					return nil, err
				}
			}
		}
		return textType, nil
	case "truncate":
		if l, ok := n.args[1].(*literal); ok && atoi(l.v) == 0 {
			return nil, errorAt(n.line, "the length of truncate must be a whole number above 0")
		}
		return textType, nil
	case "first":
		if l, ok := n.args[1].(*literal); ok && atoi(l.v) == 0 {
			return nil, errorAt(n.line, "how many first takes must be a whole number above 0")
		}
		return types[0], nil
	case "facts":
		return factType, nil
	case "default", "or", "and":
		return anyType, nil
	case "epoch", "epoch_ms":
		return numberType, nil
	case "json", "upper", "lower", "summary", "link", "html", "markdown":
		return textType, nil
	}
	return anyType, nil
}

func (l *literal) textOr(otherwise string) string {
	if l == nil {
		return otherwise
	}
	return l.v.text()
}

func (c *checker) expr(e expr) (*typ, error) {
	switch e := e.(type) {
	case *path:
		c.bind(e)
		return c.path(e, false)
	case *call:
		t, err := c.call(e)
		if err == nil && e.fn == nil {
			return nil, errorAt(e.line, "%s is no helper (there are %s)%s", show(e.name.original),
				strings.Join(helperNames(), ", "), didYouMean(e.name.original, helperNames()))
		}
		return t, err
	case *literal:
		return &typ{kind: e.v.kind}, nil
	}
	return anyType, nil
}

// bind makes p a block parameter's path if its first name is one in force.
func (c *checker) bind(p *path) {
	if p.data || p.scoped || p.slot > 0 || len(p.parts) == 0 {
		return
	}
	for i := len(c.params) - 1; i >= 0; i-- {
		if c.params[i].name == p.parts[0] {
			p.slot, p.parts = i+1, p.parts[1:]
			return
		}
	}
}

// path returns what stands at p. called says that p is all of a {{…}} or (…), where
// a helper may have been meant.
func (c *checker) path(p *path, called bool) (*typ, error) {
	switch {
	case p.slot > 0:
		return c.params[p.slot-1].typ.walk(p.parts, p.line)
	case p.data:
		return c.data(p)
	case p.up >= len(c.contexts):
		return nil, errorAt(p.line, "%s goes up further than there are levels", show(p.original))
	}
	t := c.contexts[len(c.contexts)-1-p.up].typ
	for i := range p.up {
		if c.contexts[len(c.contexts)-1-i].unsure {
			t = anyType
		}
	}
	if err := c.unknown(p, t, called); err != nil {
		return nil, err
	}
	return t.walk(p.parts, p.line)
}

func (c *checker) data(p *path) (*typ, error) {
	known := []string{"first", "index", "key", "last", "root"}
	if len(p.parts) == 0 {
		return nil, errorAt(p.line, "a name is missing behind @")
	}
	switch name := p.parts[0]; name {
	case "root":
		return c.root.walk(p.parts[1:], p.line)
	case "first", "index", "key", "last":
		if p.up >= c.loops {
			return nil, errorAt(p.line, "%s stands in no {{#each}} that it could count", show(p.original))
		}
		return textType.walk(p.parts[1:], p.line)
	default:
		return nil, errorAt(p.line, "there is no @%s%s", show(name), didYouMean(name, known))
	}
}

func (t *typ) walk(parts []string, line int) (*typ, error) {
	for _, part := range parts {
		var err error
		if t, err = t.member(part, line); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *typ) member(key string, line int) (*typ, error) {
	switch {
	case t.any:
		return t, nil
	case t.kind == listKind && key == "length":
		return numberType, nil
	case t.kind == listKind:
		if n, err := strconv.Atoi(key); err == nil && n >= 0 {
			return t.elem, nil
		}
		return nil, errorAt(line, "%s is asked of a list; write {{#each …}}, or a number before it: access.0.resource", show(key))
	case t.kind != objectKind:
		return nil, errorAt(line, "%s is asked of a text or number, which has no keys", show(key))
	}
	if k := t.kids[key]; k != nil {
		return k, nil
	}
	return nil, errorAt(line, "%s is no key here (there are %s)%s", show(key), strings.Join(t.keys, ", "), didYouMean(key, t.keys))
}

func didYouMean(got string, known []string) string {
	if s := suggest.Closest(got, known); s != "" {
		return "; did you mean " + s + "?"
	}
	return ""
}
