package e2e

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// Slack's documented limits, in characters where they are of text.
const (
	maxBlocks       = 50
	maxHeaderText   = 150
	maxSectionText  = 3000
	maxFields       = 10
	maxFieldText    = 2000
	maxContextItems = 10
	maxMessage      = 13_200
)

type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text"`
	Fields   []slackText `json:"fields"`
	Elements []slackText `json:"elements"`
}

// checkSlack holds a message against what Slack documents.
func checkSlack(t *testing.T, body []byte) {
	t.Helper()
	var m struct {
		Text   string       `json:"text"`
		Blocks []slackBlock `json:"blocks"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("reading Slack's message: %v", err)
	}
	if m.Text == "" {
		t.Error("no text for notifications and screen readers")
	}
	if len(m.Blocks) == 0 || len(m.Blocks) > maxBlocks {
		t.Errorf("%d blocks", len(m.Blocks))
	}
	if n := utf8.RuneCount(body); n > maxMessage {
		t.Errorf("the message has %d characters", n)
	}
	checkMarkup(t, m.Text)
	for _, b := range m.Blocks {
		checkBlock(t, b)
	}
	if all := string(body); !strings.Contains(all, "demo-node-1") || !strings.Contains(all, "fancy demo") {
		t.Errorf("the message does not say what it is about: %s", body)
	}
}

func checkBlock(t *testing.T, b slackBlock) {
	t.Helper()
	switch b.Type {
	case "header":
		if b.Text == nil || b.Text.Type != "plain_text" {
			t.Fatalf("header %+v", b)
		}
		checkText(t, *b.Text, maxHeaderText)
	case "section":
		if b.Text == nil && len(b.Fields) == 0 || len(b.Fields) > maxFields {
			t.Errorf("section %+v", b)
		}
		if b.Text != nil {
			checkText(t, *b.Text, maxSectionText)
		}
		for _, f := range b.Fields {
			checkText(t, f, maxFieldText)
		}
	case "context":
		if len(b.Elements) == 0 || len(b.Elements) > maxContextItems {
			t.Errorf("context %+v", b)
		}
		for _, e := range b.Elements {
			checkText(t, e, maxSectionText)
		}
	case "divider":
	default:
		t.Errorf("block of type %q", b.Type)
	}
}

func checkText(t *testing.T, x slackText, limit int) {
	t.Helper()
	if n := utf8.RuneCountInString(x.Text); n == 0 || n > limit {
		t.Errorf("a text of %d characters, limit %d", n, limit)
	}
	switch x.Type {
	case "mrkdwn":
		checkMarkup(t, x.Text)
	case "plain_text":
	default:
		t.Errorf("text of type %q", x.Type)
	}
}

// Slack's own markup: dates and links in angle brackets, and the > of a quoted
// line. Everything else must be written with entities.
var (
	quotes   = regexp.MustCompile(`(?m)^> `)
	markup   = regexp.MustCompile(`<(!date\^\d+\^[^<>|]*(\^[^<>|]*)?\|[^<>]*|https?://[^<>|]*(\|[^<>]*)?)>`)
	entities = regexp.MustCompile(`&(amp|lt|gt);`)
)

func checkMarkup(t *testing.T, s string) {
	t.Helper()
	rest := s
	for _, fine := range []*regexp.Regexp{quotes, markup, entities} {
		rest = fine.ReplaceAllString(rest, "")
	}
	if strings.ContainsAny(rest, "<>&") {
		t.Errorf("not escaped: %q", s)
	}
}
