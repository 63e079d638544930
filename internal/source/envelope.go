package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Envelope checks that body is one JSON object in valid UTF-8, nested no deeper
// than 9,900 levels, and that each of the required keys stands at its top with a
// value. JSON's null is no value: it counts as missing. Values are not looked into.
// Of several members with one key the last counts, as it does for whoever decodes
// the body.
//
// The error is an *EnvelopeError: of the first required key that is missing, in
// the order they are given, or of the body as a whole. At most 64 keys can be
// required.
//
// It runs for every request, so it decodes nothing of a body that passes.
func Envelope(body []byte, required ...string) error {
	if err := checkObject(body); err != nil {
		return err
	}
	present := presentKeys(body, required)
	for i, key := range required {
		if present&(1<<i) == 0 {
			return &EnvelopeError{Field: key, Reason: "required, but missing or null"}
		}
	}
	return nil
}

// EnvelopeAny is [Envelope] for one required key that goes by several names, of
// which at least one must have a value. The error's field is the first of them.
func EnvelopeAny(body []byte, names ...string) error {
	if err := checkObject(body); err != nil {
		return err
	}
	if presentKeys(body, names) != 0 {
		return nil
	}
	return &EnvelopeError{
		Field:  names[0],
		Reason: fmt.Sprintf("required under one of the names %s, but missing or null", strings.Join(names, ", ")),
	}
}

// maxDepth is how deep arrays and objects may nest. encoding/json reads 10,000
// levels, and the event is written with the body some levels down: in the record,
// and in what destinations get. What cannot be read back could never be delivered.
const maxDepth = 9900

// deeper reports whether body, valid JSON, nests deeper than limit.
func deeper(body []byte, limit int) bool {
	if bytes.Count(body, []byte("{"))+bytes.Count(body, []byte("[")) <= limit { // all but attacks
		return false
	}
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			i = SkipString(body, i) - 1
		case '{', '[':
			if depth++; depth > limit {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

func checkObject(body []byte) error {
	switch first := SkipSpace(body, 0); {
	case !utf8.Valid(body):
		return &EnvelopeError{Reason: "the body is not valid UTF-8"}
	case first == len(body):
		return &EnvelopeError{Reason: "the body is empty; it must be one JSON object"}
	case !json.Valid(body):
		return &EnvelopeError{Reason: invalidReason(body)}
	case body[first] != '{':
		return &EnvelopeError{Reason: "the body is JSON, but not an object"}
	case deeper(body, maxDepth):
		return &EnvelopeError{Reason: fmt.Sprintf("the body nests deeper than %d levels", maxDepth)}
	default:
		return nil
	}
}

// invalidReason says where body stops being one JSON value. The decoder's own
// text would quote the body.
func invalidReason(body []byte) string {
	const reason = "the body is not one valid JSON object"
	var raw json.RawMessage
	var syntax *json.SyntaxError
	if errors.As(json.Unmarshal(body, &raw), &syntax) {
		return fmt.Sprintf("%s: the error is at byte %d", reason, syntax.Offset)
	}
	return reason
}

// presentKeys returns a bit for each of keys that body has at its top with a
// value other than null. The body must be a valid JSON object: that is what
// makes it safe to look at little more than its brackets and quotes.
func presentKeys(body []byte, keys []string) uint64 {
	var present uint64
	i := SkipSpace(body, 0) + 1 // behind the brace
	for {
		i = SkipSpace(body, i)
		switch body[i] {
		case '}':
			return present
		case ',':
			i = SkipSpace(body, i+1)
		}
		end := SkipString(body, i)
		key := body[i:end]
		i = SkipSpace(body, SkipSpace(body, end)+1) // behind the colon
		if at := indexKey(keys, key); at >= 0 {
			if body[i] == 'n' {
				present &^= 1 << at
			} else {
				present |= 1 << at
			}
		}
		i = SkipValue(body, i)
	}
}

// indexKey returns the place in keys of quoted, a JSON string, or -1.
func indexKey(keys []string, quoted []byte) int {
	plain := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(plain, '\\') < 0 {
		for i, k := range keys {
			if string(plain) == k {
				return i
			}
		}
		return -1
	}
	var key string
	if json.Unmarshal(quoted, &key) != nil {
		return -1
	}
	return slices.Index(keys, key)
}

// SkipValue returns the place behind the value that begins at i; behind a number or
// word there may be white space that is not skipped. body must be valid JSON, as
// what has passed [Envelope] is: so must it be for all that skips.
func SkipValue(body []byte, i int) int {
	for depth := 0; ; {
		switch body[i] {
		case '"':
			i = SkipString(body, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // the end of the object around a number or word
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
}

// SkipString returns the place behind the string that begins at i, of valid JSON.
func SkipString(body []byte, i int) int {
	for i++; ; {
		i += bytes.IndexByte(body[i:], '"')
		slashes := 0
		for body[i-1-slashes] == '\\' {
			slashes++
		}
		i++
		if slashes%2 == 0 {
			return i
		}
	}
}

// SkipSpace returns the place of what stands at i or behind white space there.
func SkipSpace(body []byte, i int) int {
	for i < len(body) && (body[i] == ' ' || body[i] == '\t' || body[i] == '\n' || body[i] == '\r') {
		i++
	}
	return i
}
