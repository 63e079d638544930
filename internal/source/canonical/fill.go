package canonical

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"accessrelay/internal/source"
)

const (
	maxProblems = 32 // more are not told: a body can have a hundred thousand
	maxKey      = 64 // characters of an unknown key that are told
)

// problems are what is wrong with a body, by field.
type problems map[string]string

// add notes the first thing that is wrong with a field. There is always room for
// those that decide what the body is.
func (p problems) add(field, what string) {
	if _, again := p[field]; !again && (decisive(field) || !p.full()) {
		p[field] = what
	}
}

func decisive(field string) bool { return field == keyType || field == keyData }

func (p problems) full() bool { return len(p) >= maxProblems }

// place is where a value stands. Its path is written only when something is wrong
// there: a body can have some hundred thousand places.
type place struct {
	within *place // nil: the body itself
	key    string // "" in an array
	index  int    // in an array
	item   bool
}

// path names the place as in "data.access[1].resource".
func (at *place) path() string {
	var b strings.Builder
	at.write(&b)
	return b.String()
}

func (at *place) write(b *strings.Builder) {
	if at.within == nil {
		return
	}
	at.within.write(b)
	if at.item {
		fmt.Fprintf(b, "[%d]", at.index)
		return
	}
	if at.within.within != nil {
		b.WriteByte('.')
	}
	b.WriteString(clip(at.key))
}

// room reports whether p takes what is wrong at a place. There is always room for
// what decides what the body is, which stands at the top.
func (p problems) room(at *place) bool {
	return !p.full() || at.within != nil && at.within.within == nil && decisive(at.key)
}

// wrong notes what is wrong at a place, if there is room for it.
func (p problems) wrong(at *place, what string) {
	if p.room(at) {
		p.add(at.path(), what)
	}
}

// fill sets v to what raw says, as far as it fits. raw is valid JSON without white
// space around it. An object or array that says nothing is as good as absent.
//
// encoding/json would do, were it not for what it takes in silence: unknown keys,
// keys in another case, keys given twice, and null.
func (p problems) fill(at *place, raw json.RawMessage, v reflect.Value) {
	switch dst := v.Addr().Interface().(type) {
	case *json.RawMessage:
		*dst = raw
		return
	case *time.Time:
		*dst = p.time(at, raw)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(p.text(at, raw))
	case reflect.Pointer:
		inner := reflect.New(v.Type().Elem())
		p.fill(at, raw, inner.Elem())
		if !inner.Elem().IsZero() {
			v.Set(inner)
		}
	case reflect.Slice:
		p.list(at, raw, v)
	case reflect.Struct:
		p.object(at, raw, v)
	default: // a new kind of fact needs its rule here; a test reads every field
		panic(fmt.Sprintf("canonical: no rule for %s", v.Type()))
	}
}

func (p problems) object(at *place, raw json.RawMessage, v reflect.Value) {
	if raw[0] != '{' {
		p.wrongType(at, raw, "an object")
		return
	}
	keys := keysOf(v.Type())
	var given uint64 // a bit for each field
	member := place{within: at}
	for key, value := range source.Members(raw) {
		member.key = key
		i := slices.Index(keys, key) // as they are written: Type is not type
		if i < 0 {
			if p.room(&member) {
				p.wrong(&member, "is not a key here; the keys are "+join(keys))
			}
			continue
		}
		if given&(1<<i) != 0 {
			p.wrong(&member, "is given twice")
			v.Field(i).SetZero() // of two the last counts, as everywhere
		}
		given |= 1 << i
		p.fill(&member, value, v.Field(i))
	}
}

func (p problems) list(at *place, raw json.RawMessage, v reflect.Value) {
	if raw[0] != '[' {
		p.wrongType(at, raw, "an array")
		return
	}
	value := reflect.New(v.Type().Elem()).Elem() // one for all: what is kept is a copy
	element := place{within: at, item: true}
	for item := range source.Elements(raw) {
		p.fill(&element, item, value)
		if !value.IsZero() {
			v.Set(reflect.Append(v, value))
			value.SetZero()
		}
		element.index++
	}
}

func (p problems) text(at *place, raw json.RawMessage) (s string) {
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		p.wrongType(at, raw, "a string")
		return ""
	}
	return s
}

// time reads a time in UTC. The zero time, which some write for none, is none.
func (p problems) time(at *place, raw json.RawMessage) time.Time {
	var text string
	if raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		if t, ok := source.RFC3339(text); ok {
			return t
		}
	}
	p.wrongType(at, raw, "a time in RFC 3339, such as 2026-01-15T09:30:00Z, of the years 1 to 9999 in UTC")
	return time.Time{}
}

func (p problems) wrongType(at *place, raw json.RawMessage, want string) {
	if !p.room(at) {
		return
	}
	if bytes.Equal(raw, []byte("null")) {
		want = "must not be null: leave it out, or give " + want
	} else {
		want = "must be " + want
	}
	p.add(at.path(), want)
}

var knownKeys sync.Map // reflect.Type to []string

// keysOf returns the keys of an object that is read into a struct of type t, in
// the order of the fields. The slice is shared.
func keysOf(t reflect.Type) []string {
	if known, ok := knownKeys.Load(t); ok {
		return known.([]string)
	}
	var keys []string
	for i := range t.NumField() {
		key, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		keys = append(keys, key)
	}
	knownKeys.Store(t, keys)
	return keys
}

// clip shortens a key that nobody knows.
func clip(key string) string {
	if utf8.RuneCountInString(key) <= maxKey {
		return key
	}
	return string([]rune(key)[:maxKey]) + "…"
}

func join[T ~string](words []T) string {
	var out []string
	for _, w := range words {
		out = append(out, string(w))
	}
	return strings.Join(out, ", ")
}
