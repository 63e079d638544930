package slack

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// Slack's limits, from its Block Kit reference.
const (
	slackBlocks      = 50
	slackHeader      = 150
	slackSection     = 3000
	slackFields      = 10
	slackField       = 2000
	slackContextLen  = 10
	slackButtonLabel = 75
	slackButtonURL   = 3000
	slackMessage     = 13200
)

func units(s string) int { return len(utf16.Encode([]rune(s))) }

var (
	dateToken = regexp.MustCompile(`<!date\^\d+\^\{date_short_pretty\} \{time\}\|\d{4}-\d\d-\d\d \d\d:\d\d UTC>`)
	entity    = regexp.MustCompile(`&(?:amp|lt|gt);`)
	quoteMark = regexp.MustCompile(`(?m)^> `)
	mention   = regexp.MustCompile(`(?:^|[^\p{L}\p{Nd}_])@[^\x{200b}]`)
)

// checkMessage fails t unless Slack would take body as it is and the event's
// texts in it mean nothing but themselves.
func checkMessage(t *testing.T, body []byte) {
	t.Helper()
	type object struct {
		Type     string
		Text     string
		Verbatim bool
		Emoji    bool
	}
	var m struct {
		Text   string
		Blocks []struct {
			Type     string
			Text     *object
			Fields   []object
			Elements []json.RawMessage
		}
		UnfurlLinks *bool `json:"unfurl_links"`
		UnfurlMedia *bool `json:"unfurl_media"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		t.Fatalf("not the message's shape: %v", err)
	}
	if !utf8.Valid(body) {
		t.Error("not UTF-8")
	}
	if n := units(string(body)); n > slackMessage {
		t.Errorf("the message has %d characters", n)
	}
	if n := len(m.Blocks); n == 0 || n > slackBlocks {
		t.Errorf("%d blocks", n)
	}
	inert := func(where, s string, limit int) {
		t.Helper()
		if s == "" || units(s) > limit {
			t.Errorf("%s has %d characters: %.80q", where, units(s), s)
		}
		s = dateToken.ReplaceAllString(s, "")
		if mention.MatchString(s) {
			t.Errorf("%s mentions: %q", where, s)
		}
		s = quoteMark.ReplaceAllString(entity.ReplaceAllString(s, ""), "")
		if strings.ContainsAny(s, "&<>") {
			t.Errorf("%s is not escaped: %q", where, s)
		}
		if strings.ContainsAny(s, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x00\x07\r") {
			t.Errorf("%s holds control characters: %q", where, s)
		}
	}
	mrkdwn := func(where string, o object, limit int) {
		t.Helper()
		if o.Type != "mrkdwn" || !o.Verbatim {
			t.Errorf("%s is %s, verbatim %v", where, o.Type, o.Verbatim)
		}
		inert(where, o.Text, limit)
	}
	inert("the fallback", m.Text, slackSection)
	for i, b := range m.Blocks {
		switch b.Type {
		case "header":
			if i != 0 || b.Text.Type != "plain_text" || b.Text.Verbatim {
				t.Errorf("block %d is a header of %s", i, b.Text.Type)
			}
			inert("the header", b.Text.Text, slackHeader)
		case "section":
			if (b.Text == nil) == (b.Fields == nil) {
				t.Errorf("section %d needs a text or fields", i)
			}
			if b.Text != nil {
				mrkdwn("a section", *b.Text, slackSection)
			}
			if len(b.Fields) > slackFields {
				t.Errorf("%d fields", len(b.Fields))
			}
			for _, f := range b.Fields {
				mrkdwn("a field", f, slackField)
			}
		case "context":
			if n := len(b.Elements); n == 0 || n > slackContextLen {
				t.Errorf("%d context elements", n)
			}
			for _, e := range b.Elements {
				var o object
				if err := json.Unmarshal(e, &o); err != nil {
					t.Fatal(err)
				}
				mrkdwn("the context", o, slackSection)
			}
		case "actions":
			for _, e := range b.Elements {
				var o struct {
					Type, URL string
					Text      object
				}
				if err := json.Unmarshal(e, &o); err != nil {
					t.Fatal(err)
				}
				if o.Type != "button" || !strings.HasPrefix(o.URL, "https://") || len(o.URL) > slackButtonURL || o.Text.Type != "plain_text" {
					t.Errorf("a button to %.80q", o.URL)
				}
				inert("a button", o.Text.Text, slackButtonLabel)
			}
		default:
			t.Errorf("a block of type %q", b.Type)
		}
	}
}
