package handlebars

import (
	"encoding/json"
	"os"
	"testing"
)

// golden is what Handlebars itself makes of a template: see testdata/goldens.mjs.
type golden struct {
	Template string
	Text     string  // without escaping
	HTML     *string // with it, if that differs
	Error    bool
}

func goldens(tb testing.TB) (data []byte, all []golden) {
	tb.Helper()
	raw, err := os.ReadFile("testdata/goldens.json")
	if err != nil {
		tb.Fatal(err)
	}
	var file struct {
		Implementation string
		Data           json.RawMessage
		Goldens        []golden
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		tb.Fatal(err)
	}
	if len(file.Goldens) < 300 {
		tb.Fatalf("only %d goldens", len(file.Goldens))
	}
	return file.Data, file.Goldens
}

const refused = "(refused)"

// differences are the templates of the table that we mean to treat otherwise
// than Handlebars: docs/templates.md tells them.
var differences = map[string]struct{ text, html, why string }{
	"{{words.-1}}|":                             {"|", "|", "a number is a name like others in a path"},
	"{{words.00}}|":                             {"|", "|", "a number is a name like others in a path"},
	"{{id.length}}":                             {"", "", "only lists have a length"},
	"{{#if yes}}a{{else if}}b{{/if}}":           {refused, refused, "what can only be a slip is refused"},
	"{{#with this}}{{id}}|{{../id}}{{/with}}":   {refused, refused, "there is no level that ../ could go up to"},
	"{{#with @root}}{{id}}|{{../id}}{{/with}}":  {refused, refused, "there is no level that ../ could go up to"},
	"{{../id}}|":                                {refused, refused, "there is no level that ../ could go up to"},
	"{{#with requester}}{{../../id}}|{{/with}}": {refused, refused, "there is no level that ../ could go up to"},
	"{{#if yes}}{{../id}}|{{/if}}":              {refused, refused, "there is no level that ../ could go up to"},
	"{{@index}}|{{@key}}|{{@first}}|":           {refused, refused, "there is no loop to count"},
	"{{words}}":                                 {`["one","two","three"]`, `[&quot;one&quot;,&quot;two&quot;,&quot;three&quot;]`, "a list is written as JSON"},
	"{{object}}":                                {`{"b":1,"a":"two","c":null}`, `{&quot;b&quot;:1,&quot;a&quot;:&quot;two&quot;,&quot;c&quot;:null}`, "an object is written as JSON"},
	"{{id}}}":                                   {"evt_1}", "evt_1}", "a brace behind a tag is text: JSON needs that"},
	`{"a":{{one}}}`:                             {`{"a":1}`, `{"a":1}`, "a brace behind a tag is text: JSON needs that"},
	"{{{id}}}":                                  {"evt_1", refused, "nothing goes unescaped"},
	"a{{{hostile}}}b":                           {"a<a href=\"x\">'&`=b", refused, "nothing goes unescaped"},
	"{{{ hostile }}}":                           {"<a href=\"x\">'&`=", refused, "nothing goes unescaped"},
	"{{~{id}~}} x":                              {"evt_1x", refused, "nothing goes unescaped"},
	"[{{^each words as |w i|}}no{{else}}{{i}}{{w}},{{/each}}]": {"[0one,1two,2three,]", "[0one,1two,2three,]", "names of a block are known in the part that loops"},
}

func TestAsHandlebarsHasIt(t *testing.T) {
	data, all := goldens(t)
	told := 0
	for _, g := range all {
		want := map[Dialect]string{Text: g.Text, HTML: g.Text}
		switch {
		case g.Error:
			want = map[Dialect]string{Text: refused, HTML: refused}
		case g.HTML != nil:
			want[HTML] = *g.HTML
		}
		if d, ok := differences[g.Template]; ok {
			told++
			if d.text == want[Text] && d.html == want[HTML] {
				t.Errorf("%q is no difference: %s", g.Template, d.why)
			}
			want = map[Dialect]string{Text: d.text, HTML: d.html}
		}
		for as, want := range want {
			got, err := executeOn(g.Template, as, data)
			if err != nil {
				got = refused
			}
			if got != want {
				t.Errorf("%q gives\n%q (error %v), want\n%q", g.Template, got, err, want)
			}
		}
	}
	if told != len(differences) {
		t.Errorf("%d differences are told, %d of them are in the table", len(differences), told)
	}
}

// executeOn renders data of any shape.
func executeOn(text string, as Dialect, data []byte) (string, error) {
	t, err := parse(text, as, anyType)
	if err != nil {
		return "", err
	}
	v := jsonValue(string(trimBlanks(data)))
	out, err := t.execute(&v, data, nil)
	return string(out), err
}
