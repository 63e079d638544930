package handlebars

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"accessrelay/internal/wording"
)

// Helpers for what destinations ask of a body: docs/recipes has them in use.

// factBudget is how wide the value of one of {{facts}} is at most, brackets left out.
const factBudget = 400

// equalsAny reports whether the first of args equals one of the others.
func equalsAny(r *run, args []*value) (*value, error) {
	for _, other := range args[1:] {
		same, err := r.equal(args[0], other)
		if err != nil || same {
			return boolValue(same), err
		}
	}
	return boolValue(false), nil
}

// epochSeconds writes a time in epoch seconds, with as many decimals as are asked
// for. What is no time is absent.
func epochSeconds(r *run, args []*value) (*value, error) {
	t, ok := timeOf(args[0])
	if !ok {
		return nil, nil
	}
	seconds, decimals := t.Unix(), 0
	if len(args) > 1 {
		decimals = min(atoi(args[1]), 9)
	}
	text := strconv.FormatInt(seconds, 10)
	// Before 1970 the decimals would count the other way: there the seconds do.
	if decimals > 0 && seconds >= 0 {
		text += t.Format("." + strings.Repeat("0", decimals))
	}
	return numberValue(text), r.spend(4)
}

// timeOf reads a time as the event has it.
func timeOf(v *value) (time.Time, bool) {
	const longest = len("2006-01-02T15:04:05.999999999+07:00")
	if v == nil || v.kind != textKind || v.size() > longest {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, v.text())
	return t, err == nil
}

// firstItems returns a list's first items, at most as many as are asked for.
func firstItems(r *run, args []*value) (*value, error) {
	list := args[0]
	if list == nil || list.kind != listKind {
		return list, nil
	}
	k, err := r.inside(list)
	if err != nil {
		return nil, err
	}
	return listOf(k.vals[:min(atoi(args[1]), len(k.vals))]), nil
}

// facts are who, what and until when, as a list of label and value, each a line of
// plain text.
func facts(r *run, _ []*value) (*value, error) {
	var out []value
	if r.ev != nil {
		for _, f := range wording.Facts(r.ev, wording.Plain, factBudget) {
			out = append(out, *objectOf([]string{"label", "value"}, []value{*textValue(f.Label), *textValue(f.Value)}))
		}
	}
	return listOf(out), r.spend(500)
}

// factType is what facts returns.
var factType = &typ{kind: listKind, elem: &typ{
	kind: objectKind, keys: []string{"label", "value"}, kids: map[string]*typ{"label": textType, "value": textType},
}}

// link is the request's address if somebody may be sent there, else nothing.
func link(r *run, _ []*value) (*value, error) {
	if r.ev == nil {
		return nil, nil
	}
	address := wording.Link(r.ev)
	if address == "" {
		return nil, r.spend(50)
	}
	return textValue(address), r.spend(50)
}

// markdown makes a text one line of Markdown that means only itself: a backslash
// before what CommonMark or Discord would take for their own (both drop it again),
// no control characters, none that turn the direction.
func markdown(s string) string {
	var b strings.Builder
	begins := true // a heading, list or quotation would
	for i, c := range s {
		switch {
		case turns(c):
			continue
		case unicode.IsSpace(c), unicode.IsControl(c):
			b.WriteByte(' ')
			continue
		case strings.ContainsRune("\\`*_~|[]<>@&$", c),
			begins && strings.ContainsRune("#+-=", c),
			c == ':' && strings.HasPrefix(s[i:], "://"): // some make a link of any address
			b.WriteByte('\\')
		}
		begins = false
		b.WriteRune(c)
	}
	return b.String()
}
