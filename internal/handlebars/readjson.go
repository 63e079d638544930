package handlebars

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// The raw payload was found to be JSON when it came in. These read one level of
// it at a time; on what is not JSON after all they say so or read nonsense, and
// what is written is checked again.

func (r *run) notJSON() error { return r.fail("the event's payload is not JSON") }

// readKids reads what is inside of v.src.
func (r *run) readKids(v *value) (*kids, error) {
	if err := r.spend(1 + len(v.src)/bytesAStep); err != nil {
		return nil, err
	}
	k, src := &kids{}, v.src
	i := skipBlanks(src, 1)
	if i < len(src) && (src[i] == ']' || src[i] == '}') {
		return k, nil
	}
	for {
		if err := r.spend(1); err != nil {
			return nil, err
		}
		key := ""
		if v.kind == objectKind {
			end := skipValue(src, i)
			if end < 0 || src[i] != '"' {
				return nil, r.notJSON()
			}
			key = unquote(src[i:end])
			if i = skipBlanks(src, end); i >= len(src) || src[i] != ':' {
				return nil, r.notJSON()
			}
			i = skipBlanks(src, i+1)
		}
		end := skipValue(src, i)
		if end < 0 {
			return nil, r.notJSON()
		}
		if v.kind == objectKind {
			k.add(key, jsonValue(src[i:end]))
		} else {
			k.vals = append(k.vals, jsonValue(src[i:end]))
		}
		i = skipBlanks(src, end)
		switch {
		case i < len(src) && src[i] == ',':
			i = skipBlanks(src, i+1)
		case i < len(src) && (src[i] == ']' || src[i] == '}'):
			return k, nil
		default:
			return nil, r.notJSON()
		}
	}
}

func skipBlanks(src []byte, i int) int {
	for i < len(src) && (src[i] == ' ' || src[i] == '\n' || src[i] == '\r' || src[i] == '\t') {
		i++
	}
	return i
}

// skipValue returns where the value at i ends, or -1.
func skipValue(src []byte, i int) int {
	if i >= len(src) {
		return -1
	}
	switch src[i] {
	case '"':
		return skipString(src, i)
	case '{', '[':
		for depth := 0; i < len(src); {
			switch src[i] {
			case '"':
				if i = skipString(src, i); i < 0 {
					return -1
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return -1
	}
	start := i
	for i < len(src) && bytes.IndexByte([]byte(",]} \n\r\t:"), src[i]) < 0 {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

func skipString(src []byte, i int) int {
	for i++; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// unquote reads a JSON string. A surrogate without its other half becomes U+FFFD.
func unquote(src []byte) string {
	if len(src) < 2 {
		return ""
	}
	src = src[1 : len(src)-1]
	i := bytes.IndexByte(src, '\\')
	if i < 0 {
		return string(src)
	}
	out := make([]byte, 0, len(src))
	for i >= 0 && i+1 < len(src) {
		out = append(out, src[:i]...)
		c := src[i+1]
		src = src[i+2:]
		switch c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := hex4(src)
			src = src[min(4, len(src)):]
			if utf16.IsSurrogate(r) {
				second := rune(-1)
				if bytes.HasPrefix(src, []byte(`\u`)) {
					second = hex4(src[2:])
				}
				if r = utf16.DecodeRune(r, second); r != utf8.RuneError {
					src = src[6:]
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
		i = bytes.IndexByte(src, '\\')
	}
	return string(append(out, src...))
}

// hex4 reads four hexadecimal digits; U+FFFD if they are none.
func hex4(src []byte) rune {
	if len(src) < 4 {
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(string(src[:4]), 16, 16)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}
