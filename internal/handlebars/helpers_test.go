package handlebars

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/event"
)

func TestHelpers(t *testing.T) {
	ev := fullSample()
	ev.Request.Reason = "Zoë 東京 🙂 \"q\""
	ev.Raw = json.RawMessage(`{"n":1.0,"m":1,"big":12345678901234567890,"big2":12345678901234567891,"yes":true,"no":false,"nothing":null,"empty":"","zero":0.0,"list":["a","b",1,null,["c"]],"obj":{"k":"v"},"when":"2026-01-02T03:04:05.678901234+02:00","old":"1960-01-01T00:00:00.5Z","esc":"a\"b\u0041\n"}`)
	tests := []struct{ in, text, json string }{
		{`{{json raw.obj}}`, `{"k":"v"}`, `{"k":"v"}`},
		{`{{json request.id}}`, `"123"`, `"123"`},
		{`{{json raw.absent}}`, `null`, `null`},
		{`{{json raw.esc}}`, `"a\"bA\n"`, `"a\"bA\n"`},
		{`{{raw.esc}}`, "a\"bA\n", `"a\"bA\n"`},
		{`{{raw.absent}}`, ``, `null`},
		{`{{raw.big}}`, `12345678901234567890`, `12345678901234567890`},
		{`{{raw.n}}`, `1.0`, `1.0`},
		{`{{raw.yes}}`, `true`, `true`},
		{`{{raw.list}}`, `["a","b",1,null,["c"]]`, `["a","b",1,null,["c"]]`},
		{`{{eq raw.n raw.m}}`, `true`, `true`},
		{`{{eq raw.big raw.big2}}`, `false`, `false`},
		{`{{eq raw.big raw.big}}`, `true`, `true`},
		{`{{eq raw.m "1"}}`, `false`, `false`},
		{`{{eq raw.m 1}}`, `true`, `true`},
		{`{{eq raw.nothing raw.absent}}`, `true`, `true`},
		{`{{eq raw.obj raw.obj}}`, `true`, `true`},
		{`{{eq raw.obj raw.list}}`, `false`, `false`},
		{`{{eq type "x" "request.approved"}}`, `true`, `true`},
		{`{{ne type "x"}}`, `true`, `true`},
		{`{{not raw.zero}}`, `true`, `true`},
		{`{{and raw.yes "x" raw.empty "y"}}`, ``, `""`},
		{`{{and raw.yes "x"}}`, `x`, `"x"`},
		{`{{or raw.no raw.empty "y"}}`, `y`, `"y"`},
		{`{{or raw.no raw.zero}}`, `0.0`, `0.0`},
		{`{{default raw.absent raw.empty raw.nothing raw.zero "x"}}`, `0.0`, `0.0`},
		{`{{default raw.absent "none"}}`, `none`, `"none"`},
		{`{{lookup raw "m"}}`, `1`, `1`},
		{`{{lookup raw.list 1}}`, `b`, `"b"`},
		{`{{lookup raw.list "length"}}`, `5`, `5`},
		{`{{lookup raw.absent "m"}}`, ``, `null`},
		{`{{join access ", " "resource.name"}}`, `Resource 1, Resource 2`, `"Resource 1, Resource 2"`},
		{`{{join raw.list "-"}}`, `a-b-1-["c"]`, `"a-b-1-[\"c\"]"`},
		{`{{join raw.absent ","}}`, ``, `null`},
		{`{{upper request.reason}}`, `ZOË 東京 🙂 "Q"`, `"ZOË 東京 🙂 \"Q\""`},
		{`{{lower "ÄB"}}`, `äb`, `"äb"`},
		{`{{truncate request.reason 6}}`, `Zoë 東…`, `"Zoë 東…"`},
		{`{{truncate request.reason 100}}`, `Zoë 東京 🙂 "q"`, `"Zoë 東京 🙂 \"q\""`},
		{`{{truncate raw.absent 3}}`, ``, `""`},
		{`{{truncate "abc" 3}}{{#if false}}x{{/if}}`, `abc`, `"abc"`},
		{`{{truncate "abcd" 3}}`, `ab…`, `"ab…"`},
		{`{{truncate "abcd" 1}}`, `…`, `"…"`},
		{`{{epoch raw.when}}`, `1767315845`, `1767315845`},
		{`{{epoch raw.when 3}}`, `1767315845.678`, `1767315845.678`},
		{`{{epoch_ms raw.when}}`, `1767315845678`, `1767315845678`},
		{`{{epoch raw.old}}`, `-315619200`, `-315619200`},
		{`{{epoch raw.m}}`, ``, `null`},
		{`{{epoch raw.esc}}`, ``, `null`},
		{`{{epoch raw.absent}}`, ``, `null`},
		{`{{epoch (default raw.absent occurred_at)}}`, `1773480412`, `1773480412`},
		{`{{contains request.reason "東"}}`, `true`, `true`},
		{`{{contains request.reason ""}}`, `false`, `false`},
		{`{{contains raw.list "b"}}`, `true`, `true`},
		{`{{contains raw.list "c"}}`, `false`, `false`},
		{`{{contains raw.absent "c"}}`, `false`, `false`},
		{`{{starts_with type "request."}}`, `true`, `true`},
		{`{{starts_with type "grant."}}`, `false`, `false`},
		{`{{upper (json raw.obj)}}`, `{"K":"V"}`, `"{\"K\":\"V\"}"`},
		{`{{raw.list.length}}`, `5`, `5`},
		{`{{occurred_at}}`, `2026-03-14T09:26:52.589Z`, `"2026-03-14T09:26:52.589Z"`},
	}
	for _, tt := range tests {
		if got := render(t, tt.in, Text, ev); got != tt.text {
			t.Errorf("%s gives %q, want %q", tt.in, got, tt.text)
		}
		if got := render(t, tt.in, JSON, ev); got != tt.json {
			t.Errorf("%s in JSON gives %s, want %s", tt.in, got, tt.json)
		}
		inside := render(t, `"`+tt.in+`"`, JSON, ev)
		var s string
		if err := json.Unmarshal([]byte(inside), &s); err != nil || s != tt.text && tt.text != "null" {
			t.Errorf("%s in a string gives %s", tt.in, inside)
		}
	}
}

func TestDialects(t *testing.T) {
	ev := fullSample()
	ev.Request.Reason = "a&b=c <\"d'`>\r\n\u2028é\x01\u202e+ %"
	tests := []struct {
		as       Dialect
		in, want string
	}{
		{Text, "{{request.reason}}", ev.Request.Reason},
		{Text, "{{{request.reason}}}", ev.Request.Reason},
		{HTML, "{{request.reason}}", "a&amp;b&#x3D;c &lt;&quot;d&#x27;&#x60;&gt;\r\n\u2028é\ufffd\u202e+ %"},
		{HTML, "{{json requester.email}}", "&quot;requester@example.com&quot;"},
		{Form, "\n a={{request.reason}} \n &b={{json requester.email}}\n", "a=a%26b%3Dc+%3C%22d%27%60%3E%0D%0A%E2%80%A8%C3%A9%01%E2%80%AE%2B+%25&b=%22requester%40example.com%22"},
		{Line, " x\n {{request.reason}}\n", "x  a&b=c <\"d'`>   é +  %"},
		{SlackText, "{{request.reason}}", "a&amp;b=c &lt;\"d'`&gt; é+ %"},
		{JSON, `"{{request.reason}}"`, `"a&b=c <\"d'` + "`" + `>\r\n\u2028é\u0001` + "\u202e" + `+ %"`},
	}
	for _, tt := range tests {
		if got := render(t, tt.in, tt.as, ev); got != tt.want && tt.as != Line {
			t.Errorf("%d: %q gives\n%q, want\n%q", tt.as, tt.in, got, tt.want)
		}
	}
	if got := render(t, " x\n {{request.reason}}\n", Line, ev); strings.ContainsAny(got, "\r\n\u2028\u202e\x01") || !strings.HasPrefix(got, "x") || !strings.HasSuffix(got, "%") {
		t.Errorf("a line is %q", got)
	}
}

func TestExecuteRefuses(t *testing.T) {
	big := fullSample()
	big.Request.Reason = strings.Repeat("x", MaxOutput)
	list := fullSample()
	list.Raw = json.RawMessage(`{"list":[` + strings.Repeat("1,", 200_000) + `1],"key":"x"}`)
	broken := fullSample()
	broken.Raw = json.RawMessage(`{"a":tru`)
	tests := []struct {
		as       Dialect
		in, want string
		ev       *event.Event
	}{
		{JSON, "{\"a\":\n\"x{{request.reason}}\"}", "line 2: for this event the template writes more than 4194304 bytes", big},
		{Text, "\n{{#each raw.list}}{{#each @root.raw.list}}{{/each}}{{/each}}", "line 2: for this event this loop causes more work than is allowed: it would run 200001 times", list},
		{Text, "\n\n{{raw.a}}", "line 3: the event's payload is not JSON", broken},
		{Text, "\n\n{{json raw}}", "line 3: the event's payload is not JSON", broken},
		{JSON, "{\"a\": [{{#each raw.list}}1{{/each}}]\n}", "line 1: ", list},
		{JSON, "{{#if raw.key}}\nx{{else}}1{{/if}}", "line 2: text stands outside of a string", list},
	}
	for _, tt := range tests {
		tmpl, err := parse(tt.in, tt.as, eventType)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tmpl.Execute(tt.ev); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%.60q: %v, want %q", tt.in, err, tt.want)
		}
	}
}

func TestTimesAreTheEvents(t *testing.T) {
	ev := minimalSample(event.Test)
	ev.ReceivedAt = time.Date(2026, 1, 1, 0, 0, 0, 500_000_000, time.UTC)
	want, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	if got := render(t, "{{json this}}", JSON, ev); got != string(want) {
		t.Errorf("%s, want %s", got, want)
	}
}
