package sns

import (
	"reflect"
	"unicode/utf8"

	"accessrelay/internal/event"
	"accessrelay/internal/wording"
)

// size is how much of an event is told.
type size struct {
	raw   bool
	texts int // bytes of each, 0: any number
	lists int // entries of each, 0: any number
}

// sizes are tried in turn until the message fits. raw goes first: it is the
// largest and holds what the rest of the event says in the platform's words. Then
// the long texts are cut, those who wrote most losing first; then lists end early.
// The last one fits whatever the event holds: some 200 texts of 64 bytes, of which
// JSON may make six times as many.
var sizes = []size{
	{raw: true},
	{},
	{texts: 128 << 10},
	{texts: 64 << 10},
	{texts: 16 << 10},
	{texts: 4 << 10},
	{texts: 1 << 10},
	{texts: 1 << 10, lists: 100},
	{texts: 256, lists: 30},
	{texts: 64, lists: 10},
}

// What was left out, as the message and an attribute of it say.
const (
	trimmedRaw   = "raw"
	trimmedTexts = "texts"
	trimmedLists = "lists"
)

// fit returns as much of ev as s allows, and what was left out. It does not
// change ev.
func (s size) fit(ev *event.Event) (small *event.Event, trimmed []string) {
	c := *ev
	if !s.raw && len(ev.Raw) > 0 {
		c.Raw = nil
		trimmed = append(trimmed, trimmedRaw)
	}
	if s.texts == 0 {
		return &c, trimmed
	}
	k := &knife{size: s}
	c.PlatformEvent = k.text(c.PlatformEvent)
	c.Request, c.Requester, c.Grantee = copied(k, c.Request), copied(k, c.Requester), copied(k, c.Grantee)
	c.Access, c.Approvals = copied(k, c.Access), copied(k, c.Approvals)
	c.Error = copied(k, c.Error)
	if k.cutTexts {
		trimmed = append(trimmed, trimmedTexts)
	}
	if k.cutLists {
		trimmed = append(trimmed, trimmedLists)
	}
	return &c, trimmed
}

// knife cuts what is longer than its size.
type knife struct {
	size
	cutTexts, cutLists bool
}

// copied returns v, a part of an event, with its texts and lists made short
// wherever they stand: a part that learns a new text is no longer for it.
func copied[T any](k *knife, v T) T {
	return k.value(reflect.ValueOf(v)).Interface().(T)
}

func (k *knife) value(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(k.value(v.Elem()))
		}
	case reflect.Slice:
		n := v.Len()
		if k.lists > 0 && n > k.lists {
			n, k.cutLists = k.lists, true
		}
		for i := range n {
			out = reflect.Append(out, k.value(v.Index(i)))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name == "URL" && v.Field(i).Len() > k.texts {
				k.cutTexts = true // what is left of a link leads elsewhere
				continue
			}
			out.Field(i).Set(k.value(v.Field(i)))
		}
	case reflect.String:
		out.SetString(k.text(v.String()))
	default:
		out.Set(v)
	}
	return out
}

// text cuts s to k.texts bytes, between two characters.
func (k *knife) text(s string) string {
	if len(s) <= k.texts {
		return s
	}
	k.cutTexts = true
	end := k.texts - len(wording.Ellipsis)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + wording.Ellipsis
}
