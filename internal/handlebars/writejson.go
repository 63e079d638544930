package handlebars

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"

	"accessrelay/internal/event"
)

// jsonText is v as compact JSON: numbers as they were written, an object's
// members in the order of its source, null for what is absent.
func (r *run) jsonText(v *value) ([]byte, error) { return r.appendJSON(nil, v) }

func (r *run) appendJSON(out []byte, v *value) ([]byte, error) {
	switch {
	case v == nil || v.kind == nullKind:
		return append(out, "null"...), nil
	case v.raw && v.kind != textKind:
		return r.copyJSON(out, v.str)
	case v.kind == textKind:
		s, err := r.text(v)
		if err != nil {
			return nil, err
		}
		if err := r.room(len(out) + len(s)); err != nil {
			return nil, err
		}
		if err := r.spend(len(s) / bytesRead); err != nil {
			return nil, err
		}
		out = append(out, '"')
		out = appendJSONString(out, s)
		return append(out, '"'), nil
	case v.kind == boolKind || v.kind == numberKind:
		return append(out, v.str...), r.spend(len(v.str) / bytesAStep)
	}
	if in := v.in; in != nil && in.from.IsValid() && in.from.Type() != wholeEvent {
		return r.marshal(out, in.from)
	}
	k, err := r.inside(v)
	if err != nil {
		return nil, err
	}
	brackets := "[]"
	if v.kind == objectKind {
		brackets = "{}"
	}
	out = append(out, brackets[0])
	for i := range k.vals {
		if i > 0 {
			out = append(out, ',')
		}
		if v.kind == objectKind {
			out = append(out, '"')
			out = appendJSONString(out, k.keys[i])
			out = append(out, '"', ':')
		}
		if out, err = r.appendJSON(out, &k.vals[i]); err != nil {
			return nil, err
		}
		if err := r.room(len(out)); err != nil {
			return nil, err
		}
	}
	return append(out, brackets[1]), nil
}

// wholeEvent is written member by member: its raw payload is copied, which is
// much faster than encoding/json.
var wholeEvent = reflect.TypeFor[event.Event]()

// marshal writes what is the event's own, all that is inside of it at once: it
// costs what it is long, not what it has parts.
func (r *run) marshal(out []byte, v reflect.Value) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v.Interface()); err != nil {
		return nil, r.notJSON()
	}
	text := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if err := r.room(len(out) + len(text)); err != nil {
		return nil, err
	}
	perStep := bytesRead
	if v.Kind() == reflect.Slice {
		perStep = bytesOfLists
	}
	return append(out, text...), r.spend(10 + len(text)/perStep)
}

// bytesOfLists is bytesAStep for encoding/json, where there are many small items.
const bytesOfLists = 6

// room says whether so many bytes of JSON could still become part of the result.
func (r *run) room(n int) error {
	if n > MaxOutput {
		return r.fail("for this event the template writes more than %d bytes", MaxOutput)
	}
	return r.spend(1)
}

// copyJSON writes a part of the raw payload without its blanks. That the payload
// is JSON was seen when it came in; nothing of it is written unless that holds.
func (r *run) copyJSON(out []byte, src string) ([]byte, error) {
	if !r.checked {
		if err := r.spend(len(r.raw) / bytesAStep); err != nil {
			return nil, err
		}
		if !json.Valid(r.raw) {
			return nil, r.notJSON()
		}
		r.checked = true
	}
	if err := r.room(len(out) + len(src)); err != nil {
		return nil, err
	}
	if err := r.spend(len(src) / bytesRead); err != nil {
		return nil, err
	}
	out = slices.Grow(out, len(src))
	from := 0
	for i := 0; i < len(src); {
		switch src[i] {
		case '"':
			if i = skipString(src, i); i < 0 {
				return nil, r.notJSON()
			}
		case ' ', '\n', '\r', '\t':
			out = append(out, src[from:i]...)
			i = skipBlanks(src, i)
			from = i
		default:
			i++
		}
	}
	return append(out, src[from:]...), nil
}

// appendJSONString writes s as it stands inside of a JSON string. U+2028 and
// U+2029 are escaped because JavaScript before 2019 took them for line breaks.
func appendJSONString(out []byte, s string) []byte {
	done := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c != 0xe2 {
			continue
		}
		if c == 0xe2 && (i+2 >= len(s) || s[i+1] != 0x80 || s[i+2]&^1 != 0xa8) {
			continue
		}
		out = append(out, s[done:i]...)
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\n':
			out = append(out, '\\', 'n')
		case '\r':
			out = append(out, '\\', 'r')
		case '\t':
			out = append(out, '\\', 't')
		case 0xe2:
			out = append(out, `\u202`...)
			out = strconv.AppendUint(out, uint64(s[i+2]&0xf), 16)
			i += 2
		default:
			const hex = "0123456789abcdef"
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
		done = i + 1
	}
	return append(out, s[done:]...)
}
