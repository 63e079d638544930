package slack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"

	"accessrelay/internal/event"
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
	maxButtonURL   = 1000
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
	w := wordsFor(ev.Type)
	plain := facts{ev, func(s string) string { return s }, plainDate}
	rich := facts{ev, strong, date}

	m := message{Text: w.emoji + " " + w.title + ": " + sentence(w.say(plain))}
	add := func(bs ...block) { m.Blocks = append(m.Blocks, bs...) }
	add(block{Type: "header", Text: &text{Type: "plain_text", Text: w.emoji + " " + w.title}})
	add(section(sentence(w.say(rich))))
	if fs := fields(ev); len(fs) > 0 {
		add(block{Type: "section", Fields: fs})
	}
	add(accessList(ev)...)
	add(quote("Reason", reason(ev), reasonBudget)...)
	add(quote("Error", failure(ev), errorBudget)...)
	add(approvals(ev)...)
	tail := append(link(ev), origin(ev))
	if ev.Type == event.Unrecognized && len(ev.Raw) > 0 {
		room, err := roomIn(m, tail)
		if err != nil {
			return nil, err
		}
		add(section(code(indented(ev.Raw), min(maxRaw, room))))
	}
	add(tail...)
	return encode(m)
}

func indented(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return string(raw)
	}
	return b.String()
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

// sentence begins with a capital where it begins with words of ours; a name
// stays as it is.
func sentence(s string) string {
	for _, ours := range []string{"the ", "somebody ", "access to "} {
		if strings.HasPrefix(s, ours) {
			return strings.ToUpper(s[:1]) + s[1:]
		}
	}
	return s
}

func quote(label, s string, budget int) []block {
	if s = lines(s, budget); s == "" {
		return nil
	}
	return []block{section("*" + label + "*\n" + s)}
}

func reason(ev *event.Event) string {
	if ev.Request == nil {
		return ""
	}
	return ev.Request.Reason
}

func failure(ev *event.Event) string {
	if ev.Error == nil {
		return ""
	}
	parts := make([]string, 0, 3)
	for _, s := range []string{ev.Error.Type, ev.Error.Message} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	s := strings.Join(parts, ": ")
	if ev.Error.ID != "" {
		s = strings.TrimSpace(s + " (" + ev.Error.ID + ")")
	}
	return s
}

// link is a button to the request. Only https: a button takes any scheme.
func link(ev *event.Event) []block {
	if ev.Request == nil || len(ev.Request.URL) > maxButtonURL {
		return nil
	}
	u, err := url.Parse(ev.Request.URL)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil
	}
	address := u.String()
	if len(address) > maxButtonURL || width(address) != len(address) { // not plain ASCII after all
		return nil
	}
	return []block{{Type: "actions", Elements: []any{
		button{Type: "button", Text: text{Type: "plain_text", Text: "Open the request"}, URL: address},
	}}}
}

// origin tells where the event comes from, for whoever has to look for it.
func origin(ev *event.Event) block {
	var parts []string
	for _, s := range []string{ev.Platform, ev.Source, ev.PlatformEvent, ev.ID} {
		if s = line(s, contextBudget); s != "" {
			parts = append(parts, s)
		}
	}
	if at := ev.At(); !at.IsZero() {
		parts = append(parts, date(at))
	}
	if len(parts) == 0 {
		parts = []string{"accessrelay"}
	}
	return block{Type: "context", Elements: []any{mrkdwn(strings.Join(parts, " · "))}}
}
