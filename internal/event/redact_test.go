package event

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// full has every fact that an event can have, each text and time another one,
// and lists of two. planted is path to what stands there.
func full(t *testing.T) (ev *Event, planted map[string][]string) {
	t.Helper()
	ev, planted = &Event{}, map[string][]string{}
	n := 0
	var fill func(v reflect.Value, path string)
	fill = func(v reflect.Value, path string) {
		n++
		switch x := v.Addr().Interface().(type) {
		case *time.Time:
			*x = time.Date(2026, 1, 1, 0, 0, 0, n, time.UTC)
			planted[path] = append(planted[path], x.Format(time.RFC3339Nano))
			return
		case *json.RawMessage:
			*x = json.RawMessage(`{"everything":"raw-text","list":[{"n":1.50,"a":{"b":"deep"}},{"n":2}]}`)
			planted[path] = append(planted[path], "raw-text")
			return
		}
		switch v.Kind() {
		case reflect.String:
			text := fmt.Sprintf("planted-%d.", n)
			v.SetString(text)
			planted[path] = append(planted[path], text)
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), path)
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			fill(v.Index(0), path)
			fill(v.Index(1), path)
		case reflect.Struct:
			for i := range v.NumField() {
				name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
				fill(v.Field(i), strings.TrimPrefix(path+"."+name, "."))
			}
		default:
			t.Fatalf("%s: a fact of kind %v: what is it to be redacted?", path, v.Kind())
		}
	}
	fill(reflect.ValueOf(ev).Elem(), "")
	return ev, planted
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRedactHides: what is redacted is nowhere in what is left, what is not is
// there as it was, and the event itself does not change.
func TestRedactHides(t *testing.T) {
	ev, planted := full(t)
	before, paths := asJSON(t, ev), RedactPaths()
	sets := [][]string{}
	for _, p := range paths {
		sets = append(sets, []string{p})
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var set []string
		for range 1 + rng.IntN(8) {
			set = append(set, paths[rng.IntN(len(paths))])
		}
		sets = append(sets, set)
	}
	for _, set := range sets {
		got := asJSON(t, Redact(ev, set))
		for path, texts := range planted {
			hidden := slices.ContainsFunc(set, func(p string) bool { return p == path || strings.HasPrefix(path, p+".") }) || path == "raw"
			for _, text := range texts {
				if strings.Contains(got, text) == hidden {
					t.Fatalf("without %v: %s: hidden is to be %v: %s", set, path, hidden, got)
				}
			}
		}
		if strings.Contains(got, "{}") || strings.Contains(got, "[]") || strings.Contains(got, "null") {
			t.Fatalf("without %v an empty shell is left: %s", set, got)
		}
		if after := asJSON(t, ev); after != before {
			t.Fatalf("without %v the event itself changed: %s", set, after)
		}
	}
}

func TestRedact(t *testing.T) {
	const head = `"id":"evt_1","type":"grant.active","tenant_id":"t","source":"s","platform":"p"`
	const in = `{` + head + `,"received_at":"2026-01-01T00:00:00Z","request":{"reason":"why"},` +
		`"requester":{"name":"J","email":"j@example.com"},"access":[{"resource":{"name":"db"}},{"resource":{"name":"web","type":"vm"}}],` +
		`"raw":{"id":1.0,"who":{"mail":"j@example.com"},"all":[{"mail":"a"},[{"mail":"b"}],"mail"],"re\u0061son":"why","who":"twice" } }`
	noRaw := in[:strings.Index(in, `,"raw"`)] + "}"
	cut := func(s string, gone ...string) string {
		for _, g := range gone {
			if !strings.Contains(s, g) {
				t.Fatalf("no %s in %s", g, s)
			}
			s = strings.Replace(s, g, "", 1)
		}
		return s
	}
	for _, tt := range []struct {
		paths []string
		want  string
	}{
		{nil, in},
		{[]string{}, in},
		{[]string{"raw"}, noRaw},
		{[]string{"requester.email"}, cut(noRaw, `,"email":"j@example.com"`)},
		{[]string{"requester.email", "requester.name"}, cut(noRaw, `"requester":{"name":"J","email":"j@example.com"},`)},
		{[]string{"request.reason"}, cut(noRaw, `"request":{"reason":"why"},`)},
		{[]string{"access.resource.name"}, cut(noRaw, `{"resource":{"name":"db"}},`, `"name":"web",`)},
		{[]string{"access"}, cut(noRaw, `,"access":[{"resource":{"name":"db"}},{"resource":{"name":"web","type":"vm"}}]`)},
		{[]string{"access.resource.name", "access.resource.type"}, cut(noRaw, `,"access":[{"resource":{"name":"db"}},{"resource":{"name":"web","type":"vm"}}]`)},
		{[]string{"window.ends_at"}, noRaw}, // not there, and its name in raw is anybody's guess
		{[]string{"raw.who"}, cut(in, `"who":{"mail":"j@example.com"},`, `,"who":"twice"`)},
		{[]string{"raw.who.mail"}, cut(in, `"mail":"j@example.com"`)},
		{[]string{"raw.all.mail"}, cut(in, `"mail":"a"`, `"mail":"b"`)},
		{[]string{"raw.reason", "raw.id"}, cut(in, `"id":1.0,`, `,"re\u0061son":"why"`)},
		{[]string{"raw.mail", "raw.who.mail.x", "raw.id.x"}, in},
		{[]string{"raw.id", "request.reason"}, cut(noRaw, `"request":{"reason":"why"},`)},
		// What nobody could have set.
		{[]string{"id"}, noRaw},
		{[]string{"requester.phone"}, noRaw},
		{[]string{"occurred_at.year"}, noRaw},
		{[]string{""}, noRaw},
	} {
		var ev Event
		if err := json.Unmarshal([]byte(in), &ev); err != nil {
			t.Fatal(err)
		}
		got := Redact(&ev, tt.paths)
		if (got == &ev) != (len(tt.paths) == 0) {
			t.Errorf("%v: the event itself comes back: %v", tt.paths, got == &ev)
		}
		sameValue(t, fmt.Sprint(tt.paths), asJSON(t, got), tt.want)
		if ev.Raw == nil || string(ev.Raw) != in[strings.Index(in, `"raw":`)+6:len(in)-2] {
			t.Errorf("%v: the event's raw changed: %s", tt.paths, ev.Raw)
		}
	}
}

func sameValue(t *testing.T, what, got, want string) {
	t.Helper()
	g, err := Fingerprint([]byte(got))
	if err != nil {
		t.Fatalf("%s: %v: %s", what, err, got)
	}
	w, err := Fingerprint([]byte(want))
	if err != nil {
		t.Fatalf("%s: %v: %s", what, err, want)
	}
	if g != w {
		t.Errorf("%s\n got %s\nwant %s", what, got, want)
	}
}

func TestCheckRedact(t *testing.T) {
	for _, p := range append(RedactPaths(), "raw", "raw.a", "raw.a.b c.0", "raw.*") {
		if err := CheckRedact(p); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
	for path, want := range map[string]string{
		"request.resaon":          `did you mean "request.reason"?`,
		"Request.Reason":          `did you mean "request.reason"?`,
		" requester.email":        `did you mean "requester.email"?`,
		"$.requester.email":       `did you mean "requester.email"?`,
		"data.requester.email":    `did you mean "requester.email"?`,
		"access[].resource.name":  `did you mean "access.resource.name"?`,
		"access[*].resource.name": `did you mean "access.resource.name"?`,
		"approvals.*.comment":     `did you mean "approvals.comment"?`,
		"reason":                  `"reason" is not a path of the event, did you mean "request.reason"?`,
		"starts_at":               `did you mean "window.starts_at"?`,
		"resource.path":           `did you mean "access.resource.path"?`,
		"email":                   `did you mean one of "requester.email", "grantee.email", "approvals.approver.email"?`,
		"name":                    `, …?`,
		"requester.phone":         `"requester.phone" is not a path of the event; paths begin with one of platform_event, occurred_at, request, requester, grantee, `,
		"occurred_at.year":        `is not a path of the event`,
		"request.":                `is not a path of the event`,
		".":                       `is not a path of the event`,
		"":                        `is not a path of the event`,
		"raw.":                    "a dot with no key beside it",
		"raw..a":                  "a dot with no key beside it",
		"id":                      "cannot be redacted",
		"tenant_id":               "cannot be redacted",
		"type.name":               "cannot be redacted",
		"received_at":             "cannot be redacted",
		strings.Repeat("a.", 300): "must not be longer",
	} {
		if err := CheckRedact(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", path, err, want)
		}
	}
}

// TestRedactPaths: the paths of a manual.
func TestRedactPaths(t *testing.T) {
	got := RedactPaths()
	for _, p := range []string{
		"platform_event", "occurred_at", "request", "request.reason", "requester.email", "grantee", "access.integration.type",
		"access.resource.path", "access.permission.description", "approvals.approver.email", "approvals.comment", "window.ends_at",
		"error.message", "raw",
	} {
		if !slices.Contains(got, p) {
			t.Errorf("no %s", p)
		}
	}
	for _, p := range lasting {
		if slices.Contains(got, p) {
			t.Errorf("%s can be redacted", p)
		}
	}
}

// FuzzRedactRaw: what is cut out of raw is what encoding/json would have
// found there, and nothing else.
func FuzzRedactRaw(f *testing.F) {
	for raw, path := range map[string]string{
		`{"a":{"b":1,"c":[{"b":2},[{"b":3}]]},"b":4}`: "a.c.b", `{"a":1,"a":{"b":2}}`: "a.b", ` [ { "a" : 1e5 } , "a" ] `: "a",
		`{"a\"b":"}","\u0061":"\\"}`: "a", `{"":{"":0}}`: "a", `"a"`: "a", `{"a":[],"b":{}}`: "b", `{"é":null}`: "é",
	} {
		f.Add([]byte(raw), path)
	}
	f.Fuzz(func(t *testing.T, raw []byte, path string) {
		if _, err := Fingerprint(raw); err != nil || CheckRedact("raw."+path) != nil {
			return
		}
		before := string(raw)
		got := Redact(&Event{Raw: raw}, []string{"raw." + path}).Raw
		if string(raw) != before {
			t.Fatal("the input changed")
		}
		var v any
		dec := json.NewDecoder(strings.NewReader(before))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			return
		}
		keys := strings.Split(path, ".")
		if doubled(before) { // which this oracle cannot see
			if !json.Valid(got) {
				t.Fatalf("not JSON: %s", got)
			}
			return
		}
		sameValue(t, path, string(got), asJSON(t, cutOut(v, keys)))
	})
}

func doubled(raw string) bool {
	d := strings.Count(raw, ":") // a colon in a text counts too: the test is then a weaker one
	var v any
	_ = json.Unmarshal([]byte(raw), &v)
	b, _ := json.Marshal(v)
	return strings.Count(string(b), ":") != d || strings.Contains(raw, `\u`)
}

func cutOut(v any, keys []string) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = cutOut(v[i], keys)
		}
	case map[string]any:
		if len(keys) == 1 {
			delete(v, keys[0])
		} else if inner, ok := v[keys[0]]; ok {
			v[keys[0]] = cutOut(inner, keys[1:])
		}
	}
	return v
}

// TestRedactDeepRaw: time is linear in what raw nests.
func TestRedactDeepRaw(t *testing.T) {
	const levels = 9900
	raw := strings.Repeat("[", levels) + `{"a":1,"b":"` + strings.Repeat("x", 1<<20) + `"}` + strings.Repeat("]", levels)
	got := string(Redact(&Event{Raw: json.RawMessage(raw)}, []string{"raw.a"}).Raw)
	if want := strings.Replace(raw, `"a":1,`, "", 1); got != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
}
