package source

import (
	"bytes"
	"encoding/json"
	"iter"
)

// Members yields the members of object in the order in which they are written,
// those that repeat a key too: each key, unescaped, and its value. object must be
// a valid JSON object, as what has passed [Envelope] is. Nothing is copied but keys.
func Members(object json.RawMessage) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for i := SkipSpace(object, 0) + 1; ; {
			if i = NextItem(object, i); object[i] == '}' {
				return
			}
			end := SkipString(object, i)
			key := Unquote(object[i:end])
			start := SkipSpace(object, SkipSpace(object, end)+1) // behind the colon
			i = SkipValue(object, start)
			if !yield(key, trim(object[start:i])) {
				return
			}
		}
	}
}

// Elements yields the elements of array, which must be a valid JSON array.
func Elements(array json.RawMessage) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		for i := SkipSpace(array, 0) + 1; ; {
			if i = NextItem(array, i); array[i] == ']' {
				return
			}
			start := i
			i = SkipValue(array, start)
			if !yield(trim(array[start:i])) {
				return
			}
		}
	}
}

// NextItem returns the place of the next member or element, or of the bracket at
// the end. i is behind the bracket at the beginning or behind an item.
func NextItem(text []byte, i int) int {
	if i = SkipSpace(text, i); text[i] == ',' {
		i = SkipSpace(text, i+1)
	}
	return i
}

// trim takes away the white space that stands behind a number or word.
func trim(value []byte) json.RawMessage { return bytes.TrimRight(value, " \t\r\n") }

// Unquote returns what a JSON string says; quoted must be one.
func Unquote(quoted []byte) string {
	if plain := quoted[1 : len(quoted)-1]; bytes.IndexByte(plain, '\\') < 0 {
		return string(plain)
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // it is a string
	return s
}
