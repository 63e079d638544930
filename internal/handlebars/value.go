package handlebars

import (
	"reflect"
	"strconv"
	"strings"
)

// value is a piece of data: of the event, of its raw payload, or a helper's
// result. An absent one is a nil *value. What is inside of it is only looked at
// when a template asks for it, so that a large payload costs what is used of it.
type value struct {
	kind kind
	src  []byte        // raw payload's: its JSON text
	from reflect.Value // the event's: a struct or slice yet to be looked into
	str  string        // of a text (unless src is to be decoded), a number or a bool
	kids *kids
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

// kids are what is inside of a list or an object, in the order of the source.
type kids struct {
	keys  []string // of an object
	vals  []value
	index map[string]int // of a large object
}

var nullValue = &value{kind: nullKind}

func textValue(s string) *value   { return &value{kind: textKind, str: s} }
func numberValue(s string) *value { return &value{kind: numberKind, str: s} }
func intValue(n int) *value       { return numberValue(strconv.Itoa(n)) }

func boolValue(b bool) *value { return &value{kind: boolKind, str: strconv.FormatBool(b)} }

// jsonValue is the value that src, JSON without blanks around it, begins with.
// Only its kind is looked at.
func jsonValue(src []byte) value {
	v := value{src: src}
	if len(src) == 0 {
		return v
	}
	switch src[0] {
	case '{':
		v.kind = objectKind
	case '[':
		v.kind = listKind
	case '"':
		v.kind = textKind
	case 't', 'f':
		v.kind, v.str = boolKind, string(src)
	case 'n':
		v.kind = nullKind
	default:
		v.kind, v.str = numberKind, string(src)
	}
	return v
}

// text is what a text, a number or a bool says; "" for others.
func (v *value) text() string {
	if v == nil || v.kind == nullKind {
		return ""
	}
	if v.kind == textKind && v.src != nil {
		v.str, v.src = unquote(v.src), nil
	}
	return v.str
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
		return !isZero(v.str), nil
	case textKind:
		if v.src != nil {
			return len(v.src) > len(`""`), nil
		}
		return v.str != "", nil
	case listKind:
		k, err := r.inside(v)
		return err == nil && len(k.vals) > 0, err
	}
	return true, nil
}

// isZero reports whether the number s, as JSON writes it, is zero.
func isZero(s string) bool {
	mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
	return !strings.ContainsAny(mantissa, "123456789")
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
	if v.kind == listKind {
		if key == "length" {
			return intValue(len(k.vals)), nil
		}
		n, err := strconv.Atoi(key)
		if err != nil || n < 0 || n >= len(k.vals) || strconv.Itoa(n) != key {
			return nil, nil
		}
		return &k.vals[n], nil
	}
	if i, ok := k.find(key); ok {
		return &k.vals[i], nil
	}
	return nil, nil
}

const smallObject = 16

func (k *kids) find(key string) (int, bool) {
	if k.index != nil {
		i, ok := k.index[key]
		return i, ok
	}
	for i, have := range k.keys {
		if have == key {
			return i, true
		}
	}
	return 0, false
}

// add puts a member in. Of several with one key the last counts, in the place
// of the first.
func (k *kids) add(key string, v value) {
	if i, ok := k.find(key); ok {
		k.vals[i] = v
		return
	}
	k.keys, k.vals = append(k.keys, key), append(k.vals, v)
	switch {
	case k.index != nil:
		k.index[key] = len(k.keys) - 1
	case len(k.keys) > smallObject:
		k.index = make(map[string]int, 2*len(k.keys))
		for i, have := range k.keys {
			k.index[have] = i
		}
	}
}

// inside looks into a list or an object.
func (r *run) inside(v *value) (*kids, error) {
	if v.kids != nil {
		return v.kids, nil
	}
	var k *kids
	var err error
	if v.src != nil {
		k, err = r.readKids(v)
	} else {
		k, err = r.reflectKids(v)
	}
	if err != nil {
		return nil, err
	}
	v.kids = k
	return k, nil
}
