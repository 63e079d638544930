package handlebars

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"accessrelay/internal/event"
)

func TestHelpersForDestinations(t *testing.T) {
	at := time.Date(2026, 1, 15, 9, 30, 0, 123_456_789, time.UTC)
	ev := &event.Event{
		ID: "evt_1", Type: event.GrantActive, Source: "s", Platform: "p0", OccurredAt: at, ReceivedAt: time.Date(1, 1, 1, 0, 0, 0, 5e8, time.UTC),
		Request:   &event.Request{ID: "r-1", Reason: "see [here](https://evil.example)\n@everyone **now** <@1> `x` $y\u202e", URL: "https://app.example/r?a=1&b=2"},
		Requester: &event.Person{Name: "Alice <b>", Email: "alice@example.com"},
		Approvals: []event.Approval{{Name: "one"}, {Name: "two"}, {Name: "three"}},
	}
	other := &event.Event{ID: "evt_2", Type: event.Test, ReceivedAt: at, Request: &event.Request{URL: "javascript:alert(1)"}}
	tests := []struct {
		in   string
		ev   *event.Event
		want string
	}{
		{`{{eq type "grant.expired" "grant.active"}}`, ev, "true"},
		{`{{eq type "grant.expired" "grant.revoked" "x"}}`, ev, "false"},
		{`{{eq type "grant.active"}}`, ev, "true"},
		{`{{epoch occurred_at}}`, ev, "1768469400"},
		{`{{epoch occurred_at 3}} {{epoch occurred_at 9}} {{epoch occurred_at 20}}`, ev, "1768469400.123 1768469400.123456789 1768469400.123456789"},
		{`{{epoch received_at 3}} {{epoch_ms received_at}}`, ev, "-62135596800 -62135596799500"},
		{`[{{epoch id 3}}{{epoch request 3}}{{epoch window.ends_at 3}}]`, ev, "[]"},
		{`{{#each (first approvals 2)}}{{name}};{{/each}}{{#each (first approvals 9)}}{{@index}}{{/each}}`, ev, "one;two;012"},
		{`[{{first access 2}}][{{#each (first access 2)}}x{{else}}none{{/each}}]`, ev, "[][none]"},
		{`{{#each (facts)}}{{label}}={{value}};{{/each}}`, ev, "Requested by=Alice <b> (alice@example.com);Request=r-1;"},
		{`{{#each (facts)}}x{{else}}none{{/each}}`, other, "none"},
		{`{{link}}`, ev, "https://app.example/r?a=1&b=2"},
		{`{{#if (link)}}yes{{else}}no{{/if}}[{{link}}]`, other, "no[]"},
		{`{{html requester.name}}{{html window.ends_at}}`, ev, "Alice &lt;b&gt;"},
		{`{{markdown request.reason}}`, ev, `see \[here\](https\://evil.example) \@everyone \*\*now\*\* \<\@1\> \` + "`x\\`" + ` \$y`},
		{`{{markdown "- 1 - 2: 3#"}}`, ev, `\- 1 - 2: 3#`},
		{`{{truncate (markdown request.reason) 6}}`, ev, `see \…`},
	}
	for _, tt := range tests {
		tmpl, err := Parse(tt.in, Text)
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		got, err := tmpl.Execute(tt.ev)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s\nis   %s %v\nwant %s", tt.in, got, err, tt.want)
		}
	}
}

// Outside of a string the decimals stand as a number.
func TestEpochIsANumber(t *testing.T) {
	tmpl, err := Parse(`{"time":{{epoch (default occurred_at received_at) 3}}}`, JSON)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tmpl.Execute(&event.Event{ReceivedAt: time.Unix(1, 0)})
	if err != nil || string(got) != `{"time":1.000}` {
		t.Errorf("%s %v", got, err)
	}
}

func TestHelpersForDestinationsAreChecked(t *testing.T) {
	for in, want := range map[string]string{
		`{{eq type}}`:                                    "eq is written as {{eq a b …}}",
		`{{epoch occurred_at 1 2}}`:                      "epoch is written as",
		`{{first access 0}}`:                             "above 0",
		`{{first access}}`:                               "first is written as",
		`{{#each (facts)}}{{vaule}}{{/each}}`:            "vaule",
		`{{link request}}`:                               "link is written as",
		`{{#each (first access 2)}}{{resorce}}{{/each}}`: "resorce",
	} {
		if _, err := Parse(in, Text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

// What is escaped reads as it was once the backslashes are taken off, and nothing
// that Markdown knows stands without one.
func FuzzMarkdown(f *testing.F) {
	f.Add("[a](b) \\ `c` *d*\r\n<e>")
	f.Add(" - # x")
	f.Add("漢\\字@everyone")
	f.Fuzz(func(t *testing.T, s string) {
		out := markdown(s)
		if !utf8.ValidString(out) {
			t.Fatalf("%q", out)
		}
		var plain strings.Builder
		for rest := out; rest != ""; {
			c, n := utf8.DecodeRuneInString(rest)
			if c == '\\' {
				rest = rest[n:]
				c, n = utf8.DecodeRuneInString(rest)
			} else if strings.ContainsRune("`*_~|>[]<@", c) || c < ' ' {
				t.Fatalf("%q stands bare in %q", c, out)
			}
			plain.WriteRune(c)
			rest = rest[n:]
		}
		want := strings.Map(func(c rune) rune {
			switch {
			case turns(c):
				return -1
			case unicode.IsSpace(c), unicode.IsControl(c):
				return ' '
			}
			return c
		}, s)
		if plain.String() != want {
			t.Fatalf("%q reads as %q", s, plain.String())
		}
	})
}

// The whole event is written whatever it has: up to the most that a result may
// have, in texts of any length.
func TestLargeEventsAreWrittenWhole(t *testing.T) {
	tmpl, err := Parse(`{"event":{{json this}}}`, JSON)
	if err != nil {
		t.Fatal(err)
	}
	for name, ev := range map[string]*event.Event{
		"a long text":  {Request: &event.Request{Reason: strings.Repeat("x", 3_900_000)}},
		"long lists":   {Access: make([]event.Access, 200_000), Approvals: make([]event.Approval, 200_000)},
		"a large body": {Raw: []byte(`{"a":"` + strings.Repeat("\\n", 1_900_000) + `"}`)},
	} {
		want, err := json.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tmpl.Execute(ev)
		if err != nil || string(got) != `{"event":`+string(want)+`}` {
			t.Errorf("%s, %d bytes: %d bytes, %v", name, len(want), len(got), err)
		}
	}
	ev := &event.Event{Request: &event.Request{Reason: strings.Repeat("x", MaxOutput)}}
	if _, err := tmpl.Execute(ev); err == nil || !strings.Contains(err.Error(), "more than 4194304 bytes") {
		t.Errorf("too much is written: %v", err)
	}
}

// No destination's way of counting makes more than n of what truncate leaves.
func TestTruncateCounts(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{
		{"", 3, ""}, {"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"ab", 1, "…"}, {"漢字漢字", 3, "漢字…"}, {"漢字漢", 3, "漢字漢"},
		{"😀😀", 4, "😀😀"}, {"😀😀😀", 4, "😀…"}, {"a😀😀", 4, "a😀…"}, {"😀", 1, "…"}, {"😀a", 2, "…"},
	} {
		if got := truncate(tt.in, tt.n); got != tt.want {
			t.Errorf("truncate(%q, %d) = %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}
