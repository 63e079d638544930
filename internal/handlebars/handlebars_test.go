package handlebars

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"accessrelay/internal/event"
)

func render(t *testing.T, text string, as Dialect, ev *event.Event) string {
	t.Helper()
	tmpl, err := Parse(text, as)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	out, err := tmpl.Execute(ev)
	if err != nil {
		t.Fatalf("Execute(%q): %v", text, err)
	}
	return string(out)
}

func TestWhatIsNotUTF8IsReplaced(t *testing.T) {
	ev := fullSample()
	ev.Request.Reason = "a\xffb\xed\xa0\x80c\xe2\x82"
	ev.Raw = json.RawMessage("{\"k\xff\":\"v\xe2\"}")
	for _, text := range []string{`{{json this}}`, `{"a": {{request.reason}}, "b": "{{request.reason}}{{raw}}", "c": {{raw}} }`} {
		if out := render(t, text, JSON, ev); !utf8.ValidString(out) || !json.Valid([]byte(out)) || !strings.Contains(out, "a\ufffdb") && !strings.Contains(out, `a\ufffdb`) {
			t.Errorf("%s gives %q", text, out)
		}
	}
}

func TestWholeEventIsItsJSON(t *testing.T) {
	for _, s := range samples() {
		want, err := json.Marshal(s.ev)
		if err != nil {
			t.Fatal(err)
		}
		got := render(t, "{{json this}}", JSON, s.ev)
		var a, b any
		if json.Unmarshal(want, &a) != nil || json.Unmarshal([]byte(got), &b) != nil {
			t.Fatalf("%s: not JSON: %s", s.about, got)
		}
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		if string(x) != string(y) {
			t.Errorf("%s:\n%s\nwant\n%s", s.about, got, want)
		}
	}
}
