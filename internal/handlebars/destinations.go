package handlebars

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"accessrelay/internal/event"
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
		return nil, r.spend(stepsATime)
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
	return numberValue(text), r.spend(stepsATime)
}

// stepsATime is what it costs to read a time, or to find that it is none.
const stepsATime = 10

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
	return r.once(&r.facts, 500, func(ev *event.Event) *value {
		var out []value
		for _, f := range wording.Facts(ev, wording.Plain, factBudget) {
			out = append(out, *objectOf([]string{"label", "value"}, []value{*textValue(f.Label), *textValue(f.Value)}))
		}
		return listOf(out)
	})
}

// summary is the event in one line of plain text. Who approved is looked for among
// all approvals.
func summary(r *run, _ []*value) (*value, error) {
	return r.once(&r.summary, 200, func(ev *event.Event) *value { return textValue(wording.Headline(ev)) })
}

// once makes what hangs on the event alone when it is first asked for, and pays for
// it then: the words for an event may cost milliseconds. Without an event there is
// nothing.
func (r *run) once(kept **value, steps int, of func(*event.Event) *value) (*value, error) {
	if *kept != nil || r.ev == nil {
		return *kept, nil
	}
	if err := r.spend(steps + len(r.ev.Approvals)/4); err != nil {
		return nil, err
	}
	*kept = of(r.ev)
	return *kept, nil
}

// factType is what facts returns.
var factType = &typ{kind: listKind, elem: &typ{
	kind: objectKind, keys: []string{"label", "value"}, kids: map[string]*typ{"label": textType, "value": textType},
}}

// link is the request's address if somebody may be sent there, else nothing.
func link(r *run, _ []*value) (*value, error) {
	return r.once(&r.link, 50, func(ev *event.Event) *value {
		if address := wording.Link(ev); address != "" {
			return textValue(address)
		}
		return nullValue
	})
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
