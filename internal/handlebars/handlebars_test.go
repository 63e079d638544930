package handlebars

import (
	"encoding/json"
	"testing"

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
