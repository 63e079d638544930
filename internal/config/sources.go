package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"accessrelay/internal/source"
	"accessrelay/internal/source/canonical"
)

// sourceKeys are the keys that every source can have.
var sourceKeys = []string{"id", "platform", "auth", "dedup_window", "rate_limit"}

func (l *loader) source(a at, tenantID string) *Source {
	if !l.is(a, objectNode) {
		return nil
	}
	kind := l.platformOf(a)
	o := l.object(a, slices.Concat(sourceKeys, settingKeys(kind))...)
	l.is(o.get("platform"), stringNode)
	s := &Source{ID: l.sourceID(o.get("id")), TenantID: tenantID, Platform: kind}
	if c, ok := s.Platform.(source.Configurable); ok && l.err == nil {
		s.Platform, s.Settings = l.configured(a, c)
	}
	s.Auth = l.auth(o.get("auth"))
	s.DedupWindow = l.duration(o.get("dedup_window"), DefaultDedupWindow, 0)
	s.RateLimit = l.rate(o.get("rate_limit"))
	return s
}

func (l *loader) sourceID(a at) string {
	id := l.str(a)
	switch {
	case l.err != nil:
	case len(id) > 63 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		l.fail(a, "must be 1 to 63 of a-z, 0-9 and -")
	case slices.Contains(canonical.Names(), id):
		l.fail(a, "%s is the source of the relay's own events, so no other can have that id; take another, such as acme-%s", id, id)
	}
	return id
}

// platformOf returns the platform of the source at a, nil if it names none. It is
// looked at first: it says which other keys there are.
func (l *loader) platformOf(a at) source.Platform {
	for _, e := range a.n.entries {
		if e.key == "platform" {
			p := l.platform(at{key: join(a.key, e.key), line: e.line, n: e.val})
			l.notOfPlatform(a, p)
			return p
		}
	}
	return nil
}

func (l *loader) platform(a at) source.Platform {
	name := l.str(a)
	if l.err != nil {
		return nil
	}
	p := l.known.Platforms[name]
	if p == nil {
		have := slices.Sorted(maps.Keys(l.known.Platforms))
		l.fail(a, "not a platform of this version (it has %s)%s", strings.Join(have, ", "), didYouMean(name, have))
	}
	return p
}

// notOfPlatform notes a key of the source at a that another platform's sources have.
func (l *loader) notOfPlatform(a at, kind source.Platform) {
	mine := slices.Concat(sourceKeys, settingKeys(kind))
	for _, e := range a.n.entries {
		var of []string
		for _, name := range slices.Sorted(maps.Keys(l.known.Platforms)) {
			if slices.Contains(settingKeys(l.known.Platforms[name]), e.key) {
				of = append(of, name)
			}
		}
		if len(of) > 0 && !slices.Contains(mine, e.key) {
			l.fail(at{key: join(a.key, e.key), line: e.line}, "is only for platform %s", strings.Join(of, ", "))
		}
	}
}

// configured returns what the source at a makes of its platform, and by what settings.
func (l *loader) configured(a at, c source.Configurable) (source.Platform, source.Settings) {
	settings := c.NewSettings()
	own := *a.n // the source with the platform's keys alone
	own.entries = slices.DeleteFunc(slices.Clone(own.entries), func(e entry) bool { return slices.Contains(sourceKeys, e.key) })
	l.fields(at{key: a.key, line: a.line, n: &own}, reflect.ValueOf(settings).Elem(), true)
	if l.err != nil {
		return nil, nil
	}
	p, err := settings.Platform()
	if err != nil {
		l.settingsError(a, &own, err)
		return nil, nil
	}
	return p, settings
}

// settingsError notes an error that begins with a key, whose parts may have dots
// themselves, at the place of that key. A key that is missing has the source's line.
func (l *loader) settingsError(a at, own *node, err error) {
	place, text := at{key: a.key, line: a.line, n: own}, err.Error()
	for place.n != nil && place.n.kind == objectNode {
		found := -1
		for i, e := range place.n.entries {
			rest, ok := strings.CutPrefix(text, e.key)
			if ok && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, ": ")) &&
				(found < 0 || len(e.key) > len(place.n.entries[found].key)) {
				found = i
			}
		}
		if found < 0 {
			break
		}
		e := place.n.entries[found]
		place = at{key: join(place.key, e.key), line: e.line, n: e.val}
		rest := text[len(e.key):]
		if msg, ok := strings.CutPrefix(rest, ": "); ok {
			l.fail(place, "%s", oneLine(msg))
			return
		}
		text = rest[1:]
	}
	key, msg, _ := strings.Cut(text, ": ")
	l.fail(at{key: join(place.key, key), line: place.line}, "%s", oneLine(msg))
}

// settingKeys are the further keys of sources of platform p.
func settingKeys(p source.Platform) []string {
	c, ok := p.(source.Configurable)
	if !ok {
		return nil
	}
	t := reflect.TypeOf(c.NewSettings()).Elem()
	var out []string
	for i := range t.NumField() {
		if key := yamlKey(t.Field(i)); key != "" {
			out = append(out, key)
		}
	}
	return out
}

// texts reads a map of strings under names of the operator's choice.
func (l *loader) texts(a at, v reflect.Value, resolve bool) {
	if !l.is(a, objectNode) {
		return
	}
	o := l.object(a, keysOf(a)...)
	v.Set(reflect.MakeMapWithSize(v.Type(), len(o.vals)))
	for _, key := range keysOf(a) { // in the file's order
		place := o.vals[key]
		if flat := flatKey(place.n); flat != "" {
			l.fail(place, "must be %s, not %s: write %s.%s: …", stringNode, place.n.kind, join("", key), flat)
			return
		}
		if l.is(place, stringNode) {
			v.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(l.text(place, resolve)))
		}
	}
}

// flatKey is the first key of the map n with those below it, as one key whose parts
// are separated by dots; "" if n is no map.
func flatKey(n *node) string {
	if n == nil || n.kind != objectNode || len(n.entries) == 0 {
		return ""
	}
	first := n.entries[0]
	if below := flatKey(first.val); below != "" {
		return join("", first.key) + "." + below
	}
	return join("", first.key)
}
