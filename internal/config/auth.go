package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"accessrelay/internal/authn"
	"accessrelay/internal/secret"
)

// auth reads the one method of a source. The methods and their keys are those
// of authn's structs, so that a new one needs no line here.
func (l *loader) auth(a at) authn.Config {
	var c authn.Config
	if !a.given() {
		l.fail(a, "is missing: name one method (%s)", strings.Join(l.methods(), ", "))
		return c
	}
	if !l.is(a, objectNode) {
		return c
	}
	o := l.object(a, l.methods()...)
	if l.err == nil && len(o.vals) != 1 {
		l.fail(a, "must have exactly one method (%s), has %d", strings.Join(l.methods(), ", "), len(o.vals))
	}
	resolve := l.need&NeedAuth != 0
	for method, place := range o.vals {
		if l.is(place, objectNode) {
			l.fields(place, reflect.ValueOf(&c).Elem().Field(fieldsByKey(reflect.TypeFor[authn.Config]())[method]), resolve)
		}
	}
	if l.err != nil {
		return c
	}
	if c.JWT != nil {
		l.jwtKey(o.vals["jwt"], c.JWT, resolve)
	}
	if l.err == nil && resolve {
		if err := c.Validate(); err != nil {
			l.authError(a, err)
		}
	}
	return c
}

func (l *loader) methods() []string {
	t := reflect.TypeFor[authn.Config]()
	var out []string
	for i := range t.NumField() {
		if key := yamlKey(t.Field(i)); key != "" {
			out = append(out, key)
		}
	}
	return out
}

// jwtKey loads the key's file. Unlike other _file keys this one is authn's own,
// so that its errors can name it.
func (l *loader) jwtKey(a at, c *authn.JWT, resolve bool) {
	o := l.object(a, keysOf(a)...)
	sources := 0
	for _, k := range []string{"key", "key_file", "jwks_url"} {
		if _, ok := o.vals[k]; ok {
			sources++
		}
	}
	switch {
	case sources != 1:
		l.fail(a, "must have exactly one of key, key_file and jwks_url, has %d", sources)
	case resolve && c.KeyFile != "":
		c.Key = []byte(l.secretFile(o.get("key_file")))
	}
}

// authError notes an error of authn, which begins with the key inside auth, at
// the place that the key has in the file, in the file's spelling.
func (l *loader) authError(a at, err error) {
	key, msg, _ := strings.Cut(err.Error(), ": ")
	place := at{key: a.key, line: a.line, n: a.n}
	for i, part := range strings.Split(key, ".") {
		name, index := splitIndex(part)
		e, ok := entryFor(place.n, name)
		switch {
		case ok:
			place = item(at{key: join(place.key, e.key), line: e.line, n: e.val}, index)
		case i == 0: // not a key at all
			place, msg = a, err.Error()
		default: // missing: its line is that of what it is missing from
			place = at{key: join(place.key, part), line: place.line}
		}
		if !ok {
			break
		}
	}
	l.fail(place, "%s", oneLine(msg))
}

// splitIndex splits "secrets[1]"; without an index it is -1.
func splitIndex(part string) (name string, index int) {
	name, rest, _ := strings.Cut(part, "[")
	index, err := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	if err != nil {
		return name, -1
	}
	return name, index
}

// entryFor finds key, or its spelling as a file or files, in the map n.
func entryFor(n *node, key string) (entry, bool) {
	if n == nil || n.kind != objectNode {
		return entry{}, false
	}
	for _, name := range []string{key, key + "_file", key + "_files"} {
		if e, ok := entryOf(n, name); ok {
			return e, true
		}
	}
	return entry{}, false
}

// entryOf finds key in the map n.
func entryOf(n *node, key string) (entry, bool) {
	i := slices.IndexFunc(n.entries, func(e entry) bool { return e.key == key })
	if i < 0 {
		return entry{}, false
	}
	return n.entries[i], true
}

// item is the place of an item of the list at a; a itself if there is none.
func item(a at, index int) at {
	if index < 0 || a.n == nil || a.n.kind != listNode || index >= len(a.n.items) {
		return a
	}
	n := a.n.items[index]
	return at{key: fmt.Sprintf("%s[%d]", a.key, index), line: n.line, n: n}
}

// fields fills the struct that v is, or points to, from the map at a. Each field
// answers to its yaml tag; a string also to …_file, and a list to …_files.
func (l *loader) fields(a at, v reflect.Value, resolve bool) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	byKey := fieldsByKey(v.Type())
	known, shown, rare := spellings(v.Type())
	allowed := append(slices.Clone(known), fileKeys(a, known)...)
	for _, key := range keysOf(a) {
		if e, _ := entryOf(a.n, key); !slices.Contains(allowed, key) {
			l.unknown(at{key: join(a.key, key), line: e.line}, key, shown, rare)
			return
		}
	}
	o := l.object(a, allowed...)
	for _, key := range keysOf(a) { // in the file's order
		place, ok := o.vals[key]
		if !ok {
			return
		}
		if i, ok := byKey[key]; ok {
			l.value(place, v.Field(i), resolve)
			continue
		}
		name, many, _ := base(key)
		if _, both := o.vals[name]; both {
			l.fail(place, "%s and %s exclude each other", name, key)
			return
		}
		l.fromFiles(place, v.Field(byKey[name]), many, resolve)
	}
}

// spellings returns the keys of struct type t; the same with those by which its
// secrets come from files; and those by which anything else does.
func spellings(t reflect.Type) (known, shown, rare []string) {
	for i := range t.NumField() {
		key := yamlKey(t.Field(i))
		if key == "" {
			continue
		}
		known, shown = append(known, key), append(shown, key)
		item, file := t.Field(i).Type, key+"_file"
		if item.Kind() == reflect.Slice {
			item, file = item.Elem(), key+"_files"
		}
		switch item {
		case reflect.TypeFor[secret.String]():
			shown = append(shown, file)
		case reflect.TypeFor[string]():
			rare = append(rare, file)
		}
	}
	return known, shown, rare
}

// fileKeys returns the keys at a that stand for one of known by a file.
func fileKeys(a at, known []string) []string {
	var out []string
	for _, key := range keysOf(a) {
		if name, _, ok := base(key); ok && slices.Contains(known, name) && !slices.Contains(known, key) {
			out = append(out, key)
		}
	}
	return out
}

func keysOf(a at) []string {
	if a.n == nil {
		return nil
	}
	var out []string
	for _, e := range a.n.entries {
		out = append(out, e.key)
	}
	return out
}

// value reads one value of whatever type v is.
func (l *loader) value(a at, v reflect.Value, resolve bool) {
	_, text := v.Interface().(string)
	if !resolve && !text && a.n.kind == stringNode && strings.Contains(a.n.text, "${") {
		l.expand(a, false) // what it will be is not for this program to know
		return
	}
	switch v.Interface().(type) {
	case time.Duration:
		v.SetInt(int64(l.duration(a, 0, 0)))
		return
	case *time.Duration:
		d := l.duration(a, 0, 0)
		v.Set(reflect.ValueOf(&d))
		return
	case string, secret.String:
		if l.is(a, stringNode) {
			l.setText(a, v, l.text(a, resolve))
		}
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		if l.is(a, boolNode) {
			v.SetBool(a.n.text == "true")
		}
	case reflect.Int:
		v.SetInt(int64(l.number(a, 0, 1<<31-1)))
	case reflect.Slice:
		if !l.is(a, listNode) {
			return
		}
		items := l.list(a)
		v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
		for i, item := range items {
			l.value(item, v.Index(i), resolve)
		}
	case reflect.Map:
		l.texts(a, v, resolve)
	case reflect.Struct, reflect.Pointer:
		if l.is(a, objectNode) {
			l.fields(a, v, resolve)
		}
	default:
		l.fail(a, "cannot be read by this version")
	}
}

// text is a string of auth: there if named, and never empty.
func (l *loader) text(a at, resolve bool) string {
	s := l.expand(a, resolve)
	if s == "" {
		l.fail(a, "is empty")
	}
	return s
}

func (l *loader) setText(a at, v reflect.Value, s string) {
	switch v.Interface().(type) {
	case secret.String:
		v.Set(reflect.ValueOf(secret.New(s)))
	case string:
		v.SetString(s)
	default:
		l.fail(a, "cannot be read from a file")
	}
}

// fromFiles sets v to the content of a file, or of a list of files.
func (l *loader) fromFiles(a at, v reflect.Value, many, resolve bool) {
	read := func(a at) string {
		if !resolve {
			l.is(a, stringNode)
			return ""
		}
		return l.secretFile(a)
	}
	switch {
	case many && v.Kind() != reflect.Slice:
		l.meant(a, "_files", "_file")
	case !many && v.Kind() == reflect.Slice:
		l.meant(a, "_file", "_files")
	case !many:
		l.setText(a, v, read(a))
	case l.is(a, listNode):
		items := l.list(a)
		v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
		for i, item := range items {
			l.setText(item, v.Index(i), read(item))
		}
	}
}

// meant notes a key that ends in one of _file and _files where its value needs the other.
func (l *loader) meant(a at, ending, other string) {
	key := a.key[strings.LastIndexByte(a.key, '.')+1:]
	l.fail(a, "unknown key, did you mean %q?", strings.TrimSuffix(key, ending)+other)
}

// fieldsByKey maps the yaml keys of struct type t to the places of its fields.
func fieldsByKey(t reflect.Type) map[string]int {
	out := map[string]int{}
	for i := range t.NumField() {
		if key := yamlKey(t.Field(i)); key != "" {
			out[key] = i
		}
	}
	return out
}

// yamlKey is the key of a field, or "" if the file cannot set it.
func yamlKey(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if key == "-" {
		return ""
	}
	return key
}

// oneLine keeps a foreign text from breaking the line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
