package canonical

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
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
	decisive := field == keyType || field == keyData
	if _, again := p[field]; !again && (decisive || !p.full()) {
		p[field] = what
	}
}

func (p problems) full() bool { return len(p) >= maxProblems }

// fill sets v to what raw, valid JSON, says, as far as it fits; path is where raw
// stands. An object or array that says nothing is as good as absent.
//
// encoding/json would do, were it not for what it takes in silence: unknown keys,
// keys in another case, keys given twice, and null.
func (p problems) fill(path string, raw json.RawMessage, v reflect.Value) {
	switch dst := v.Addr().Interface().(type) {
	case *json.RawMessage:
		*dst = raw
		return
	case *time.Time:
		*dst = p.time(path, raw)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(p.text(path, raw))
	case reflect.Pointer:
		inner := reflect.New(v.Type().Elem())
		p.fill(path, raw, inner.Elem())
		if !inner.Elem().IsZero() {
			v.Set(inner)
		}
	case reflect.Slice:
		p.list(path, raw, v)
	case reflect.Struct:
		p.object(path, raw, v)
	default: // a new kind of fact needs its rule here; a test reads every field
		panic(fmt.Sprintf("canonical: no rule for %s", v.Type()))
	}
}

func (p problems) object(path string, raw json.RawMessage, v reflect.Value) {
	dec := p.open(path, raw, '{', "an object")
	if dec == nil {
		return
	}
	keys, seen := keysOf(v.Type()), map[string]bool{}
	for dec.More() {
		token, _ := dec.Token()
		key, _ := token.(string)
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return // not valid JSON, which it is
		}
		at := clip(key)
		if path != "" {
			at = path + "." + at
		}
		if seen[key] {
			p.add(at, "is given twice")
		}
		seen[key] = true
		i := slices.Index(keys, key) // as they are written: Type is not type
		if i < 0 {
			if !p.full() {
				p.add(at, "is not a key here; the keys are "+join(keys))
			}
			continue
		}
		v.Field(i).SetZero() // of two the last counts, as everywhere
		p.fill(at, value, v.Field(i))
	}
}

func (p problems) list(path string, raw json.RawMessage, v reflect.Value) {
	dec := p.open(path, raw, '[', "an array")
	if dec == nil {
		return
	}
	for i := 0; dec.More(); i++ {
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return
		}
		item := reflect.New(v.Type().Elem()).Elem()
		p.fill(fmt.Sprintf("%s[%d]", path, i), value, item)
		if !item.IsZero() {
			v.Set(reflect.Append(v, item))
		}
	}
}

// open returns a decoder behind raw's bracket, or nil if raw is something else.
func (p problems) open(path string, raw json.RawMessage, bracket byte, what string) *json.Decoder {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if raw[0] != bracket {
		p.wrongType(path, raw, what)
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return nil
	}
	return dec
}

func (p problems) text(path string, raw json.RawMessage) (s string) {
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		p.wrongType(path, raw, "a string")
		return ""
	}
	return s
}

// time reads a time in UTC. The zero time, which some write for none, is none.
func (p problems) time(path string, raw json.RawMessage) time.Time {
	var text string
	var t time.Time
	if raw[0] != '"' || json.Unmarshal(raw, &text) != nil || t.UnmarshalText([]byte(text)) != nil {
		p.wrongType(path, raw, "a time in RFC 3339, such as 2026-01-15T09:30:00Z")
		return time.Time{}
	}
	t = t.UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		p.add(path, "must be of the years 1 to 9999 in UTC")
		return time.Time{}
	}
	return t
}

func (p problems) wrongType(path string, raw json.RawMessage, want string) {
	if bytes.Equal(raw, []byte("null")) {
		p.add(path, "must not be null: leave it out, or give "+want)
		return
	}
	p.add(path, "must be "+want)
}

// keysOf returns the keys of an object that is read into a struct of type t, in
// the order of the fields.
func keysOf(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		key, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		out = append(out, key)
	}
	return out
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
