package channel

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"accessrelay/internal/suggest"
)

// Object is a config being read. Its methods take one key each and note what is
// wrong with it; Err says everything at once, keys that nobody took included.
type Object struct {
	left     map[string]json.RawMessage // present and not yet taken
	problems map[string]string
	asked    map[string]bool // every key that the type has, for what may have been meant
}

// ReadObject reads config, which must be one JSON object that names no key
// twice. Its error is an *InvalidError.
func ReadObject(config json.RawMessage) (*Object, error) {
	o := &Object{left: map[string]json.RawMessage{}, problems: map[string]string{}, asked: map[string]bool{}}
	if !utf8.Valid(config) {
		return nil, Invalid("config", "must be valid UTF-8")
	}
	members, err := readMembers(config)
	if err != nil {
		return nil, Invalid("config", "must be one JSON object")
	}
	for _, m := range members {
		if _, twice := o.left[m.key]; twice {
			o.Fail(printable(m.key), "appears twice")
		}
		o.left[m.key] = m.value
	}
	return o, nil
}

type member struct {
	key   string
	value json.RawMessage
}

// readMembers returns the members in the order they stand in, doubles included,
// which encoding/json would silently merge.
func readMembers(object json.RawMessage) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("no object")
	}
	var out []member
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, errors.New("no key")
		}
		m := member{key: name}
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return out, nil
}

// Fail notes what is wrong with key. The first note of a key stands. The text
// must hold nothing of its value.
func (o *Object) Fail(key, text string) {
	if _, ok := o.problems[key]; !ok {
		o.problems[key] = text
	}
}

// Has reports whether key is present and not yet taken.
func (o *Object) Has(key string) bool {
	o.asked[key] = true
	_, ok := o.left[key]
	return ok
}

func (o *Object) take(key string) (value json.RawMessage, ok bool) {
	o.asked[key] = true
	value, ok = o.left[key]
	delete(o.left, key)
	return value, ok
}

// Text takes the string at key. ok is false if it is absent, or wrong and noted.
// An empty string is wrong: what is not wanted is left out. So is the mask, which
// somebody copied from an answer; a text with three asterisks in it is like others.
func (o *Object) Text(key string) (s string, ok bool) {
	raw, ok := o.take(key)
	if !ok {
		return "", false
	}
	s, ok = readString(raw)
	switch {
	case !ok:
		o.Fail(key, "must be a string")
	case s == "":
		o.Fail(key, "must not be empty; leave it out instead")
	case isMask(s):
		o.Fail(key, maskedText)
	default:
		return s, true
	}
	return "", false
}

// Texts takes the object of strings at key, in the order they stand in. ok is
// false if it is absent, or wrong and noted. The strings may be empty, and none may
// have the mask for a word: Bearer *** is what people make of an answer's.
func (o *Object) Texts(key string) (pairs [][2]string, ok bool) {
	raw, ok := o.take(key)
	if !ok {
		return nil, false
	}
	members, err := readMembers(raw)
	if err != nil {
		o.Fail(key, "must be an object of strings")
		return nil, false
	}
	for _, m := range members {
		s, ok := readString(m.value)
		if !ok {
			o.Fail(key, "must be an object of strings")
			return nil, false
		}
		if slices.ContainsFunc(strings.Fields(s), isMask) {
			o.Fail(key, maskedText)
			return nil, false
		}
		pairs = append(pairs, [2]string{m.key, s})
	}
	return pairs, true
}

// Err returns an *InvalidError with all that was noted, or nil.
func (o *Object) Err() error {
	known := slices.Sorted(maps.Keys(o.asked))
	for key := range o.left {
		text := "is not a key of this channel type"
		if meant := suggest.Closest(key, known); meant != "" {
			text += ", did you mean " + meant + "?"
		}
		o.Fail(printable(key), text)
	}
	if len(o.problems) == 0 {
		return nil
	}
	return &InvalidError{Fields: o.problems}
}

// readString tells a string from null, which encoding/json would take for "".
func readString(raw json.RawMessage) (string, bool) {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", false
	}
	return *s, true
}

// printable makes a key that somebody sent fit for an error message.
func printable(key string) string {
	const longest = 64
	out := []rune(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, key))
	if len(out) > longest {
		return string(out[:longest]) + "…"
	}
	return string(out)
}
