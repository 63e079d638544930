package handlebars

import (
	"bytes"
	"slices"
	"strings"
)

// htmlState knows whether the template has opened an address, such as href="…", and
// what stands in it so far: an event's text must not say which scheme it has, or
// javascript: could be one. Within a document type that has other uses for an
// attribute of that name, nothing changes but a colon that would end a scheme.
type htmlState struct {
	quote byte            // that ends it; 0: none is open
	fixed bool            // the scheme is known, or there is none
	begun [maxScheme]byte // what a scheme would be, as far as it matters
	n     int             // how much of begun there is
}

var (
	addressNames   = []string{"href", "src", "action", "formaction", "xlink:href"}
	addressSchemes = []string{"http", "https", "mailto"}
)

// maxScheme is longer than any of addressSchemes.
const maxScheme = 16

// literal follows the template's text, which is out from from on.
func (h *htmlState) literal(out []byte, from int) {
	for i := from; i < len(out); i++ {
		switch c := out[i]; {
		case h.quote == 0 && (c == '"' || c == '\'') && opensAddress(out[:i]):
			*h = htmlState{quote: c}
		case h.quote == 0:
		case c == h.quote:
			*h = htmlState{}
		case !h.fixed:
			h.fixed = h.take(c)
		}
	}
}

// text makes the first colon of s a part of a path where it would end a scheme that
// nobody may be sent to.
func (h *htmlState) text(s string) string {
	if h.quote == 0 || h.fixed {
		return s
	}
	for i := range len(s) {
		if h.fixed = h.take(s[i]); !h.fixed {
			continue
		}
		if s[i] == ':' && !oneOf(addressSchemes, h.begun[:h.n]) {
			return s[:i] + "%3A" + s[i+1:]
		}
		return s
	}
	return s
}

// take reports whether c decides what scheme the address has. What browsers leave
// out is left out: see "basic URL parser" of the URL standard.
func (h *htmlState) take(c byte) (decides bool) {
	switch {
	case c == ':' || c == '/' || c == '?' || c == '#':
		return true
	case c == '\t' || c == '\n' || c == '\r' || c <= ' ' && h.n == 0:
	case h.n < maxScheme:
		h.begun[h.n] = c
		h.n++
	}
	return false
}

// opensAddress reports whether a quotation mark behind out begins an address.
func opensAddress(out []byte) bool {
	const blanks = " \t\r\n"
	out = out[max(0, len(out)-64):] // no longer than anybody writes it
	before, ok := bytes.CutSuffix(bytes.TrimRight(out, blanks), []byte("="))
	if !ok {
		return false
	}
	before = bytes.TrimRight(before, blanks)
	return oneOf(addressNames, before[1+bytes.LastIndexAny(before, blanks+`"'/<`):])
}

func oneOf(names []string, name []byte) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, string(name)) })
}
