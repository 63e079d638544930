package handlebars

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"accessrelay/internal/event"
)

// eventValue is ev as its JSON form has it: the keys, their order and which of
// them are absent come from the tags of package event. What is not UTF-8 becomes
// U+FFFD, as there.
func eventValue(ev *event.Event) *value {
	v := goValue(reflect.ValueOf(ev).Elem())
	return &v
}

func goValue(v reflect.Value) value {
	switch x := v.Interface().(type) {
	case time.Time:
		return *textValue(x.Format(time.RFC3339Nano))
	case json.RawMessage:
		return jsonValue(strings.ToValidUTF8(string(trimBlanks(x)), "\uFFFD"))
	}
	switch v.Kind() {
	case reflect.Pointer:
		return goValue(v.Elem())
	case reflect.Struct:
		return value{kind: objectKind, in: &inside{from: v}}
	case reflect.Slice:
		return value{kind: listKind, in: &inside{from: v}}
	default:
		return *textValue(strings.ToValidUTF8(v.String(), "\uFFFD"))
	}
}

// stepsAField is what it costs to look at a field of a struct.
const stepsAField = 4

func (r *run) reflectInside(v *value) error {
	in := v.in
	if !in.from.IsValid() {
		return nil
	}
	if v.kind == listKind {
		n := in.from.Len()
		if err := r.spend(stepsAField * n); err != nil {
			return err
		}
		in.vals = make([]value, n)
		for i := range n {
			in.vals[i] = goValue(in.from.Index(i))
		}
		return nil
	}
	fields := fieldsOf(in.from.Type())
	if err := r.spend(stepsAField * len(fields)); err != nil {
		return err
	}
	in.keys, in.vals = make([]string, 0, len(fields)), make([]value, 0, len(fields))
	for _, f := range fields {
		if field := in.from.Field(f.n); !f.optional || !field.IsZero() {
			in.keys, in.vals = append(in.keys, f.key), append(in.vals, goValue(field))
		}
	}
	return nil
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

func trimBlanks(src []byte) []byte { return bytes.Trim(src, " \n\r\t") }
