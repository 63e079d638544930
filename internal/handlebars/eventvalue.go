package handlebars

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"accessrelay/internal/event"
)

// eventValue is ev as its JSON form has it: the keys, their order and which of
// them are absent come from the tags of package event.
func eventValue(ev *event.Event) *value {
	v := goValue(reflect.ValueOf(ev).Elem())
	return &v
}

func goValue(v reflect.Value) value {
	switch x := v.Interface().(type) {
	case time.Time:
		return *textValue(x.Format(time.RFC3339Nano))
	case json.RawMessage:
		return jsonValue(trimBlanks(x))
	}
	switch v.Kind() {
	case reflect.Pointer:
		return goValue(v.Elem())
	case reflect.Struct:
		return value{kind: objectKind, from: v}
	case reflect.Slice:
		return value{kind: listKind, from: v}
	default:
		return *textValue(v.String())
	}
}

func (r *run) reflectKids(v *value) (*kids, error) {
	k := &kids{}
	if !v.from.IsValid() {
		return k, nil
	}
	if v.kind == listKind {
		n := v.from.Len()
		if err := r.spend(n); err != nil {
			return nil, err
		}
		k.vals = make([]value, n)
		for i := range n {
			k.vals[i] = goValue(v.from.Index(i))
		}
		return k, nil
	}
	fields := fieldsOf(v.from.Type())
	if err := r.spend(1 + len(fields)); err != nil {
		return nil, err
	}
	for _, f := range fields {
		if field := v.from.Field(f.n); !f.optional || !field.IsZero() {
			k.keys, k.vals = append(k.keys, f.key), append(k.vals, goValue(field))
		}
	}
	return k, nil
}

type field struct {
	key      string
	n        int // in the struct
	optional bool
}

// fieldsOf reads the tags of a struct of package event.
func fieldsOf(t reflect.Type) []field {
	if fs, ok := knownFields[t]; ok {
		return fs
	}
	var out []field
	for i := range t.NumField() {
		key, opts, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		out = append(out, field{key, i, opts != ""}) // omitempty or omitzero
	}
	return out
}

// typ is what can stand at a path, as far as package event says.
type typ struct {
	kind kind
	any  bool // the raw payload: anything may be in it
	keys []string
	kids map[string]*typ // of an object
	elem *typ            // of a list
}

var (
	anyType    = &typ{any: true} // of a helper's result
	rawType    = &typ{any: true}
	textType   = &typ{kind: textKind}
	numberType = &typ{kind: numberKind}

	// knownFields has every struct that is part of an event. It is filled here
	// and only read later.
	knownFields = map[reflect.Type][]field{}
	eventType   = typeOf(reflect.TypeFor[event.Event]())
)

func typeOf(t reflect.Type) *typ {
	switch t {
	case reflect.TypeFor[time.Time]():
		return textType
	case reflect.TypeFor[json.RawMessage]():
		return rawType
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeOf(t.Elem())
	case reflect.Slice:
		return &typ{kind: listKind, elem: typeOf(t.Elem())}
	case reflect.Struct:
		out := &typ{kind: objectKind, kids: map[string]*typ{}}
		knownFields[t] = fieldsOf(t)
		for _, f := range knownFields[t] {
			out.keys = append(out.keys, f.key)
			out.kids[f.key] = typeOf(t.Field(f.n).Type)
		}
		return out
	default:
		return textType
	}
}

func trimBlanks(src []byte) []byte {
	src = src[skipBlanks(src, 0):]
	for len(src) > 0 && strings.IndexByte(" \n\r\t", src[len(src)-1]) >= 0 {
		src = src[:len(src)-1]
	}
	return src
}
