package generic

import (
	"bytes"
	"encoding/json"
	"math/bits"

	"accessrelay/internal/source"
)

// finding is what a path finds in a body, as far as it is asked for.
type finding struct {
	// text is where the first text that is not empty, or number, begins: the first
	// as the body is written. 0, where a body's brace is, if there is none.
	text int
	// any says that something was found that is not null.
	any bool
}

// find looks a path up in body, which must have passed [source.Envelope].
//
// It reads the body once, from its beginning to its end, with a set of states: state
// i at a value says that the path's first i segments lead there. So the work is
// linear in the body, whatever the path and the body: the number of states is
// bounded by the path's length. Of several members with one name only the last is
// there, as for whoever decodes the body.
func (p *path) find(body []byte) finding {
	s := search{body: body, segments: p.segments}
	f, _ := s.value(source.SkipSpace(body, 0), 1)
	return f
}

// first returns what is at [finding.text] as JSON, or nil.
func (p *path) first(body []byte) json.RawMessage {
	at := p.find(body).text
	if at == 0 {
		return nil
	}
	return bytes.TrimRight(body[at:source.SkipValue(body, at)], " \t\r\n")
}

type search struct {
	body     []byte
	segments []segment
}

// states is a set of them: bit i is state i. There are at most maxSelectors + 1.
type states uint64

// value looks at the value that begins at i, at which the path is in the given
// states, and returns the place behind it.
func (s *search) value(i int, in states) (f finding, end int) {
	whole := states(1) << len(s.segments)
	c := s.body[i]
	if in&whole != 0 {
		f.any = c != 'n'
		if c == '"' && s.body[i+1] != '"' || c == '-' || '0' <= c && c <= '9' {
			f.text = i
		}
	}
	if in &^= whole; in == 0 || c != '{' && c != '[' {
		return f, source.SkipValue(s.body, i)
	}
	var inner finding
	if c == '{' {
		inner, end = s.object(i, in)
	} else {
		inner, end = s.array(i, in)
	}
	f.text, f.any = inner.text, f.any || inner.any // an object has no text of its own
	return f, end
}

func (s *search) object(i int, in states) (f finding, end int) {
	var found map[string]finding // by the member's name, from the first with a finding on
	for i = source.NextItem(s.body, i+1); s.body[i] != '}'; i = source.NextItem(s.body, i) {
		key := i
		i = source.SkipString(s.body, i)
		name := plain(s.body[key:i])
		var inner finding
		inner, i = s.value(source.SkipSpace(s.body, source.SkipSpace(s.body, i)+1), s.member(in, name))
		if inner == (finding{}) {
			delete(found, string(name)) // what an earlier one found is not there
			continue
		}
		if found == nil {
			found = map[string]finding{}
		}
		found[string(name)] = inner
	}
	for _, inner := range found {
		f = earlier(f, inner)
	}
	return f, i + 1
}

func (s *search) array(i int, in states) (f finding, end int) {
	length := 0
	if s.fromEnd(in) {
		for range source.Elements(s.body[i:]) {
			length++
		}
	}
	n := 0
	for i = source.NextItem(s.body, i+1); s.body[i] != ']'; i = source.NextItem(s.body, i) {
		var inner finding
		inner, i = s.value(i, s.element(in, n, length))
		f = earlier(f, inner)
		n++
	}
	return f, i + 1
}

func earlier(a, b finding) finding {
	a.any = a.any || b.any
	if a.text == 0 || b.text != 0 && b.text < a.text {
		a.text = b.text
	}
	return a
}

// plain returns what the JSON string quoted says.
func plain(quoted []byte) []byte {
	if inner := quoted[1 : len(quoted)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	return []byte(source.Unquote(quoted))
}

// member returns the states in which the path is at a member of an object.
func (s *search) member(in states, name []byte) states {
	return s.step(in, func(sel selector) bool { return sel.kind == byName && sel.name == string(name) })
}

// element does that for the element n of an array, which has length elements if
// any state cares.
func (s *search) element(in states, n, length int) states {
	return s.step(in, func(sel selector) bool {
		return sel.kind == byIndex && (sel.index == n || sel.index < 0 && sel.index+length == n)
	})
}

func (s *search) step(in states, takes func(selector) bool) states {
	var out states
	for rest := in; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(uint64(rest))
		if s.segments[i].descendant {
			out |= 1 << i
		}
		for _, sel := range s.segments[i].selectors {
			if sel.kind == wildcard || takes(sel) {
				out |= 1 << (i + 1)
				break
			}
		}
	}
	return out
}

// fromEnd reports whether some state looks at a place counted from the end.
func (s *search) fromEnd(in states) bool {
	for rest := in; rest != 0; rest &= rest - 1 {
		if s.segments[bits.TrailingZeros64(uint64(rest))].last {
			return true
		}
	}
	return false
}
