package recipes

import (
	"net/http"
	"strings"
	"testing"
)

// The schemas see what they are for: one body that each vendor documents, and what
// a slip of a template makes of it.
func TestSchemasRefuse(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	wide := func(n int) string { return strings.Repeat("漢", n) }
	tests := map[string]struct {
		good string
		bad  map[string]string // what is in good: what comes in its place
	}{
		"pagerduty": {
			`{"routing_key":"0123456789abcdef0123456789abcdef","event_action":"trigger","dedup_key":"K","payload":{"summary":"S","source":"s","severity":"info","timestamp":"2026-01-15T09:30:00Z"}}`,
			map[string]string{
				`"K"`: `"` + long(256) + `"`, `"S"`: `"` + wide(1025) + `"`, `"info"`: `"high"`, `"trigger"`: `"open"`, `abcdef0`: `abcde0`,
				`2026-01-15T09:30:00Z`: `yesterday`, `"source":"s",`: ``, `"summary"`: `"summry"`, `"dedup_key"`: `"dedupkey"`,
			},
		},
		"splunk": {
			`{"time":1768469400.120,"event":{"id":"e"},"fields":{"a":"b"},"source":"s"}`,
			map[string]string{`1768469400.120`: `"1768469400.120"`, `400.120`: `400120.5`, `{"id":"e"}`: `{}`, `"b"`: `{"c":"d"}`, `"event"`: `"evnt"`, `"s"`: `""`},
		},
		"datadog": {
			`[{"message":"M","ddtags":"a:b,c:d","status":"info","timestamp":"2026-01-15T09:30:00Z"}]`,
			map[string]string{`"M"`: `""`, `a:b,c:d`: `a,b`, `"info"`: `"bad"`, `T09:30:00Z`: ``, `"message"`: `"msg"`, `{"message":"M"`: `{"ddsource":1`, `[{`: `[[],{`},
		},
		"opsgenie": {
			`{"message":"M","alias":"A","description":"D","tags":["t"],"details":{"k":"v"},"entity":"E","priority":"P1"}`,
			map[string]string{
				`"M"`: `"` + long(131) + `"`, `"A"`: `"` + wide(513) + `"`, `"D"`: `"` + long(15001) + `"`, `"t"`: `"` + long(51) + `"`,
				`["t"]`: `["t"` + strings.Repeat(`,"t"`, 20) + `]`, `"v"`: `1`, `"P1"`: `"P0"`, `"E"`: `"` + long(513) + `"`, `"message"`: `"mesage"`,
			},
		},
		"discord": {
			`{"allowed_mentions":{"parse":[]},"embeds":[{"title":"T","description":"D","color":1,"url":"https://a.example","fields":[{"name":"N","value":"V"}],"footer":{"text":"F"}}]}`,
			map[string]string{
				`"T"`: `"` + wide(257) + `"`, `"D"`: `"` + long(4097) + `"`, `"N"`: `"` + long(257) + `"`, `"V"`: `"` + long(1025) + `"`, `"F"`: `"` + long(2049) + `"`,
				`"name":"N"`: `"name":"  "`, `"value":"V"`: `"value":""`, `"color":1`: `"color":"red"`, `https://a.example`: `javascript:x`, `"parse":[]`: `"parse":["all"]`,
				`[{"name":"N","value":"V"}]`: `[{"name":"N","value":"V"}` + strings.Repeat(`,{"name":"N","value":"V"}`, 25) + `]`, `"embeds"`: `"embed"`,
			},
		},
		"teams": {
			`{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null,"content":{"type":"AdaptiveCard","version":"1.5",` +
				`"body":[{"type":"RichTextBlock","inlines":[{"type":"TextRun","text":"T","color":"good"}]}],"actions":[{"type":"Action.OpenUrl","title":"O","url":"https://a.example"}]}}]}`,
			map[string]string{
				`"message"`: `"card"`, `card.adaptive`: `teams.card.o365connector`, `"1.5"`: `"2.0"`, `"TextRun"`: `"Text"`, `"text":"T",`: ``, `"good"`: `"red"`,
				`"https://a.example"`: `"javascript:x"`, `"RichTextBlock"`: `"TextBlock"`, `"inlines"`: `"inline"`, `"body"`: `"bodies"`,
			},
		},
	}
	for name, tt := range tests {
		schema := compile(t, name)
		check := func(body string) []wrong {
			return vendor{url: "u"}.wrong(request{"u", http.Header{"Content-Type": {"application/json"}}, []byte(body)}, schema)
		}
		if w := check(tt.good); len(w) > 0 {
			t.Errorf("%s: a good body is refused: %v", name, w)
		}
		for was, is := range tt.bad {
			body := strings.Replace(tt.good, was, is, 1)
			if body == tt.good || len(check(body)) == 0 {
				t.Errorf("%s: %.80s in place of %s is let through", name, is, was)
			}
		}
	}
}

// What the schemas cannot say is counted beside them.
func TestTotalsAreCounted(t *testing.T) {
	text := strings.Repeat("漢", 2001)
	for name, tests := range map[string]map[string]int{
		"discord": {
			`{"embeds":[{"title":"` + text + `","fields":[{"name":"` + text + `","value":"` + text + `"}]}]}`:                 1,
			`{"embeds":[{"description":"` + text + `"},{"footer":{"text":"` + text + `"},"author":{"name":"` + text + `"}}]}`: 1,
			`{"embeds":[{"title":"` + text + `","description":"` + text + `"}]}`:                                              0,
		},
		"opsgenie": {
			`{"details":{"a":"` + text + `","b":"` + text + text + text + `"}}`: 1,
			`{"details":{"a":"` + text + text + text + `"}}`:                    0,
		},
		"datadog": {
			`[{"message":"` + strings.Repeat("x", 1_000_000) + `"}]`: 1,
			`[{"message":"` + text + `"}]`:                           0,
			`[{"ddtags":"a:` + text + `"}]`:                          1,
		},
	} {
		for body, want := range tests {
			if got := vendors[name].more(decode(t, []byte(body))); len(got) != want {
				t.Errorf("%s: %.60s…: %v, want %d", name, body, got, want)
			}
		}
	}
}
