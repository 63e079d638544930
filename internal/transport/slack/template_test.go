package slack

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	config "accessrelay/internal/channel/slack"
	"accessrelay/internal/event"
)

func withText(t *testing.T, template string) *config.Config {
	t.Helper()
	raw, err := json.Marshal(map[string]string{"url": "https://hooks.example/x", "text_template": template})
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Kind{}.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c.(*config.Config)
}

// texts are the message's text and its sections'.
func texts(t *testing.T, c *config.Config, ev *event.Event) (text string, sections []string) {
	t.Helper()
	out, err := body(c, ev)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.TextTemplate.Reveal(), "<") { // its own links are no event's text
		checkMessage(t, out)
	}
	var m message
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	for _, b := range m.Blocks {
		if b.Text != nil {
			sections = append(sections, b.Text.Text)
		}
	}
	return m.Text, sections
}

func templated(reason string) *event.Event {
	return &event.Event{
		ID: "evt_1", Type: event.RequestApproved, Platform: "apono",
		Request:   &event.Request{ID: "1", Reason: reason, URL: "https://example.com/1?a=b"},
		Requester: &event.Person{Name: "Ann", Email: "ann@example.com"},
	}
}

func TestTextTemplate(t *testing.T) {
	tests := []struct{ template, reason, want string }{
		{"*{{type}}* by {{requester.name}}: {{request.reason}}\n", "to fix", "*request.approved* by Ann: to fix"},
		{"{{request.reason}}", "<!channel> & <https://evil.example|x> @here a@b", "&lt;!channel&gt; &amp; &lt;https://evil.example|x&gt; @\u200bhere a@b"},
		{"> {{request.reason}}", "one\n*two*\r\nthree\u2028four", "> one *two* three four"},
		{"<{{request.url}}|Open {{request.reason}}>", "a|b> <!here", "<https://example.com/1?a=b|Open a|b&gt; &lt;!here>"},
		{"<{{request.reason}}|Open>", "!channel", "<http://!channel|Open>"},
		{"<{{request.reason}}|Open>", "@U123|x", "<http://@U123%7Cx|Open>"},
		{"<{{request.reason}}>", "https://e.example/a b|Label>x", "<https://e.example/a%20b%7CLabel&gt;x>"},
		{"a\u202e{{request.reason}}", "\u202ex\u0000\u2066y", "a\u202exy"},
	}
	for _, tt := range tests {
		out, err := withText(t, tt.template).Text.Execute(templated(tt.reason))
		if err != nil {
			t.Fatal(err)
		}
		if got := ownText(string(out)); got != tt.want {
			t.Errorf("%q with %q gives %q, want %q", tt.template, tt.reason, got, tt.want)
		}
	}
}

func TestTextTemplateIsTextAndSection(t *testing.T) {
	text, sections := texts(t, withText(t, "{{type}}: {{request.reason}}"), templated("to fix <it>"))
	if want := "request.approved: to fix &lt;it&gt;"; text != want || len(sections) != 1 || sections[0] != want {
		t.Errorf("%q, %q; want %q", text, sections, want)
	}
}

func TestTextTemplateOfNothingIsOurMessage(t *testing.T) {
	text, sections := texts(t, withText(t, "{{#if error}}{{error.message}}{{/if}} \n"), templated("to fix"))
	if !strings.Contains(text, "Access request approved") || len(sections) < 2 {
		t.Errorf("%q, %q", text, sections)
	}
}

func TestTextTemplateIsCut(t *testing.T) {
	for _, piece := range []string{"a", "é", "🙂", "<", "&", "\"", "\\", "a b\n", "@x ", "東京", "\u0000"} {
		c := withText(t, "{{request.reason}}<https://example.com|link>")
		for _, n := range []int{2890, 2899, 2900, 2901, 50_000} {
			text, sections := texts(t, c, templated(strings.Repeat(piece, n/len(piece)+1)))
			if units(text) > slackSection || len(sections) != 1 || sections[0] != text {
				t.Errorf("%d of %q: %d units", n, piece, units(text))
			}
			if !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError) {
				t.Errorf("%d of %q: cut within a rune", n, piece)
			}
			whole := strings.HasSuffix(text, "<https://example.com|link>")
			if !whole && (!strings.HasSuffix(text, "…") || strings.Contains(text, "<")) {
				t.Errorf("%d of %q ends with %q", n, piece, text[len(text)-20:])
			}
			if rest := entity.ReplaceAllString(text, ""); strings.Contains(rest, "&") {
				t.Errorf("%d of %q: cut within an entity", n, piece)
			}
		}
	}
	if got := ownText(strings.Repeat("x", textBudget)); got != strings.Repeat("x", textBudget) {
		t.Errorf("what fits is cut: %d", len(got))
	}
	if got := ownText(strings.Repeat("x", textBudget+1)); got != strings.Repeat("x", textBudget-1)+"…" {
		t.Errorf("%d units", units(got))
	}
	if got := ownText(strings.Repeat("x", textBudget-5) + "<https://example.com|x>"); got != strings.Repeat("x", textBudget-5)+"…" {
		t.Errorf("a link is cut in two: %q", got[len(got)-10:])
	}
}

func FuzzOwnText(f *testing.F) {
	f.Add("a <https://example.com|b> &amp; c\r\n", 700)
	f.Fuzz(func(t *testing.T, s string, n int) {
		s = strings.ToValidUTF8(strings.Repeat(s, max(0, n)%3000), "")
		got := ownText(s)
		if width(got) > textBudget || !utf8.ValidString(got) || got != ownText(got) {
			t.Errorf("%q becomes %q", s, got)
		}
	})
}
