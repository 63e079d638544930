package event

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep arrays and objects may nest. It is the limit of
// encoding/json, so that what can be decoded can be fingerprinted.
const maxDepth = 10000

// Fingerprint returns a text of 43 characters (base64url of a SHA-256) that is
// equal for bodies that are equal as JSON and different for all others.
//
// Key order, white space and the way a string is escaped do not count. The
// order of an array does. Numbers compare as written: 1.0, 1 and 1e0 are three
// numbers. Of several members with one key the last counts, as in
// encoding/json. Halves of surrogate pairs standing alone, which encoding/json
// turns into U+FFFD, keep their difference: two payloads that a platform wrote
// differently are never taken for one.
//
// The error, for a body that is not one JSON value in valid UTF-8 or that nests
// deeper than 10,000 levels, names the place and nothing of the content.
//
// Time is linear in the size, but for the sorting of keys.
func Fingerprint(body []byte) (string, error) {
	if !utf8.Valid(body) {
		return "", errors.New("fingerprint: not valid UTF-8")
	}
	// Room enough for the usual payload, so that nothing grows.
	d := digester{in: body, out: make([]byte, 0, 2*len(body)+sha256.Size), members: make([]member, 0, 32)}
	d.space()
	if !d.value() {
		return "", fmt.Errorf("fingerprint: not valid JSON at byte %d", d.pos)
	}
	d.space()
	if d.pos != len(body) {
		return "", fmt.Errorf("fingerprint: more than one JSON value at byte %d", d.pos)
	}
	sum := sha256.Sum256(d.out)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// The canonical bytes of a value start with its tag. Text and numbers end with
// endMark, a byte that UTF-8 never has, so that no two lists of values have the
// same bytes. An array or object is its tag and the digest of its content: a
// member's size is then bounded whatever it holds, which keeps the reordering
// of nested objects linear.
const (
	tagText   = '"'
	tagNumber = '#'
	tagTrue   = 't'
	tagFalse  = 'f'
	tagNull   = 'n'
	tagArray  = '['
	tagObject = '{'
	endMark   = 0xFF
)

// digester reads one JSON text and writes canonical bytes. Its methods report
// false at a syntax error, with pos at the place.
type digester struct {
	in      []byte
	pos     int
	depth   int
	out     []byte
	members []member // of all objects that are open, innermost last
}

// member is where one member of an object stands in out.
type member struct{ key, value, end int }

func (d *digester) value() bool {
	if d.pos >= len(d.in) {
		return false
	}
	switch c := d.in[d.pos]; c {
	case '{', '[':
		return d.nested(c)
	case '"':
		return d.text()
	case 't':
		return d.literal("true", tagTrue)
	case 'f':
		return d.literal("false", tagFalse)
	case 'n':
		return d.literal("null", tagNull)
	default:
		return d.number()
	}
}

func (d *digester) nested(bracket byte) bool {
	if d.depth++; d.depth > maxDepth {
		return false
	}
	defer func() { d.depth-- }()
	d.pos++ // the bracket
	d.space()
	if bracket == '{' {
		return d.object()
	}
	return d.array()
}

func (d *digester) object() bool {
	start, first := len(d.out), len(d.members)
	for !d.take('}') {
		if len(d.members) > first {
			if !d.take(',') {
				return false
			}
			d.space()
		}
		m := member{key: len(d.out)}
		if !d.text() {
			return false
		}
		m.value = len(d.out)
		d.space()
		if !d.take(':') {
			return false
		}
		d.space()
		if !d.value() {
			return false
		}
		m.end = len(d.out)
		d.members = append(d.members, m)
		d.space()
	}
	from := d.reorder(start, d.members[first:])
	d.members = d.members[:first]
	d.fold(tagObject, start, from)
	return true
}

// reorder returns where in out the members stand sorted by key, each key once:
// at start if they already do, else at a copy behind it.
func (d *digester) reorder(start int, ms []member) int {
	key := func(m member) []byte { return d.out[m.key:m.value] }
	ordered := true
	for i := 1; i < len(ms) && ordered; i++ {
		ordered = bytes.Compare(key(ms[i-1]), key(ms[i])) < 0
	}
	if ordered {
		return start
	}
	slices.SortFunc(ms, func(a, b member) int {
		if c := bytes.Compare(key(a), key(b)); c != 0 {
			return c
		}
		return a.key - b.key // equal keys stay in the order they were written
	})
	from := len(d.out)
	for i, m := range ms {
		if i+1 < len(ms) && bytes.Equal(key(m), key(ms[i+1])) {
			continue // a later one of this key wins
		}
		d.out = append(d.out, d.out[m.key:m.end]...)
	}
	return from
}

func (d *digester) array() bool {
	start := len(d.out)
	for n := 0; !d.take(']'); n++ {
		if n > 0 {
			if !d.take(',') {
				return false
			}
			d.space()
		}
		if !d.value() {
			return false
		}
		d.space()
	}
	d.fold(tagArray, start, start)
	return true
}

// fold replaces what stands in out from start on by the tag and the digest of
// what stands there from from on.
func (d *digester) fold(tag byte, start, from int) {
	sum := sha256.Sum256(d.out[from:])
	d.out = append(append(d.out[:start], tag), sum[:]...)
}

func (d *digester) literal(word string, tag byte) bool {
	if !bytes.HasPrefix(d.in[d.pos:], []byte(word)) {
		return false
	}
	d.pos += len(word)
	d.out = append(d.out, tag)
	return true
}

func (d *digester) number() bool {
	start := d.pos
	d.take('-')
	if !d.take('0') && !d.digits() {
		return false
	}
	if d.take('.') && !d.digits() {
		return false
	}
	if d.take('e') || d.take('E') {
		if !d.take('+') {
			d.take('-')
		}
		if !d.digits() {
			return false
		}
	}
	d.out = append(append(append(d.out, tagNumber), d.in[start:d.pos]...), endMark)
	return true
}

func (d *digester) digits() bool {
	start := d.pos
	for d.pos < len(d.in) && '0' <= d.in[d.pos] && d.in[d.pos] <= '9' {
		d.pos++
	}
	return d.pos > start
}

func (d *digester) text() bool {
	if !d.take('"') {
		return false
	}
	d.out = append(d.out, tagText)
	plain := d.pos // where the part begins that is not yet written
	for d.pos < len(d.in) {
		switch c := d.in[d.pos]; {
		case c == '"':
			d.out = append(append(d.out, d.in[plain:d.pos]...), endMark)
			d.pos++
			return true
		case c == '\\':
			d.out = append(d.out, d.in[plain:d.pos]...)
			d.pos++
			if !d.escape() {
				return false
			}
			plain = d.pos
		case c < ' ':
			return false
		default:
			d.pos++
		}
	}
	return false
}

// escape reads what follows a backslash.
func (d *digester) escape() bool {
	if d.pos >= len(d.in) {
		return false
	}
	c := d.in[d.pos]
	if c == 'u' {
		d.pos++
		return d.unicode()
	}
	i := bytes.IndexByte([]byte(`"\/bfnrt`), c)
	if i < 0 {
		return false
	}
	d.pos++
	d.out = append(d.out, "\"\\/\b\f\n\r\t"[i])
	return true
}

// unicode reads the four hex digits behind \u and, if they are the first half
// of a surrogate pair, the second half too.
func (d *digester) unicode() bool {
	r, ok := d.hex4(d.pos)
	if !ok {
		return false
	}
	d.pos += 4
	if utf16.IsSurrogate(r) {
		if bytes.HasPrefix(d.in[d.pos:], []byte(`\u`)) {
			if low, ok := d.hex4(d.pos + 2); ok {
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					d.pos += 6
					d.out = utf8.AppendRune(d.out, pair)
					return true
				}
			}
		}
		// utf8.AppendRune would write U+FFFD for every lone half.
		d.out = append(d.out, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
		return true
	}
	d.out = utf8.AppendRune(d.out, r)
	return true
}

func (d *digester) hex4(at int) (rune, bool) {
	if at+4 > len(d.in) {
		return 0, false
	}
	var r rune
	for _, c := range d.in[at : at+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// take reads c if it comes next.
func (d *digester) take(c byte) bool {
	if d.pos < len(d.in) && d.in[d.pos] == c {
		d.pos++
		return true
	}
	return false
}

func (d *digester) space() {
	for d.pos < len(d.in) {
		switch d.in[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}
