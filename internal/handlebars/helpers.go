package handlebars

import (
	"sort"
	"strconv"
	"strings"
	"unicode/utf16"
)

// helper is a function of the language. Blocks are not among them.
type helper struct {
	usage    string
	min, max int // arguments
	do       func(r *run, args []*value) (*value, error)
}

// jsonHelper is known by itself: alone in {{…}} it writes JSON.
var jsonHelper = &helper{"json value", 1, 1, func(r *run, args []*value) (*value, error) {
	b, err := r.jsonText(args[0])
	return textValue(string(b)), err
}}

var helpers = map[string]*helper{
	"json": jsonHelper,
	"eq":   {"eq a b …", 2, maxParams, equalsAny},
	"ne": {"ne a b", 2, 2, func(r *run, args []*value) (*value, error) {
		same, err := r.equal(args[0], args[1])
		return boolValue(!same), err
	}},
	"and": {"and a b …", 2, maxParams, func(r *run, args []*value) (*value, error) { return r.firstThatIs(false, args) }},
	"or":  {"or a b …", 2, maxParams, func(r *run, args []*value) (*value, error) { return r.firstThatIs(true, args) }},
	"not": {"not a", 1, 1, func(r *run, args []*value) (*value, error) {
		yes, err := r.truthy(args[0])
		return boolValue(!yes), err
	}},
	"default": {"default value otherwise …", 2, maxParams, func(_ *run, args []*value) (*value, error) {
		for _, v := range args {
			if !isBlank(v) {
				return v, nil
			}
		}
		return args[len(args)-1], nil
	}},
	"lookup": {"lookup value key", 2, 2, func(r *run, args []*value) (*value, error) {
		key, err := r.text(args[1])
		if err != nil {
			return nil, err
		}
		return r.member(args[0], key)
	}},
	"join":     {`join list ", "`, 2, 3, join},
	"first":    {"first list 10", 2, 2, firstItems},
	"facts":    {"facts", 0, 0, facts},
	"link":     {"link", 0, 0, link},
	"html":     {"html text", 1, 1, mapped(escapeHTML)},
	"markdown": {"markdown text", 1, 1, mapped(markdown)},
	"upper":    {"upper text", 1, 1, mapped(strings.ToUpper)},
	"lower":    {"lower text", 1, 1, mapped(strings.ToLower)},
	"truncate": {"truncate text 100", 2, 2, func(r *run, args []*value) (*value, error) {
		s, err := r.text(args[0])
		if err != nil {
			return nil, err
		}
		n := atoi(args[1])
		if err := r.spend(min(len(s), n) / 8); err != nil {
			return nil, err
		}
		return textValue(truncate(s, n)), nil
	}},
	"epoch": {"epoch time 3", 1, 2, epochSeconds},
	"epoch_ms": {"epoch_ms time", 1, 1, func(r *run, args []*value) (*value, error) {
		t, ok := timeOf(args[0])
		if !ok {
			return nil, r.spend(stepsATime)
		}
		return numberValue(strconv.FormatInt(t.UnixMilli(), 10)), r.spend(stepsATime)
	}},
	"contains": {"contains text part", 2, 2, contains},
	"starts_with": {"starts_with text beginning", 2, 2, func(r *run, args []*value) (*value, error) {
		s, err := r.text(args[0])
		if err != nil {
			return nil, err
		}
		start, err := r.text(args[1])
		return boolValue(strings.HasPrefix(s, start)), err
	}},
	"summary": {"summary", 0, 0, summary},
}

// blockNames are the helpers that stand only in {{#…}}.
var blockNames = map[string]blockKind{"if": ifBlock, "unless": unlessBlock, "each": eachBlock, "with": withBlock}

func helperNames() []string {
	var out []string
	for name := range helpers {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// equal compares texts, numbers and bools of one kind. Absent and null are the
// same; a list or an object equals only itself.
func (r *run) equal(a, b *value) (bool, error) {
	if a == nil {
		a = nullValue
	}
	if b == nil {
		b = nullValue
	}
	if a.kind != b.kind {
		return false, nil
	}
	switch a.kind {
	case nullKind:
		return true, nil
	case listKind, objectKind:
		return a == b, nil
	default:
	}
	s, err := r.text(a)
	if err != nil {
		return false, err
	}
	t, err := r.text(b)
	if err != nil {
		return false, err
	}
	if a.kind != numberKind || s == t {
		return s == t, nil
	}
	// A float64 holds fifteen digits exactly; longer ones are compared as written.
	if len(s) > 15 || len(t) > 15 {
		return false, nil
	}
	x, errX := strconv.ParseFloat(s, 64)
	y, errY := strconv.ParseFloat(t, 64)
	return errX == nil && errY == nil && x == y, nil
}

// firstThatIs returns the first of args that {{#if}} takes for want, else the last.
func (r *run) firstThatIs(want bool, args []*value) (*value, error) {
	for _, v := range args {
		is, err := r.truthy(v)
		if err != nil || is == want {
			return v, err
		}
	}
	return args[len(args)-1], nil
}

// isBlank reports whether v says nothing: absent, null or an empty text.
func isBlank(v *value) bool {
	return v == nil || v.kind == nullKind || v.kind == textKind && v.size() == 0
}

// join writes the items of a list, or what is at a path in each of them, with
// a text between. What says nothing is left out.
func join(r *run, args []*value) (*value, error) {
	list := args[0]
	if list == nil || list.kind != listKind {
		return list, nil
	}
	k, err := r.inside(list)
	if err != nil {
		return nil, err
	}
	var path []string
	if len(args) > 2 {
		at, err := r.text(args[2])
		if err != nil {
			return nil, err
		}
		path = strings.Split(at, ".") // the checker has counted them
	}
	between, err := r.text(args[1])
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	for i := range k.vals {
		v := &k.vals[i]
		if err := r.spend(len(path)); err != nil {
			return nil, err
		}
		for _, part := range path {
			if v, err = r.member(v, part); err != nil {
				return nil, err
			}
		}
		s, err := r.text(v)
		if err != nil {
			return nil, err
		}
		if err := r.spend(1 + (len(s)+len(between))/bytesAStep); err != nil {
			return nil, err
		}
		if s == "" {
			continue
		}
		if out.Len() > 0 {
			out.WriteString(between)
		}
		out.WriteString(s)
		if err := r.room(out.Len()); err != nil {
			return nil, err
		}
	}
	return textValue(out.String()), nil
}

// mapped is a helper that looks at every rune of a text.
func mapped(f func(string) string) func(*run, []*value) (*value, error) {
	return func(r *run, args []*value) (*value, error) {
		s, err := r.text(args[0])
		if err != nil {
			return nil, err
		}
		if err := r.spend(len(s) / 4); err != nil {
			return nil, err
		}
		return textValue(f(s)), nil
	}
}

// truncate cuts s to n characters, of which the last is then an ellipsis. It
// counts as destinations do that keep text in UTF-16, most emoji as two: who
// counts runes gets no more than n either.
func truncate(s string, n int) string {
	if n <= 0 || len(s) <= n {
		return s
	}
	used, cut := 0, 0
	for i, c := range s {
		if used < n {
			cut = i
		}
		if used += max(1, utf16.RuneLen(c)); used > n {
			return s[:cut] + "…"
		}
	}
	return s
}

// atoi is a whole number above 0 that the template gives, or 0.
func atoi(v *value) int {
	if v == nil || v.kind != numberKind || len(v.str) > maxDigits {
		return 0
	}
	n, err := strconv.Atoi(v.str)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// contains looks for a part of a text, or for an item of a list.
func contains(r *run, args []*value) (*value, error) {
	if args[0] != nil && args[0].kind == listKind {
		k, err := r.inside(args[0])
		if err != nil {
			return nil, err
		}
		for i := range k.vals {
			same, err := r.equal(&k.vals[i], args[1])
			if err != nil {
				return nil, err
			}
			if err := r.spend(1); err != nil || same {
				return boolValue(same), err
			}
		}
		return boolValue(false), nil
	}
	s, err := r.text(args[0])
	if err != nil {
		return nil, err
	}
	part, err := r.text(args[1])
	if err != nil {
		return nil, err
	}
	if err := r.spend((len(s) + len(part)) / 8); err != nil {
		return nil, err
	}
	return boolValue(part != "" && strings.Contains(s, part)), nil
}
