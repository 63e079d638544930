package transporttest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"accessrelay/internal/event"
)

// Event returns an event with a text in every place. Its texts hold eventCanary.
func Event() *event.Event {
	at := time.Date(2026, 1, 15, 9, 30, 0, 120_000_000, time.UTC)
	p := &event.Person{ID: "u-1", Name: "Alice " + eventCanary, Email: "alice@acme.example"}
	return &event.Event{
		ID: "evt_01kf04w5g0000000000000000a", Type: event.GrantActive, TenantID: tenantID,
		Source: "acme-p0", Platform: "p0", PlatformEvent: "access-request", OccurredAt: at, ReceivedAt: at.Add(time.Second),
		Request:   &event.Request{ID: "r-1", Reason: "because " + eventCanary, URL: "https://app.example/" + eventCanary},
		Requester: p, Grantee: p,
		Access:    []event.Access{{Permission: &event.Permission{Name: eventCanary}}},
		Approvals: []event.Approval{{Status: "approved", Approver: p, Comment: eventCanary}},
		Window:    &event.Window{EndsAt: at.Add(time.Hour)},
		Raw:       []byte(`{ "n": 1.50, "text": "` + eventCanary + ` <&>" }`),
	}
}

const eventCanary = "canary-of-the-event"

// Filled returns an event of type t in which every field that a platform fills
// holds what text says for it, by its path. rows is how many accesses and
// approvals there are. text must give the same at every call.
func Filled(t event.Type, rows int, text func(path string) string) *event.Event {
	person := func(path string) *event.Person {
		return &event.Person{ID: text(path + ".id"), Name: text(path + ".name"), Email: text(path + ".email")}
	}
	ev := Event()
	ev.Type = t
	ev.PlatformEvent = text("platform_event")
	ev.Request = &event.Request{
		ID: text("request.id"), DisplayID: text("request.display_id"),
		Reason: text("request.reason"), URL: text("request.url"),
	}
	ev.Requester, ev.Grantee = person("requester"), person("grantee")
	ev.Access, ev.Approvals = nil, nil
	for range rows {
		ev.Access = append(ev.Access, event.Access{
			Integration: &event.Integration{ID: text("access.integration.id"), Name: text("access.integration.name"), Type: text("access.integration.type")},
			Resource: &event.Resource{
				ID: text("access.resource.id"), Name: text("access.resource.name"),
				Path: text("access.resource.path"), Type: text("access.resource.type"),
			},
			Permission: &event.Permission{
				ID: text("access.permission.id"), Name: text("access.permission.name"),
				Description: text("access.permission.description"),
			},
		})
		ev.Approvals = append(ev.Approvals, event.Approval{
			Name: text("approvals.name"), Type: text("approvals.type"), Status: text("approvals.status"),
			Approver: person("approvals.approver"), Comment: text("approvals.comment"),
		})
	}
	ev.Error = &event.Failure{ID: text("error.id"), Type: text("error.type"), Message: text("error.message")}
	raw, err := json.Marshal(map[string]string{"text": text("raw")})
	if err != nil {
		panic(err) // strings always marshal
	}
	ev.Raw = raw
	return ev
}

// Paths are the fields that [Filled] fills, as event.Redact names them.
func Paths() []string {
	var out []string
	seen := map[string]bool{}
	Filled(event.Test, 1, func(path string) string {
		if !seen[path] {
			seen[path] = true
			out = append(out, path)
		}
		return ""
	})
	return out
}

// hostile are texts that would be more than text if nobody took care, by what
// they try.
func hostile() map[string]string {
	return map[string]string{
		"a header":                         "a\r\nX-Injected: 1\r\nBcc: canary@injected.example\r\n\r\nbody",
		"a header by LF":                   "a\nX-Injected: 1\n\nbody",
		"a header by CR":                   "a\rX-Injected: 1\r\rbody",
		"a header by a Unicode line break": "a\u2028X-Injected: 1\u2029b\u0085X-Injected: 2\v\fX-Injected: 3",
		"a folded header":                  "a\r\n X-Injected: 1\r\n\tX-Injected: 2",
		"an encoded header":                "=?utf-8?Q?a=0D=0AX-Injected:_1?= =?utf-8?B?DQpYLUluamVjdGVkOiAx?=",
		"the end of a mail":                "a\r\n.\r\nMAIL FROM:<canary@injected.example>\r\nRCPT TO:<canary@injected.example>\r\nDATA\r\n",
		"the end of a mail, smuggled":      "a\n.\nQUIT\r.\r\r\n.\n",
		"a part of a mail":                 "a\r\n--boundary\r\nContent-Type: text/html\r\n\r\n<b>",
		"lines of dots":                    "..\n.a\n.\n...",
		"NUL and escapes":                  "a\x00b\x1b[2J\x1b]0;x\x07\x7f\b",
		"invalid UTF-8":                    "a\xff\xfe\xc0\x80b",
		"a surrogate":                      "a\xed\xa0\x80b\xed\xb0\x80", // as CESU-8 has them
		"half a rune":                      "a\xf0\x9f\x98",
		"noncharacters":                    "a\ufffe\uffff\U0001fffeb",
		"bidi":                             "a\u202e\u2066\u202db\u2069\u200f\u061c",
		"invisible":                        "a\u200b\u200c\u200d\u2060\ufeff\u00adb\U000e0041",
		"JSON":                             `"}],"x":"\`,
		"JSON escapes":                     `\u0022\n\/\\`,
		"HTML":                             `</script><!-- <img src=x onerror=alert(1)> <a href="javascript:alert(1)">`,
		"HTML attributes":                  `" onmouseover="alert(1)" x="`,
		"HTML entities":                    `&lt;b&gt; &#60;script&#62; &amp;amp; &nbsp`,
		"Slack's markup":                   "<!channel> <@U123> <https://evil.example|bank> *b* _i_ ~s~ `c` ```d``` > q :boom: @here @everyone",
		"Markdown":                         "[bank](https://evil.example) ![x](https://evil.example/x.png) # h **b**",
		"Go's templates":                   `{{.}} {{printf "%s" .Raw}} {{template "x"}} {{define "a"}}`,
		"Handlebars":                       `{{raw}} {{{raw}}} {{#each access}}{{/each}} {{> partial}} {{lookup this "constructor"}}`,
		"shell and formats":                "${HOME} $(id) `id` %s %n %!v(PANIC) {0}",
		"XML":                              `]]></Message><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>&e;`,
		"a form":                           "a&Action=DeleteTopic&TopicArn=x+%26%3D;b",
		"only blanks":                      " \t\r\n\u00a0\u3000",
		"one long word":                    strings.Repeat("a", 3000),
		"many lines":                       strings.Repeat("a\n", 1000),
		"emoji":                            strings.Repeat("漢👩‍👩‍👧🏳️‍🌈", 100),
		"combining marks":                  "a" + strings.Repeat("\u0301", 1000),
		"mentions":                         strings.Repeat("<!channel>", 300),
	}
}

// Scripts are letters of several scripts, and what is long to write, by name.
func Scripts() map[string]string {
	return map[string]string{
		"Latin": "The quick brown fox jumps over the lazy dog. ", "CJK": "敏捷的棕色狐狸跳過懶狗，速い茶色の狐。",
		"Arabic": "الثعلب البني السريع يقفز فوق الكلب الكسول ", "Hebrew": "השועל החום המהיר ",
		"Devanagari": "तेज़ भूरी लोमड़ी आलसी कुत्ते के ऊपर ", "emoji": "👩‍👩‍👧‍👦🏳️‍🌈👍🏽🇨🇭", "combining marks": "e\u0301\u0323a\u0308\u0304o\u0302\u0303",
		"escapes": `&<>"'\/`, "controls": "\x00\x01\n\t\x1b\u2028",
	}
}

// Long repeats unit up to n bytes, without cutting it, and ends with tail.
func Long(unit string, n int, tail string) string {
	return strings.Repeat(unit, max((n-len(tail))/len(unit), 1)) + tail
}

func headOf(path string) string { return fmt.Sprintf("begin-of-%s.", path) }
func tailOf(path string) string { return fmt.Sprintf(" end-of-%s.", path) }
