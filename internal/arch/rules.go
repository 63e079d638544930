// Package arch keeps the layering: which package may import which, who may know
// a dependency, and what a program must not be linked with. The rules are data,
// each with its reason, in this package's tests; here is what checks them.
package arch

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Rules says what a module's graph must keep to.
//
// A room is a folder of internal with all below it, or a top-level folder such
// as cmd. Paths of the module's own packages are written as rooms are: without
// the module and without internal, as in source/p0.
type Rules struct {
	Module string
	// Ranks gives each room its place. A package imports rooms of lower ranks;
	// in its own room only the folders above it, so siblings do not know each
	// other. A room without a rank is a violation: a new one must take its place.
	Ranks map[string]int
	// Peers are the imports that Ranks would forbid and that are right.
	Peers []Peer
	// Owners says by module who may import a dependency. A dependency without
	// an owner is a violation, and so is an import of it by anyone else.
	Owners map[string]Owner
	// Bans says what a package (its room's folders too) must not import itself.
	Bans []Ban
	// Links says what a program must not be linked with, over any number of imports.
	Links []Ban
}

// Peer allows one import.
type Peer struct{ From, To, Why string }

// Owner says which packages (with the folders below) may import a dependency.
// None means tests only; * means all.
type Owner struct {
	By  []string
	Why string
}

// Ban forbids import paths (with the folders below) to a package.
type Ban struct {
	From string
	To   []string // full import paths, or own ones as rooms are written, with ./ before
	Why  string
}

// Check returns what in g is against the rules, one sentence each with the
// rule's reason, sorted. What a rule names must exist, so that none outlives
// what it was made for.
func Check(g Graph, r Rules) []string {
	c := &checker{g: g, r: r, used: map[string]bool{}}
	for _, p := range g.own(r.Module) {
		c.rank(p)
		c.owners(p)
		c.tests(p)
	}
	c.bans()
	c.links()
	c.stale()
	slices.Sort(c.found)
	return slices.Compact(c.found)
}

type checker struct {
	g     Graph
	r     Rules
	used  map[string]bool // rooms, peers and modules that the graph has
	found []string
}

func (c *checker) report(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

// short writes an own import path as rooms are written.
func (c *checker) short(importPath string) string {
	rel := strings.TrimPrefix(strings.TrimPrefix(importPath, c.r.Module), "/")
	return strings.TrimPrefix(rel, "internal/")
}

// long turns a path of a Ban into an import path.
func (c *checker) long(p string) string {
	rel, own := strings.CutPrefix(p, "./")
	if !own {
		return p
	}
	room, _, _ := strings.Cut(rel, "/")
	if room == "cmd" || room == "deploy" {
		return c.r.Module + "/" + rel
	}
	return c.r.Module + "/internal/" + rel
}

func room(short string) string {
	first, _, _ := strings.Cut(short, "/")
	return first
}

func (c *checker) rank(p string) {
	from := c.short(p)
	mine, ok := c.r.Ranks[room(from)]
	if !ok {
		c.report("%s has no rank: give the room its place", room(from))
		return
	}
	c.used["room "+room(from)] = true
	for _, imp := range c.g[p].Imports {
		if c.g[imp].Module != c.r.Module {
			continue
		}
		to := c.short(imp)
		if room(to) == room(from) && under(from, to) {
			continue
		}
		theirs, ok := c.r.Ranks[room(to)]
		if !ok || room(to) != room(from) && theirs < mine {
			continue // without a rank: reported for the room itself
		}
		if c.peer(from, to) {
			continue
		}
		if room(to) == room(from) {
			c.report("%s imports %s: in a room a folder knows only those above it", from, to)
			continue
		}
		c.report("%s (rank %d) imports %s (rank %d): only lower ranks", from, mine, to, theirs)
	}
}

func (c *checker) peer(from, to string) bool {
	for _, p := range c.r.Peers {
		if p.From == from && p.To == to {
			c.used["peer "+from+" "+to] = true
			return true
		}
	}
	return false
}

func (c *checker) owners(p string) {
	from := c.short(p)
	for _, imp := range c.g[p].Imports {
		dep := c.g[imp]
		if dep.Standard || dep.Module == c.r.Module || dep.Module == "" {
			continue
		}
		o, ok := c.r.Owners[dep.Module]
		if !ok {
			c.report("%s imports %s of %s, which has no owner", from, imp, dep.Module)
			continue
		}
		if !slices.ContainsFunc(o.By, func(by string) bool { return by == "*" || under(from, by) }) {
			c.report("%s imports %s: %s", from, imp, o.Why)
		}
	}
}

// tests: a package whose name ends in test helps tests, and nothing else may import it.
func (c *checker) tests(p string) {
	if strings.HasSuffix(p, "test") {
		return
	}
	for _, imp := range c.g[p].Imports {
		if c.g[imp].Module == c.r.Module && strings.HasSuffix(path.Base(imp), "test") {
			c.report("%s imports %s: it is for tests", c.short(p), c.short(imp))
		}
	}
}

func (c *checker) bans() {
	for _, b := range c.r.Bans {
		hit := false
		for _, p := range c.g.own(c.r.Module) {
			from := c.short(p)
			if !under(from, b.From) {
				continue
			}
			hit = true
			for _, imp := range c.g[p].Imports {
				if slices.ContainsFunc(b.To, func(to string) bool { return under(imp, c.long(to)) }) {
					c.report("%s imports %s: %s", from, imp, b.Why)
				}
			}
		}
		if !hit {
			c.report("a ban names %s, which is not there", b.From)
		}
	}
}

func (c *checker) links() {
	for _, b := range c.r.Links {
		from := c.long("./" + b.From)
		if _, ok := c.g[from]; !ok {
			c.report("a ban names %s, which is not there", b.From)
			continue
		}
		for _, to := range b.To {
			match := func(p string) bool { return under(p, c.long(to)) }
			if chain := c.g.Chain(from, match); chain != nil {
				c.report("%s is linked with %s (%s): %s", b.From, to, strings.Join(chain, " → "), b.Why)
			}
		}
	}
}

// stale finds rules that nothing in the graph needs. Owners are left out: a
// dependency may be there for tests alone.
func (c *checker) stale() {
	for _, name := range slices.Sorted(maps.Keys(c.r.Ranks)) {
		if !c.used["room "+name] {
			c.report("%s has a rank and is not there", name)
		}
	}
	for _, p := range c.r.Peers {
		if !c.used["peer "+p.From+" "+p.To] {
			c.report("%s no longer imports %s: take the exception away", p.From, p.To)
		}
	}
}
