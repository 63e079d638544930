package handlebars

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"accessrelay/internal/event"
)

// FuzzParse: whatever a tenant sends, it is refused with a line or it renders.
func FuzzParse(f *testing.F) {
	_, all := goldens(f)
	for _, g := range all {
		f.Add(g.Template, int(Text))
	}
	for _, text := range structures {
		f.Add(text, int(JSON))
	}
	f.Fuzz(func(t *testing.T, text string, as int) {
		d := Dialect(uint(as) % 6)
		tmpl, err := Parse(text, d)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Line > 1+strings.Count(text, "\n") || e.Text == "" {
				t.Errorf("the error is %#v", err)
			}
			return
		}
		for _, ev := range []*event.Event{fullSample(), hostile(`"}],{"a":"\`), hostile("<!channel>\n|")} {
			out, err := tmpl.Execute(ev)
			if err != nil {
				continue
			}
			again, _ := tmpl.Execute(ev)
			switch {
			case !bytes.Equal(out, again):
				t.Errorf("%q is %q and then %q", text, out, again)
			case len(out) > MaxOutput:
				t.Errorf("%q makes %d bytes", text, len(out))
			case d == JSON && !json.Valid(out):
				t.Errorf("%q gives %q, which is not JSON", text, out)
			case d == Line && bytes.ContainsAny(out, "\r\n"):
				t.Errorf("%q gives %q, which is not one line", text, out)
			}
		}
	})
}

// structures are templates in which no text decides what comes out.
var structures = []string{
	`{"a": {{request.reason}}}`,
	`{"a": "{{request.reason}}"}`,
	`{"a": "x {{request.reason}} y {{requester.name}}"}`,
	`{"a": {{json request.reason}}, "b": "{{json request.reason}}", "c": {{json request}}, "d": "{{json request}}"}`,
	`{"a": {{request}}, "b": "{{request}}", "c": [{{access}}, {{json access}}]}`,
	`[{{#each access}}{"n": {{resource.name}}, "m": "{{resource.name}}{{permission.name}}"}{{#unless @last}},{{/unless}}{{/each}}]`,
	`{"a": {{truncate request.reason 3}}, "b": "{{upper request.reason}}", "c": {{join access "\"" "resource.name"}}, "d": "{{default request.reason "x"}}", "e": {{summary}}}`,
	`{"a": {{raw.text}}, "b": "{{raw.text}}", "c": {{raw}}, "d": "{{raw}}", "e": {{lookup raw "text"}}}`,
	`{"a": "{{truncate (json raw) 5}}", "b": {{json (json raw)}}}`,
	`{"a": "{{#with request}}{{reason}}{{../requester.name}}{{/with}}"}`,
	`{{json this}}`,
	`"{{json this}}"`,
	`{ {{default request.reason "none"}}: 1 }`,
	`{"{{request.reason}}": {"{{requester.name}}": [1]}}`,
	`{"t": {{epoch request.reason}}, "u": "{{epoch request.reason}}"}`,
}

var hostileTexts = []string{
	`"`, `\`, `\"`, `",`, `"}`, `"]}`, `", "admin": true, "x": "`, `\u0022`, `\u0022,\u0022a\u0022:1`, "\\\\\"", "\n", "\r\n", "\x00", "\x1f", "\x7f", "\u2028", "\u2029",
	`{{id}}`, `{{{id}}}`, `{{#each access}}`, `</script>`, `null`, `true`, `1e999`, `{}`, `[]`, `{"a":1}`, "\ufeff", "\ufffd", "🙂", "\u202e", `\ud800`, "`", `'`, "//", "/*", "\t", "\b\f", "}}", "x\\", "\\u", "\\u00",
}

// hostile is an event that says s wherever it says anything, with the same keys
// each time.
func hostile(s string) *event.Event {
	ev := fullSample()
	setTexts(reflect.ValueOf(ev).Elem(), s)
	ev.Type = event.GrantActive
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	ev.Raw = json.RawMessage(fmt.Sprintf(` {"text" : %s, "list": [%s, 1.50], %s: 1} `, quoted, quoted, `"key"`))
	return ev
}

func setTexts(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Pointer:
		setTexts(v.Elem(), s)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				setTexts(v.Field(i), s)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			setTexts(v.Index(i), s)
		}
	default:
	}
}

// shape is out with every text taken out of it; keys too.
func shape(out []byte) (string, error) {
	var b strings.Builder
	dec := json.NewDecoder(bytes.NewReader(out))
	dec.UseNumber()
	for {
		tok, err := dec.Token()
		switch x := tok.(type) {
		case string:
			b.WriteString("s ")
		default:
			fmt.Fprintf(&b, "%v ", x)
		}
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return "", fmt.Errorf("reading %q: %w", out, err)
		}
	}
}

// checkShapes holds that no text of an event changes the structure of a body,
// and that every text arrives whole where it is written whole.
func checkShapes(t *testing.T, s string) {
	t.Helper()
	if s == "" {
		return // an absent fact: null where a text would be
	}
	for _, text := range structures {
		tmpl := parsed(t, text)
		plain, err := tmpl.Execute(hostile("harmless"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := shape(plain)
		if err != nil {
			t.Fatal(err)
		}
		out, err := tmpl.Execute(hostile(s))
		if err != nil {
			t.Errorf("%s with %q: %v", text, s, err)
			continue
		}
		got, err := shape(out)
		if err != nil || got != want || !json.Valid(out) {
			t.Errorf("%s with %q gives %s, error %v", text, s, out, err)
		}
	}
	var whole struct{ A, B, C, D string }
	tmpl := parsed(t, `{"A": {{request.reason}}, "B": "{{request.reason}}", "C": {{raw.text}}, "D": "{{raw.list.0}}"}`)
	out, err := tmpl.Execute(hostile(s))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &whole); err != nil {
		t.Fatal(err)
	}
	if whole.A != s || whole.B != s || whole.C != s || whole.D != s {
		t.Errorf("%q arrives as %q", s, whole)
	}
}

// parsed keeps what was parsed: fuzzing asks for the same ones again and again.
func parsed(t *testing.T, text string) *Template {
	t.Helper()
	if have, ok := parsedOnce.Load(text); ok {
		return have.(*Template)
	}
	tmpl, err := Parse(text, JSON)
	if err != nil {
		t.Fatal(err)
	}
	parsedOnce.Store(text, tmpl)
	return tmpl
}

var parsedOnce sync.Map

func TestNoTextChangesTheStructure(t *testing.T) {
	for _, s := range hostileTexts {
		checkShapes(t, s)
		for _, s2 := range hostileTexts[:12] {
			checkShapes(t, s2+s)
		}
	}
}

// FuzzExecute is TestNoTextChangesTheStructure for any text.
func FuzzExecute(f *testing.F) {
	for _, s := range hostileTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkShapes(t, strings.ToValidUTF8(s, "\ufffd"))
	})
}

// FuzzRaw holds the reading of the raw payload against encoding/json.
func FuzzRaw(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, `{"a":1}`, ` { "a" : [ 1 , 2.50 , -0 , 1e5 ] , "b" : { } } `, `{"a":1,"a":2,"b":3}`, `{"\u0061":"\ud83d\ude42\ud800x\n\/"}`, `{"":""}`,
		`[[[[{"a":[null,true,false]}]]]]`, `"x"`, `12`, `null`, "{\"a\":\"\u2028\"}", `{"a":"\u2028"}`, `{`, `{"a"}`, `[1,]`, `{"a":tru}`, `[1 2]`, `01`, `"\x"`, `{"a":1}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		ev := fullSample()
		ev.Raw = json.RawMessage(raw)
		valid := json.Valid(ev.Raw) && utf8.Valid(ev.Raw)
		for _, text := range []string{
			`{{json raw}}`,
			`{"raw": {{raw}} }`,
			`{ {{#each raw}}"{{@key}}": {{this}}{{#unless @last}},{{/unless}}{{/each}} }`,
			`[{{#each raw}}{{#if this}}{{json this}}{{else}}"{{this}}"{{/if}}{{#unless @last}},{{/unless}}{{/each}}]`,
			`"{{raw.a.0.b}}{{raw.0.a}}{{raw.length}}"`,
		} {
			out, err := parsed(t, text).Execute(ev)
			if err != nil {
				if valid {
					t.Errorf("%s of %q: %v", text, raw, err)
				}
				continue
			}
			if !json.Valid(out) {
				t.Errorf("%s of %q gives %q", text, raw, out)
			}
			if text == `{{json raw}}` && valid && raw != "" && utf8.ValidString(raw) && !reflect.DeepEqual(decoded(t, out), decoded(t, ev.Raw)) {
				t.Errorf("%q becomes %q", raw, out)
			}
			if strings.HasPrefix(text, "{ {{#each") && valid && strings.HasPrefix(strings.TrimSpace(raw), "{") && utf8.ValidString(raw) && !reflect.DeepEqual(decoded(t, out), decoded(t, ev.Raw)) {
				t.Errorf("%q, member by member, becomes %q", raw, out)
			}
		}
	})
}

func decoded(t *testing.T, b []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
