package handlebars

import (
	"unicode/utf8"

	"accessrelay/internal/event"
)

// run is one execution.
type run struct {
	as   Dialect
	ev   *event.Event // what summary is about; nil without an event
	root *value
	raw  []byte // the payload that values which are raw are parts of
	out  []byte
	work int // what the execution may spend, in steps
	left int // of work
	line int // of what is being done, for errors

	contexts []*value // what this is, the innermost last
	loops    []loop   // what @index and @key are, likewise
	slots    []*value // block parameters, from slot 1

	checked bool // raw is JSON

	// What hangs on the event alone and not on where the template is: made once.
	summary, facts, link *value

	json  jsonState  // of dialect JSON
	slack slackState // of SlackText
	html  htmlState  // of HTML
}

type loop struct {
	index int
	key   string // of an object's member
	keyed bool
	last  bool
}

// bytesAStep is how many bytes are copied or compared in about the time that
// another step takes.
const bytesAStep = 32

// bytesRead is bytesAStep where every byte is looked at and decided on.
const bytesRead = 16

func (t *Template) execute(root *value, raw []byte, ev *event.Event) ([]byte, error) {
	out, _, err := t.executeWithin(maxWork, root, raw, ev)
	return out, err
}

// executeWithin spends at most work steps and says how many it did.
func (t *Template) executeWithin(work int, root *value, raw []byte, ev *event.Event) (out []byte, spent int, err error) {
	r := &run{
		as: t.as, ev: ev, root: root, raw: raw, work: work, left: work, line: 1,
		contexts: []*value{root}, slots: make([]*value, t.slots+1),
	}
	out, err = r.render(t)
	return out, work - r.left, err
}

func (r *run) render(t *Template) ([]byte, error) {
	if err := r.program(t.body); err != nil {
		return nil, err
	}
	if !utf8.Valid(r.out) {
		return nil, errorAt(1, "the event's payload is not UTF-8")
	}
	switch t.as {
	case JSON:
		if problem, line := r.json.end(r.line); problem != "" {
			return nil, errorAt(line, "%s", problem)
		}
	case Form, Line:
		return trimBlanks(r.out), nil
	default:
	}
	return r.out, nil
}

func (r *run) fail(format string, args ...any) *Error { return errorAt(r.line, format, args...) }

// spend counts n steps. It comes before the work wherever that can be long.
func (r *run) spend(n int) error {
	if r.left -= n; r.left < 0 {
		return r.tooMuch("for this event the template causes more work than is allowed (%d steps)", r.work)
	}
	return nil
}

func (r *run) tooMuch(format string, args ...any) *Error {
	e := r.fail(format, args...)
	e.tooMuch = true
	return e
}

func (r *run) program(p *program) error {
	if p == nil {
		return nil
	}
	for _, n := range p.body {
		r.line = n.at()
		if err := r.spend(1); err != nil {
			return err
		}
		var err error
		switch n := n.(type) {
		case *content:
			err = r.literal(n.text)
		case *output:
			err = r.output(n)
		case *block:
			err = r.block(n)
		}
		if err != nil {
			return err
		}
		r.line = n.at()
	}
	return nil
}

func (r *run) output(n *output) error {
	// Only here a json helper writes JSON; as a subexpression it gives a text.
	if c, ok := n.e.(*call); ok && c.fn == jsonHelper {
		v, err := r.eval(c.args[0])
		if err != nil {
			return err
		}
		return r.writeJSON(v)
	}
	v, err := r.eval(n.e)
	if err != nil {
		return err
	}
	return r.write(v)
}

func (r *run) block(b *block) error {
	if b.kind == section {
		v, err := r.eval(b.head)
		if err != nil {
			return err
		}
		return r.section(b, v)
	}
	v, err := r.eval(b.head.args[0])
	if err != nil {
		return err
	}
	switch b.kind {
	case eachBlock:
		return r.each(b, v)
	case withBlock:
		yes, err := r.truthy(v)
		switch {
		case err != nil:
			return err
		case !yes && !isNumber(v): // as Handlebars has it, 0 is something
			return r.program(b.inverse)
		}
		if len(b.params) > 0 {
			r.slots[b.slot] = v
		}
		return r.within(v, b.program)
	default: // if and unless
	}
	yes, err := r.truthy(v)
	if err != nil {
		return err
	}
	if len(b.head.hash) > 0 && isNumber(v) { // includeZero
		with, err := r.eval(b.head.hash[0].e)
		if err != nil {
			return err
		}
		includes, err := r.truthy(with)
		if err != nil {
			return err
		}
		yes = yes || includes
	}
	if yes == (b.kind == ifBlock) {
		return r.program(b.program)
	}
	return r.program(b.inverse)
}

func isNumber(v *value) bool { return v != nil && v.kind == numberKind }

// section is {{#path}}: nothing for what is absent, null or false, a loop over a
// list, else the block with the value as this.
func (r *run) section(b *block, v *value) error {
	switch {
	case v == nil || v.kind == nullKind || v.kind == boolKind && v.str == "false":
		return r.program(b.inverse)
	case v.kind == boolKind:
		return r.program(b.program)
	case v.kind == listKind:
		return r.each(b, v)
	}
	return r.within(v, b.program)
}

// within runs p with v as this. What is this already is no further level for ../.
func (r *run) within(v *value, p *program) error {
	if v == r.contexts[len(r.contexts)-1] {
		return r.program(p)
	}
	r.contexts = append(r.contexts, v)
	err := r.program(p)
	r.contexts = r.contexts[:len(r.contexts)-1]
	return err
}

func (r *run) each(b *block, v *value) error {
	if v == nil || v.kind != listKind && v.kind != objectKind {
		return r.program(b.inverse)
	}
	k, err := r.inside(v)
	if err != nil {
		return err
	}
	n := len(k.vals)
	switch {
	case n == 0:
		return r.program(b.inverse)
	case b.program == nil: // {{^list}} without {{else}}
		return nil
	}
	if n > r.left/b.program.cost { // not begun rather than broken off
		return r.tooMuch("for this event this loop causes more work than is allowed: it would run %d times", n)
	}
	r.loops = append(r.loops, loop{})
	for i := range k.vals {
		l := loop{index: i, last: i == n-1}
		if v.kind == objectKind {
			l.key, l.keyed = k.keys[i], true
		}
		r.loops[len(r.loops)-1] = l
		if len(b.params) > 0 {
			r.slots[b.slot] = &k.vals[i]
		}
		if len(b.params) > 1 {
			r.slots[b.slot+1] = l.keyValue()
		}
		if err := r.spend(1); err != nil {
			return err
		}
		if err := r.within(&k.vals[i], b.program); err != nil {
			return err
		}
	}
	r.loops = r.loops[:len(r.loops)-1]
	return nil
}

func (l loop) keyValue() *value {
	if l.keyed {
		return textValue(l.key)
	}
	return intValue(l.index)
}

// eval is an expression's value; nil is absent.
func (r *run) eval(e expr) (*value, error) {
	switch e := e.(type) {
	case *literal:
		return e.v, nil
	case *path:
		return r.lookup(e)
	case *call:
		if e.fn == nil {
			return r.lookup(e.name)
		}
		if err := r.spend(1); err != nil {
			return nil, err
		}
		args := make([]*value, len(e.args))
		for i, a := range e.args {
			v, err := r.eval(a)
			if err != nil {
				return nil, err
			}
			args[i] = v
		}
		return e.fn.do(r, args)
	}
	return nil, nil
}

func (r *run) lookup(p *path) (*value, error) {
	v, parts := r.start(p)
	if err := r.spend(1); err != nil {
		return nil, err
	}
	for _, part := range parts {
		if v == nil {
			return nil, nil
		}
		var err error
		if v, err = r.member(v, part); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// start is what the path begins at, and what is left of it.
func (r *run) start(p *path) (*value, []string) {
	switch {
	case p.slot > 0:
		return r.slots[p.slot], p.parts
	case !p.data:
		if p.up >= len(r.contexts) {
			return nil, nil
		}
		return r.contexts[len(r.contexts)-1-p.up], p.parts
	case p.parts[0] == "root":
		return r.root, p.parts[1:]
	case p.up >= len(r.loops):
		return nil, nil
	}
	l := r.loops[len(r.loops)-1-p.up]
	switch p.parts[0] {
	case "index":
		return intValue(l.index), p.parts[1:]
	case "key":
		return l.keyValue(), p.parts[1:]
	case "first":
		return boolValue(l.index == 0), p.parts[1:]
	default: // last: the checker knows no other
		return boolValue(l.last), p.parts[1:]
	}
}
