package handlebars

import (
	"reflect"
	"strconv"
)

// value is a piece of data: of the event, of its raw payload, or a helper's
// result. An absent one is a nil *value. What is inside of it is only looked at
// when a template asks for it, so that a large payload costs what is used of it.
type value struct {
	kind kind
	raw  bool   // str is JSON, not yet decoded or looked into
	str  string // a text's, a number's or a bool's; or JSON
	in   *inside
}

type kind uint8

const (
	nullKind kind = iota
	boolKind
	numberKind // str is the number as it was written
	textKind
	listKind
	objectKind
)

// inside is what a list or an object holds, in the order of the source.
type inside struct {
	from  reflect.Value // the event's struct or slice, if it is one; vals may wait
	known bool          // keys and vals are there
	keys  []string      // of an object
	vals  []value
	index map[string]int // of a large object
}

var nullValue = &value{kind: nullKind}

func textValue(s string) *value   { return &value{kind: textKind, str: s} }
func numberValue(s string) *value { return &value{kind: numberKind, str: s} }
func intValue(n int) *value       { return numberValue(strconv.Itoa(n)) }

func boolValue(b bool) *value { return &value{kind: boolKind, str: strconv.FormatBool(b)} }

// listOf and objectOf make values of what is known already.
func listOf(vals []value) *value {
	return &value{kind: listKind, in: &inside{known: true, vals: vals}}
}

func objectOf(keys []string, vals []value) *value {
	return &value{kind: objectKind, in: &inside{known: true, keys: keys, vals: vals}}
}

// jsonValue is the value that src, JSON without blanks around it, begins with.
// Only its kind is looked at.
func jsonValue(src string) value {
	if src == "" {
		return value{}
	}
	switch src[0] {
	case '{':
		return value{kind: objectKind, raw: true, str: src}
	case '[':
		return value{kind: listKind, raw: true, str: src}
	case '"':
		return value{kind: textKind, raw: true, str: src}
	case 't', 'f', 'n':
		if src == "true" || src == "false" {
			return value{kind: boolKind, str: src}
		}
		return value{}
	}
	var j jsonState // which is not JSON after all must not be written as such
	for i := range len(src) {
		if j.step(src[i], 0) != "" {
			return value{}
		}
	}
	if !j.numberEnds() {
		return value{}
	}
	return value{kind: numberKind, str: src}
}

// text is what a text, a number or a bool says; "" for others.
func (v *value) text() string {
	if v == nil || v.kind == nullKind || v.kind == listKind || v.kind == objectKind {
		return ""
	}
	if v.raw {
		v.str, v.raw = unquote(v.str), false
	}
	return v.str
}

// size is at least how long v's text is.
func (v *value) size() int {
	if v.raw && v.kind == textKind {
		return max(0, len(v.str)-len(`""`))
	}
	return len(v.str)
}

// truthy is what {{#if}} goes by.
func (r *run) truthy(v *value) (bool, error) {
	if v == nil {
		return false, nil
	}
	switch v.kind {
	case nullKind:
		return false, nil
	case boolKind:
		return v.str == "true", nil
	case numberKind:
		return !isZero(v.str), r.spend(len(v.str) / bytesRead)
	case textKind:
		return v.size() > 0, nil
	case listKind:
		k, err := r.inside(v)
		return err == nil && len(k.vals) > 0, err
	default:
	}
	return true, nil
}

// isZero reports whether the number s, as JSON writes it, is zero.
func isZero(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '1' && c <= '9':
			return false
		case c == 'e' || c == 'E':
			return true
		}
	}
	return true
}

// member is the value at key, or nil.
func (r *run) member(v *value, key string) (*value, error) {
	if v == nil || v.kind != listKind && v.kind != objectKind {
		return nil, nil
	}
	k, err := r.inside(v)
	if err != nil {
		return nil, err
	}
	// A long key may differ from each of a small object's only at its end.
	if err := r.spend(len(key) / bytesAStep * min(len(k.keys)+1, smallObject)); err != nil {
		return nil, err
	}
	if v.kind == listKind {
		if key == "length" {
			return intValue(len(k.vals)), nil
		}
		if len(key) > maxDigits {
			return nil, nil
		}
		n, notNumber := strconv.Atoi(key)
		if notNumber == nil && n >= 0 && n < len(k.vals) && strconv.Itoa(n) == key {
			return &k.vals[n], nil
		}
		return nil, nil
	}
	if i, ok := k.find(key); ok {
		return &k.vals[i], nil
	}
	return nil, nil
}

const (
	smallObject = 16 // keys; in a larger one they are not looked for one by one
	maxDigits   = 18 // of a whole number that is looked at
)

func (in *inside) find(key string) (int, bool) {
	if in.index != nil {
		i, ok := in.index[key]
		return i, ok
	}
	for i, have := range in.keys {
		if have == key {
			return i, true
		}
	}
	return 0, false
}

// add puts a member in. Of several with one key the last counts, in the place
// of the first.
func (in *inside) add(key string, v value) {
	if i, ok := in.find(key); ok {
		in.vals[i] = v
		return
	}
	in.keys, in.vals = append(in.keys, key), append(in.vals, v)
	switch {
	case in.index != nil:
		in.index[key] = len(in.keys) - 1
	case len(in.keys) > smallObject:
		in.index = make(map[string]int, 2*len(in.keys))
		for i, have := range in.keys {
			in.index[have] = i
		}
	}
}

// inside looks into a list or an object.
func (r *run) inside(v *value) (*inside, error) {
	if v.in == nil {
		v.in = &inside{}
	}
	if v.in.known {
		return v.in, nil
	}
	var err error
	if v.raw {
		err = r.readInside(v)
	} else {
		err = r.reflectInside(v)
	}
	v.in.known = err == nil
	return v.in, err
}
