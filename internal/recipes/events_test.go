package recipes

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"accessrelay/internal/event"
)

var occurred = time.Date(2026, 1, 15, 9, 30, 0, 120_000_000, time.UTC)

// full has every fact, as a platform would tell it.
func full(typ event.Type) *event.Event {
	alice := &event.Person{ID: "u-17", Name: "Alice Example", Email: "alice@example.com"}
	bob := &event.Person{ID: "u-4", Name: "Bob Example", Email: "bob@example.com"}
	return &event.Event{
		ID: "evt_01kf04w5g0000000000000000a", Type: typ, TenantID: tenant, Source: "acme-jitsudo", Platform: "jitsudo",
		PlatformEvent: string(typ), OccurredAt: occurred, ReceivedAt: occurred.Add(time.Second),
		Request:   &event.Request{ID: "req-1042", DisplayID: "AR-1042", Reason: "Payments stand still; see the incident.", URL: "https://jit.example.com/requests/req-1042"},
		Requester: alice, Grantee: alice,
		Access: []event.Access{{
			Integration: &event.Integration{ID: "int-1", Name: "aws-prod", Type: "aws-account"},
			Resource:    &event.Resource{ID: "123456789012", Name: "payments-prod", Path: "/prod/payments", Type: "account"},
			Permission:  &event.Permission{ID: "ps-9", Name: "AdministratorAccess", Description: "Everything"},
		}},
		Approvals: []event.Approval{{Name: "On call", Type: "Shift", Status: "approved", Approver: bob, Comment: "Go ahead."}},
		Window:    &event.Window{StartsAt: occurred, EndsAt: occurred.Add(time.Hour)},
		Raw:       json.RawMessage(`{"type":"` + string(typ) + `","data":{"request_id":"req-1042","duration_seconds":3600}}`),
	}
}

// minimal has no fact but those that every event has.
func minimal(typ event.Type) *event.Event {
	return &event.Event{ID: "evt_01kf04w5g0000000000000000b", Type: typ, TenantID: tenant, Source: "s", Platform: "generic", ReceivedAt: occurred}
}

// saying has text in every place that a platform fills, and n entries in every list.
func saying(typ event.Type, text string, n int) *event.Event {
	raw, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		panic(err) // a string always marshals
	}
	p := &event.Person{ID: text, Name: text, Email: text}
	ev := &event.Event{
		ID: "evt_01kf04w5g0000000000000000c", Type: typ, TenantID: tenant, Source: strings.Repeat("s", 63), Platform: "permit", PlatformEvent: text,
		OccurredAt: occurred, ReceivedAt: occurred,
		Request:   &event.Request{ID: text, DisplayID: text, Reason: text, URL: text},
		Requester: p, Grantee: &event.Person{ID: text, Name: text + "!", Email: text},
		Error:  &event.Failure{ID: text, Type: text, Message: text},
		Window: &event.Window{StartsAt: occurred, EndsAt: occurred},
		Raw:    raw,
	}
	for range n {
		ev.Access = append(ev.Access, event.Access{
			Integration: &event.Integration{ID: text, Name: text, Type: text},
			Resource:    &event.Resource{ID: text, Name: text, Path: text, Type: text},
			Permission:  &event.Permission{ID: text, Name: text, Description: text},
		})
		ev.Approvals = append(ev.Approvals, event.Approval{Name: text, Type: text, Status: text, Approver: p, Comment: text})
	}
	return ev
}

// hostile are texts that try to be something else, or nothing.
var hostile = map[string]string{
	"a JSON string's end": `"}],"routing_key":"x","content":"@everyone","x":[{"y":"`,
	"backslashes":         strings.Repeat(`\`, 301) + `"`,
	"control characters":  "a\r\nX-Injected: 1\r\n\r\n\x00\x1b[2J\x7f\u0085\u2028",
	"replaced":            "\ufffd\ufffd",
	"blanks":              " \t\n\u00a0\u3000 ",
	"nothing to see":      "\u200b\u200d\ufeff\u2060",
	"the other direction": "\u202e\u2066gnp.exe\u2069\u202c",
	"markup":              "</script><!--<a href=https://evil.example>[x](https://evil.example) **b** `c` @everyone <@1> <!channel> ||s||",
	"a template":          "{{routing_key}} {{{raw}}} ${HOME} $${X} %s {{DATE(2026-01-15T09:30:00Z)}}",
	"an address":          "javascript:alert(1)",
	"another address":     "https://user:pass@evil.example/\r\nX: 1",
	"a long address":      "https://evil.example/" + strings.Repeat("a", 5000),
	"commas and colons":   "a:b,c:d,,:",
	"a number":            "1e999",
}

// scripts are 50 kB of text each, in letters of one to four bytes and marks that
// join them.
var scripts = map[string]string{
	"Latin":      fill("Lorem ipsum dolor sit amet, "),
	"Greek":      fill("Ἐν ἀρχῇ ἦν ὁ λόγος "),
	"Arabic":     fill("مرحبا بالعالم "),
	"Devanagari": fill("नमस्ते दुनिया "),
	"Han":        fill("漢字假名交"),
	"emoji":      fill("👩‍👩‍👧‍👦🏳️‍🌈"),
	"combining":  fill("Z͑ͫ̓ͪ̂ͫ̽"),
	"quotes":     fill(`"\`),
	"markup":     fill("<&>*_`[]()"),
	"controls":   fill("\x00\x01"),
	"one word":   fill("x"),
}

// fill repeats s to 50 kB of JSON: in every field that is more than a hook's body holds.
func fill(s string) string {
	written, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return strings.Repeat(s, 50_000/(len(written)-len(`""`))+1)
}

// named is an event and what is special about it.
type named struct {
	what string
	*event.Event
}

// events are all that a recipe must be able to write: every type plain, bare, with
// each hostile text and, in turn, in the scripts.
func events() []named {
	var out []named
	for i, typ := range event.Types() {
		out = append(out, named{"full", full(typ)}, named{"minimal", minimal(typ)})
		for j, what := range sortedKeys(hostile) {
			out = append(out, named{what, saying(typ, hostile[what], 1+j%2)})
		}
		script := sortedKeys(scripts)[i%len(scripts)]
		out = append(out, named{"50 kB of " + script, saying(typ, scripts[script], 1)})
	}
	return append(out, named{"long lists", saying(event.RequestApproved, "name", 1000)}, named{"no time", timeless()})
}

// timeless is an event at the earliest time that can be written.
func timeless() *event.Event {
	ev := full(event.GrantActive)
	ev.OccurredAt = time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC)
	return ev
}

func (n named) String() string { return fmt.Sprintf("%s (%s)", n.Type, n.what) }
