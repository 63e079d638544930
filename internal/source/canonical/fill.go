package canonical

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
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
	decisive := field == keyType || field == keyData
	if _, again := p[field]; !again && (decisive || !p.full()) {
		p[field] = what
	}
}

func (p problems) full() bool { return len(p) >= maxProblems }

// rfc3339 is what RFC 3339 writes. The time package takes more: a comma, hours of
// one digit, and zones a day away.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// fill sets v to what raw says, as far as it fits; path is where raw stands. raw is
// valid JSON without white space around it. An object or array that says nothing
// is as good as absent.
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
	if raw[0] != '{' {
		p.wrongType(path, raw, "an object")
		return
	}
	keys := keysOf(v.Type())
	var given uint64 // a bit for each field
	for key, value := range source.Members(raw) {
		at := clip(key)
		if path != "" {
			at = path + "." + at
		}
		i := slices.Index(keys, key) // as they are written: Type is not type
		if i < 0 {
			if !p.full() {
				p.add(at, "is not a key here; the keys are "+join(keys))
			}
			continue
		}
		if given&(1<<i) != 0 {
			p.add(at, "is given twice")
			v.Field(i).SetZero() // of two the last counts, as everywhere
		}
		given |= 1 << i
		p.fill(at, value, v.Field(i))
	}
}

func (p problems) list(path string, raw json.RawMessage, v reflect.Value) {
	if raw[0] != '[' {
		p.wrongType(path, raw, "an array")
		return
	}
	i := 0
	for value := range source.Elements(raw) {
		item := reflect.New(v.Type().Elem()).Elem()
		p.fill(path+"["+strconv.Itoa(i)+"]", value, item)
		if !item.IsZero() {
			v.Set(reflect.Append(v, item))
		}
		i++
	}
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
	const want = "a time in RFC 3339, such as 2026-01-15T09:30:00Z"
	var text string
	if raw[0] != '"' || json.Unmarshal(raw, &text) != nil || !rfc3339.MatchString(text) {
		p.wrongType(path, raw, want)
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil { // no such day
		p.wrongType(path, raw, want)
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
