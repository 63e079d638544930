package slack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"accessrelay/internal/event"
	"accessrelay/internal/wording"
)

// Budgets, in the units of text.go. Slack takes 3,000 characters a section,
// 2,000 a field and about 13,200 a message. These stay so far below that all of
// them together, with the JSON around them, make a message that passes.
const (
	fieldBudget    = 220
	reasonBudget   = 1500
	errorBudget    = 600
	listLineBudget = 130 // of the lists of accesses and approvals, up to listLines
	listLines      = 8
	contextBudget  = 100 // each part
	maxRaw         = 2800
	maxMessage     = 13000
)

type message struct {
	Text        string  `json:"text"` // what notifications and screen readers say
	Blocks      []block `json:"blocks"`
	UnfurlLinks bool    `json:"unfurl_links"` // false: no previews of what an event links to
	UnfurlMedia bool    `json:"unfurl_media"`
}

type block struct {
	Type     string `json:"type"`
	Text     *text  `json:"text,omitempty"`
	Fields   []text `json:"fields,omitempty"`
	Elements []any  `json:"elements,omitempty"`
}

type text struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim,omitempty"`
}

type button struct {
	Type string `json:"type"`
	Text text   `json:"text"`
	URL  string `json:"url"`
}

// mrkdwn is verbatim: Slack makes no links of names and addresses in it.
func mrkdwn(s string) text { return text{Type: "mrkdwn", Text: s, Verbatim: true} }

func section(s string) block {
	t := mrkdwn(s)
	return block{Type: "section", Text: &t}
}

// render writes the message for ev. The same event always gives the same bytes.
func render(ev *event.Event) ([]byte, error) {
	emoji, title := wording.Title(ev.Type)

	m := message{Text: emoji + " " + title + ": " + wording.Sentence(ev, plainStyle)}
	add := func(bs ...block) { m.Blocks = append(m.Blocks, bs...) }
	add(block{Type: "header", Text: &text{Type: "plain_text", Text: emoji + " " + title}})
	add(section(wording.Sentence(ev, style)))
	if fs := fields(ev); len(fs) > 0 {
		add(block{Type: "section", Fields: fs})
	}
	add(list(wording.Accesses(ev, style, listLineBudget, listLines))...)
	add(quote("Reason", wording.Reason(ev), reasonBudget)...)
	add(quote("Error", wording.Failure(ev), errorBudget)...)
	add(list(wording.Approvals(ev, style, listLineBudget, listLines))...)
	tail := append(link(ev), origin(ev))
	if ev.Type == event.Unrecognized && len(ev.Raw) > 0 {
		room, err := roomIn(m, tail)
		if err != nil {
			return nil, err
		}
		room = min(room, maxRaw)
		add(section(code(wording.Indent(ev.Raw, room), room)))
	}
	add(tail...)
	return encode(m)
}

// roomIn is how much text one more section may hold beside m and tail: the raw
// payload gets what the rest leaves, at least a good 1,000.
func roomIn(m message, tail []block) (int, error) {
	m.Blocks = slices.Concat(m.Blocks, []block{section("")}, tail)
	body, err := encode(m)
	return maxMessage - len(utf16.Encode([]rune(string(body)))), err
}

func encode(m message) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // it would count six characters for each &
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("encoding the message: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

func quote(label, s string, budget int) []block {
	if s = lines(s, budget); s == "" {
		return nil
	}
	return []block{section("*" + label + "*\n" + s)}
}

// link is a button to the request. Only https: a button takes any scheme.
func link(ev *event.Event) []block {
	address := wording.Link(ev)
	if !strings.HasPrefix(address, "https://") {
		return nil
	}
	return []block{{Type: "actions", Elements: []any{
		button{Type: "button", Text: text{Type: "plain_text", Text: "Open the request"}, URL: address},
	}}}
}

// origin tells where the event comes from, for whoever has to look for it.
func origin(ev *event.Event) block {
	parts := wording.Origin(ev, style, contextBudget)
	if len(parts) == 0 {
		parts = []string{"accessrelay"}
	}
	return block{Type: "context", Elements: []any{mrkdwn(strings.Join(parts, " · "))}}
}
