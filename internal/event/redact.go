package event

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"accessrelay/internal/suggest"
)

// rawPath is the path of what the platform sent, and of all that is in it.
const rawPath = "raw"

// maxPath is far more than any platform nests.
const maxPath = 512

// lasting are the facts that no channel goes without: they say which event this is.
var lasting = []string{"id", "type", "tenant_id", "source", "platform", "received_at"}

// fact is a key of the canonical event.
type fact struct {
	name  string
	field int    // of the Go struct
	under []fact // of an object, or of each object in a list; nil for a leaf
}

// facts are all of them. They are read from [Event] itself, so that a new one
// can be redacted from the day it is there.
var facts = factsOf(reflect.TypeFor[Event]())

func factsOf(t reflect.Type) []fact {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return nil
	}
	var out []fact
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		out = append(out, fact{name, i, factsOf(t.Field(i).Type)})
	}
	return out
}

// Redact returns ev without what paths name, or ev itself if there are no paths.
// A path is made of the keys of the canonical event, with dots between, and goes
// through lists: access.resource.name is the name of every resource. An object
// that loses its last fact goes too.
//
// raw holds every fact once more, under the platform's own name for it. So as
// soon as a path names anything outside raw, raw goes as a whole, also when this
// event has nothing at the path.
//
// Platforms know people by their address: it is then the id or the name as well,
// and a source may have copied it from there. So what a path takes of a person
// goes from their other facts too: see [Person.forget].
//
// ev is not changed; the result shares with it what was not redacted. Paths that
// [CheckRedact] refuses name nothing.
func Redact(ev *Event, paths []string) *Event {
	if len(paths) == 0 {
		return ev
	}
	out := *ev
	var inRaw [][]string
	for _, p := range paths {
		keys := strings.Split(p, ".")
		switch {
		case p == rawPath:
			out.Raw = nil
		case keys[0] == rawPath:
			inRaw = append(inRaw, keys[1:])
		default:
			out.Raw = nil
			if !slices.Contains(lasting, keys[0]) {
				hide(reflect.ValueOf(&out).Elem(), facts, keys)
			}
		}
	}
	if out.Raw != nil && len(inRaw) > 0 {
		out.Raw = without(out.Raw, inRaw)
	}
	return &out
}

// hide takes what keys lead to out of v, a struct that nobody else holds.
func hide(v reflect.Value, known []fact, keys []string) {
	i := slices.IndexFunc(known, func(f fact) bool { return f.name == keys[0] })
	if i < 0 {
		return // no fact that this version knows, so none that the event has
	}
	place := v.Field(known[i].field)
	if len(keys) == 1 {
		if p, ok := v.Addr().Interface().(*Person); ok {
			p.forget(place.String())
		}
		place.SetZero()
		return
	}
	less := func(old reflect.Value) reflect.Value {
		c := reflect.New(old.Type()).Elem()
		c.Set(old)
		hide(c, known[i].under, keys[1:])
		return c
	}
	switch {
	case known[i].under == nil || place.IsZero():
	case place.Kind() == reflect.Pointer:
		rest := less(place.Elem())
		place.SetZero()
		if !rest.IsZero() {
			place.Set(rest.Addr())
		}
	default: // a list
		kept := reflect.Zero(place.Type())
		for j := range place.Len() {
			if rest := less(place.Index(j)); !rest.IsZero() {
				kept = reflect.Append(kept, rest)
			}
		}
		place.Set(kept)
	}
}

// forget clears those of p's facts that say what told says: they are the same, or
// told is an address and stands in them, as in user:ann@example.com. Case does not
// count.
func (p *Person) forget(told string) {
	if told == "" {
		return
	}
	told = strings.ToLower(told)
	for _, f := range []*string{&p.ID, &p.Name, &p.Email} {
		is := strings.ToLower(*f)
		if is == told || strings.Contains(told, "@") && strings.Contains(is, told) {
			*f = ""
		}
	}
}

// CheckRedact returns an error that says why path cannot be redacted, or nil.
func CheckRedact(path string) error {
	keys := strings.Split(path, ".")
	switch {
	case len(path) > maxPath:
		return fmt.Errorf("must not be longer than %d characters", maxPath)
	case keys[0] == rawPath && !slices.Contains(keys, ""):
		return nil
	case keys[0] == rawPath:
		return fmt.Errorf("%q has a dot with no key beside it", path)
	case slices.Contains(lasting, keys[0]):
		return fmt.Errorf("%s says which event it is and cannot be redacted", keys[0])
	}
	known := facts
	for _, k := range keys {
		i := slices.IndexFunc(known, func(f fact) bool { return f.name == k })
		if i < 0 {
			return fmt.Errorf("%q is not a path of the event%s", path, meant(path))
		}
		known = known[i].under
	}
	return nil
}

// meant is the hint at the path that path may have been meant for.
func meant(path string) string {
	plain := strings.ToLower(strings.TrimSpace(path))
	for _, more := range []string{"$.", "data.", "event."} { // as other languages and our envelope begin
		plain = strings.TrimPrefix(plain, more)
	}
	for _, more := range []string{"[*]", "[]", "[0]", ".*"} { // lists are gone through without a word
		plain = strings.ReplaceAll(plain, more, "")
	}
	known := RedactPaths()
	if s := suggest.Closest(plain, known); s != "" {
		return fmt.Sprintf(", did you mean %q?", s)
	}
	var ends []string // where what was written is the end of a whole path
	for _, k := range known {
		if strings.HasSuffix(k, "."+plain) {
			ends = append(ends, fmt.Sprintf("%q", k))
		}
	}
	switch {
	case len(ends) == 0:
		return "; paths begin with one of " + strings.Join(tops(), ", ")
	case len(ends) == 1:
		return ", did you mean " + ends[0] + "?"
	case len(ends) > maxEnds:
		ends = append(ends[:maxEnds], "…")
	}
	return ", did you mean one of " + strings.Join(ends, ", ") + "?"
}

// maxEnds keeps a hint a line.
const maxEnds = 6

// tops are the first keys of what can be redacted.
func tops() []string {
	var out []string
	for _, f := range facts {
		if !slices.Contains(lasting, f.name) {
			out = append(out, f.name)
		}
	}
	return out
}

// RedactPaths returns every path that can be redacted but those inside raw. The
// slice is the caller's.
func RedactPaths() []string {
	var out []string
	var walk func(prefix string, known []fact)
	walk = func(prefix string, known []fact) {
		for _, f := range known {
			if prefix == "" && slices.Contains(lasting, f.name) {
				continue
			}
			out = append(out, prefix+f.name)
			walk(prefix+f.name+".", f.under)
		}
	}
	walk("", facts)
	return out
}

// without returns a copy of raw, one valid JSON value, without the members that
// paths lead to. All else stays as it is written, the numbers too. Time is
// linear in raw, whatever it nests.
func without(raw json.RawMessage, paths [][]string) json.RawMessage {
	c := cutter{in: raw, out: make([]byte, 0, len(raw))}
	c.value(paths)
	return append(c.out, c.in[c.pos:]...) // white space
}
