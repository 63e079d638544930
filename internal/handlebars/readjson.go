package handlebars

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The raw payload was found to be JSON when it came in. These read one level of
// it at a time; on what is not JSON after all they say so or read nonsense, and
// what is written is checked again.

func (r *run) notJSON() error { return r.fail("the event's payload is not JSON") }

// readInside reads what is inside of v, one level of it.
func (r *run) readInside(v *value) error {
	if err := r.spend(1 + len(v.str)/bytesAStep); err != nil {
		return err
	}
	in, src := v.in, v.str
	i := skipBlanks(src, 1)
	if i < len(src) && (src[i] == ']' || src[i] == '}') {
		return nil
	}
	n, steps := countItems(src), 1
	if v.kind == objectKind {
		n, steps = n/2, 8
	}
	if err := r.spend(n * steps); err != nil {
		return err
	}
	in.vals = make([]value, 0, n)
	if v.kind == objectKind {
		in.keys = make([]string, 0, n)
	}
	for {
		key := ""
		if v.kind == objectKind {
			end := skipValue(src, i)
			if end < 0 || src[i] != '"' {
				return r.notJSON()
			}
			key = unquote(src[i:end])
			if i = skipBlanks(src, end); i >= len(src) || src[i] != ':' {
				return r.notJSON()
			}
			i = skipBlanks(src, i+1)
		}
		end := skipValue(src, i)
		if end < 0 {
			return r.notJSON()
		}
		if v.kind == objectKind {
			in.add(key, jsonValue(src[i:end]))
		} else {
			in.vals = append(in.vals, jsonValue(src[i:end]))
		}
		i = skipBlanks(src, end)
		switch {
		case i < len(src) && src[i] == ',':
			i = skipBlanks(src, i+1)
		case i < len(src) && (src[i] == ']' || src[i] == '}'):
			return nil
		default:
			return r.notJSON()
		}
	}
}

// countItems counts what stands between the brackets that src has around it: an
// object's keys count too.
func countItems(src string) int {
	n := 0
	for i := 1; i < len(src); {
		switch src[i] {
		case ',', ':', ' ', '\n', '\r', '\t':
			i++
		case ']', '}':
			return n
		default:
			if i = skipValue(src, i); i < 0 {
				return n
			}
			n++
		}
	}
	return n
}

func skipBlanks(src string, i int) int {
	for i < len(src) && (src[i] == ' ' || src[i] == '\n' || src[i] == '\r' || src[i] == '\t') {
		i++
	}
	return i
}

// skipValue returns where the value at i ends, or -1.
func skipValue(src string, i int) int {
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
	for i < len(src) {
		switch src[i] {
		case ',', ']', '}', ':', ' ', '\n', '\r', '\t':
			if i == start {
				return -1
			}
			return i
		}
		i++
	}
	return i
}

// skipString goes byte by byte for a while, because most strings are short and an
// escape seldom comes alone, and then in strides.
func skipString(src string, i int) int {
	i++
	for end := -1; ; {
		for stop := min(i+64, len(src)); i < stop; i++ {
			switch src[i] {
			case '"':
				return i + 1
			case '\\':
				i++
			}
		}
		if i > end { // the quote that was found last was escaped
			if end = indexFrom(src, i, '"'); end < 0 {
				return -1
			}
		}
		escape := strings.IndexByte(src[i:end], '\\')
		if escape < 0 {
			return end + 1
		}
		i += escape
	}
}

func indexFrom(s string, from int, c byte) int {
	if from > len(s) {
		return -1
	}
	n := strings.IndexByte(s[from:], c)
	if n < 0 {
		return -1
	}
	return from + n
}

// unquote reads a JSON string. A surrogate without its other half becomes U+FFFD.
func unquote(src string) string {
	if len(src) < 2 {
		return ""
	}
	src = src[1 : len(src)-1]
	i := strings.IndexByte(src, '\\')
	if i < 0 {
		return src
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
				if strings.HasPrefix(src, `\u`) {
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
		i = strings.IndexByte(src, '\\')
	}
	return string(append(out, src...))
}

// hex4 reads four hexadecimal digits; U+FFFD if they are none.
func hex4(src string) rune {
	if len(src) < 4 {
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(src[:4], 16, 16)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}
