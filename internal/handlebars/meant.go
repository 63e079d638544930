package handlebars

import (
	"slices"
	"strings"

	"accessrelay/internal/suggest"
)

// maxMeant is how many paths a hint names.
const maxMeant = 3

// unknown is the error of a path whose first name is no key of t, with what may have
// been meant; nil where it is one, or may be. called is as in checker.path.
func (c *checker) unknown(p *path, t *typ, called bool) error {
	if t.any || t.kind != objectKind || len(p.parts) == 0 || t.kids[p.parts[0]] != nil {
		return nil
	}
	word := p.parts[0]
	hint := c.ofTheEvent(p, t)
	switch meant := c.meant(p, t, called); {
	case hint == "" && meant != "":
		hint = "; did you mean " + meant + "?"
	case meant != "":
		hint += "; or did you mean " + meant + "?"
	}
	return errorAt(p.line, "%s is no key here (there are %s)%s", show(word), strings.Join(t.keys, ", "), hint)
}

// ofTheEvent is the hint for a path that is right at the top, but not in t.
func (c *checker) ofTheEvent(p *path, t *typ) string {
	if t == c.root || c.root.any || c.root.kids[p.parts[0]] == nil {
		return ""
	}
	whole := show(strings.Join(p.parts, "."))
	ways := "@root." + whole
	// How many levels there are is sure only where each surely is one.
	if !slices.ContainsFunc(c.contexts, func(at context) bool { return at.unsure }) {
		ways = strings.Repeat("../", len(c.contexts)-1) + whole + " or " + ways
	}
	return "; inside of {{#each}} and {{#with}} the event's own keys are reached by " + ways
}

// meant looks for p's first name at the end of a longer path, then for a name
// that is written nearly so.
func (c *checker) meant(p *path, t *typ, called bool) string {
	word := p.parts[0]
	if paths := t.endingIn(word); len(paths) > 0 {
		return anyOf(paths)
	}
	if near := suggest.Closest(word, t.keys); near != "" {
		return near
	}
	if !p.scoped && p.up == 0 && len(p.parts) == 1 {
		if near := suggest.Closest(word, bareHelpers()); near != "" && called {
			return "the helper " + near
		} else if near != "" {
			return "the helper (" + near + ")"
		}
	}
	var out []string
	if t != c.root {
		for _, path := range c.root.endingIn(word) {
			out = append(out, "@root."+path)
		}
	}
	if len(out) == 0 {
		out = t.endingIn(suggest.Closest(word, t.words()))
	}
	return anyOf(out)
}

// bareHelpers are the helpers that take no arguments.
func bareHelpers() []string {
	return slices.DeleteFunc(helperNames(), func(name string) bool { return helpers[name].max > 0 })
}

// endingIn returns the paths below t whose last name is word. One that leads into
// a list is only named if all do, and then with the loop that it needs.
func (t *typ) endingIn(word string) []string {
	var direct, looped []string
	t.each(func(path, list string) {
		switch {
		case path != word && !strings.HasSuffix(path, "."+word):
		case list == "" && path != word:
			direct = append(direct, path)
		case list != "":
			looped = append(looped, path+" inside of {{#each "+list+"}}")
		}
	})
	if len(direct) > 0 {
		return direct
	}
	return looped
}

// words are the last names of all paths below t.
func (t *typ) words() []string {
	var out []string
	t.each(func(path, _ string) {
		word := path[strings.LastIndexByte(path, '.')+1:]
		if !slices.Contains(out, word) {
			out = append(out, word)
		}
	})
	return out
}

// each calls yield with the path of everything below t, in the order of the keys.
// What stands in a list has the list's path beside its own, which begins there.
// A list within a list is left out: events have none.
func (t *typ) each(yield func(path, list string)) { t.eachBelow("", "", yield) }

func (t *typ) eachBelow(path, list string, yield func(path, list string)) {
	for _, key := range t.keys {
		kid, at := t.kids[key], key
		if path != "" {
			at = path + "." + key
		}
		yield(at, list)
		switch {
		case kid.kind == listKind && kid.elem != nil && list == "":
			kid.elem.eachBelow("", at, yield)
		case kid.kind == objectKind:
			kid.eachBelow(at, list, yield)
		}
	}
}

// anyOf is "a, b or c", of the first few.
func anyOf(names []string) string {
	names = names[:min(len(names), maxMeant)]
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
	return strings.Join(names, "")
}
