package channel

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Int takes the whole number at key, from low to high. Digits as a text are
// taken too, for a variable of the file can be nothing else. ok is false if it
// is absent, or wrong and noted.
func (o *Object) Int(key string, low, high int) (n int, ok bool) {
	raw, ok := o.take(key)
	if !ok {
		return 0, false
	}
	digits := string(bytes.TrimSpace(raw))
	if s, isText := readString(raw); isText {
		if isMask(s) {
			o.Fail(key, maskedText)
			return 0, false
		}
		digits = s
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < low || n > high {
		o.Fail(key, "must be a whole number from "+strconv.Itoa(low)+" to "+strconv.Itoa(high))
		return 0, false
	}
	return n, true
}

// List takes the list of texts at key, at least one and at most most. ok is
// false if it is absent, or wrong and noted. None is empty.
func (o *Object) List(key string, most int) (texts []string, ok bool) {
	raw, ok := o.take(key)
	if !ok {
		return nil, false
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil || items == nil {
		o.Fail(key, "must be a list of strings")
		return nil, false
	}
	if len(items) == 0 || len(items) > most {
		o.Fail(key, "must have from 1 to "+strconv.Itoa(most)+" entries")
		return nil, false
	}
	for _, item := range items {
		s, ok := readString(item)
		switch {
		case !ok:
			o.Fail(key, "must be a list of strings")
			return nil, false
		case s == "":
			o.Fail(key, "must not have an empty entry")
			return nil, false
		case isMask(s):
			o.Fail(key, maskedText)
			return nil, false
		}
		texts = append(texts, s)
	}
	return texts, true
}

// ShowPlain is for MaskObject: a text, a number or a list of them that is no
// secret, as it is. A text with a variable yet to be resolved is hidden: what
// stands behind it shows nowhere else either.
func ShowPlain(value json.RawMessage) any {
	if s, ok := readString(value); ok {
		if strings.Contains(s, "${") {
			return Mask
		}
		return s
	}
	var list []json.RawMessage
	if err := json.Unmarshal(value, &list); err == nil && list != nil {
		out := make([]any, 0, len(list))
		for _, item := range list {
			out = append(out, ShowPlain(item))
		}
		return out
	}
	var n json.Number
	if err := json.Unmarshal(value, &n); err == nil && n != "" {
		return n
	}
	return Mask
}
