package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
)

func (l *loader) channels(tenantID string, a at) []*channel.Channel {
	var out []*channel.Channel
	names := map[string]int{} // to line
	for _, item := range l.list(a) {
		c, line := l.channel(tenantID, item)
		if l.err != nil {
			return nil
		}
		if first, ok := names[c.Name]; ok {
			l.fail(at{key: join(item.key, "name"), line: line}, "is the name of another channel too (line %d); names are unique in a tenant", first)
			return nil
		}
		names[c.Name] = line
		out = append(out, c)
	}
	return out
}

// channel reads one channel and returns the line of its name too.
func (l *loader) channel(tenantID string, a at) (*channel.Channel, int) {
	if !l.is(a, objectNode) {
		return nil, 0
	}
	o := l.object(a, "name", "type", "config", "event_filters", "rate_limit", "redact")
	c := &channel.Channel{
		TenantID:  tenantID,
		Name:      l.name(o.get("name")),
		Enabled:   true,
		ManagedBy: channel.ManagedByFile,
	}
	c.ID = channel.FileID(tenantID, c.Name)
	c.Filters = l.checked(o.get("event_filters"), event.CheckFilter)
	c.RateLimit = l.rate(o.get("rate_limit"))
	c.Redact = l.checked(o.get("redact"), event.CheckRedact)
	kind := l.kind(o.get("type"))
	if kind == nil {
		return c, 0
	}
	c.Type, c.TypeRate = kind.Type(), channel.DefaultRate(kind)
	l.channelConfig(o.get("config"), kind, c)
	return c, o.get("name").line
}

// checked reads a list of words that check has nothing against.
func (l *loader) checked(a at, check func(string) error) []string {
	var out []string
	for _, item := range l.list(a) {
		s := l.str(item)
		if l.err == nil {
			if err := check(s); err != nil {
				l.fail(item, "%v", err)
			}
		}
		out = append(out, s)
	}
	return out
}

func (l *loader) kind(a at) channel.Kind {
	slug := l.str(a)
	if l.err != nil {
		return nil
	}
	k := l.known.Kinds.BySlug(slug)
	if k == nil {
		l.fail(a, "not a channel type (there are %s)%s", strings.Join(l.known.Kinds.Slugs(), ", "), didYouMean(slug, l.known.Kinds.Slugs()))
	}
	return k
}

// channelConfig sets c's masked config and, if the program needs it, the
// config itself.
func (l *loader) channelConfig(a at, kind channel.Kind, c *channel.Channel) {
	if !l.is(a, objectNode) {
		return
	}
	j := jsonWriter{l: l, resolve: l.need&NeedChannels != 0, hidden: channel.Mask}
	raw := j.write(a)
	if l.err != nil {
		return
	}
	c.Masked = kind.Mask(raw)
	if j.resolve && j.refers {
		unresolved := jsonWriter{l: l, hidden: channel.Mask}
		other := jsonWriter{l: l, hidden: "x"}
		c.Masked = hideReferred(c.Masked, kind.Mask(unresolved.write(a)), kind.Mask(other.write(a)))
	}
	parsed, err := kind.Parse(raw)
	l.oneFile(a, err)
	if !j.resolve && j.refers { // what it refers to is not for this program to know
		err = ownTemplates(a, err)
	}
	if err != nil {
		l.kindError(a, err)
		return
	}
	if j.resolve {
		c.Config = parsed
	}
}

// ownTemplates is what of err, a kind's, is about templates that stand in the
// config at a as they are. They mean the same to every program, whatever
// variables and files the rest refers to; what else is wrong may come of those.
func ownTemplates(a at, err error) error {
	var invalid *channel.InvalidError
	if !errors.As(err, &invalid) {
		return nil
	}
	own := map[string]string{}
	for _, e := range a.n.entries {
		problem, wrong := invalid.Fields[e.key]
		if wrong && strings.HasSuffix(e.key, "_template") && !refers(e.val.text) {
			own[e.key] = problem
		}
	}
	if len(own) == 0 {
		return nil
	}
	return &channel.InvalidError{Fields: own}
}

// hideReferred returns masked, a config with its variables and files resolved,
// without the values that show what a variable or a file of its own holds: that is
// a secret, even in a template that is none. They are those that are not the same in
// unresolved and in other, of which each has another text for it. Three asterisks
// tell nothing: a template may have them of its own.
func hideReferred(masked, unresolved, other json.RawMessage) json.RawMessage {
	var shown, hidden, differs map[string]json.RawMessage
	if json.Unmarshal(masked, &shown) != nil || json.Unmarshal(unresolved, &hidden) != nil || json.Unmarshal(other, &differs) != nil {
		return unresolved
	}
	for key, value := range hidden {
		if !bytes.Equal(value, differs[key]) {
			shown[key] = value
		}
	}
	out, err := json.Marshal(shown)
	if err != nil {
		return unresolved
	}
	return out
}

// wantsText is what every kind says of a value that should be a text: see
// [channel.Object.Text].
const wantsText = "must be a string"

// oneFile notes a key in _files at a whose value the kind wants to be one text: it
// takes one file. That shows in both programs, whatever the files hold.
func (l *loader) oneFile(a at, err error) {
	var invalid *channel.InvalidError
	if !errors.As(err, &invalid) {
		return
	}
	for _, e := range a.n.entries {
		if name, many, _ := base(e.key); many && invalid.Fields[name] == wantsText {
			l.meant(at{key: join(a.key, e.key), line: e.line}, "_files", "_file")
		}
	}
}

// kindError notes what a kind has against a config. If it is one key, the line
// is that key's, and the key is as the file spells it.
func (l *loader) kindError(a at, err error) {
	var invalid *channel.InvalidError
	if errors.As(err, &invalid) && len(invalid.Fields) == 1 {
		for key, msg := range invalid.Fields {
			place := at{key: join(a.key, key), line: a.line}
			for _, e := range a.n.entries {
				if name, _, ok := base(e.key); e.key == key || ok && name == key {
					place = at{key: join(a.key, e.key), line: e.line}
				}
			}
			l.fail(place, "%s", oneLine(msg))
		}
		return
	}
	l.fail(a, "%s", oneLine(err.Error()))
}

// jsonWriter turns a map of the file into JSON, with its variables and files
// resolved or left as they are.
type jsonWriter struct {
	l       *loader
	resolve bool
	hidden  string // what stands for variables and files that are not resolved
	refers  bool   // a variable or file was met
}

func (j *jsonWriter) write(a at) json.RawMessage {
	v := j.value(a)
	if j.l.err != nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		j.l.fail(a, "cannot be written as JSON")
	}
	return b
}

func (j *jsonWriter) value(a at) any {
	switch a.n.kind {
	case stringNode:
		return j.text(a)
	case numberNode:
		return json.Number(a.n.text)
	case boolNode:
		return a.n.text == "true"
	case listNode:
		out := []any{}
		for _, item := range j.l.list(a) {
			out = append(out, j.value(item))
		}
		return out
	case objectNode:
		return j.object(a)
	default:
		return nil
	}
}

func (j *jsonWriter) text(a at) string {
	j.refers = j.refers || refers(a.n.text)
	if j.resolve {
		return j.l.expand(a, true)
	}
	return j.l.expandWith(a, func(string) string { return j.hidden })
}

func (j *jsonWriter) object(a at) map[string]any {
	out := make(map[string]any, len(a.n.entries))
	from := make(map[string]string, len(a.n.entries))
	for _, e := range a.n.entries {
		place := at{key: join(a.key, e.key), line: e.line, n: e.val}
		name, many, isFile := base(e.key)
		if !isFile {
			name = e.key
		}
		if other, both := from[name]; both {
			j.l.fail(place, "%s and %s exclude each other", other, e.key)
			return nil
		}
		from[name] = e.key
		switch {
		case !isFile:
			out[name] = j.value(place)
		case many:
			files := []any{}
			if j.l.is(place, listNode) {
				for _, item := range j.l.list(place) {
					files = append(files, j.file(item))
				}
			}
			out[name] = files
		default:
			out[name] = j.file(place)
		}
	}
	return out
}

// file is a secret in a file of its own. Unresolved it is hidden, as a variable is.
func (j *jsonWriter) file(a at) string {
	j.refers = true
	if j.resolve {
		return j.l.secretFile(a)
	}
	j.l.is(a, stringNode)
	return j.hidden
}
