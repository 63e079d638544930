package inbox

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of Slack's Block Kit and of incoming webhooks, from Slack's reference of
// blocks and composition objects. Lengths are in characters. What those are it does not
// say, so they are counted as UTF-16 units here, the strictest way.
const (
	maxBlocks      = 50
	maxMessage     = 13_200 // of a body with blocks: more is answered msg_blocks_too_long
	maxFallback    = 40_000
	maxHeaderText  = 150
	maxText        = 3000
	maxFields      = 10
	maxFieldText   = 2000
	maxContext     = 10 // elements
	maxActions     = 25 // elements
	maxButtonText  = 75
	maxURL         = 3000
	maxAlt         = 2000
	maxBlockID     = 255
	maxButtonValue = 2000
)

// slackMessage is what is sent to an incoming webhook, as far as the inbox
// understands it.
type slackMessage struct {
	Text        string            `json:"text"`
	Blocks      []slackBlock      `json:"blocks"`
	Attachments []json.RawMessage `json:"attachments"`
}

// slackBlock is the union of the blocks and of the elements in them.
type slackBlock struct {
	Type      string       `json:"type"`
	BlockID   string       `json:"block_id"`
	Text      *slackText   `json:"text"`
	Fields    []*slackText `json:"fields"`
	Elements  []slackBlock `json:"elements"`
	Accessory *slackBlock  `json:"accessory"`
	ImageURL  string       `json:"image_url"`
	AltText   string       `json:"alt_text"`
	URL       string       `json:"url"`
	Value     string       `json:"value"`
	Style     string       `json:"style"`

	keys []string // that were there
}

// slackText is a text object, or the bare string that a context's text element has.
type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// UnmarshalJSON takes a bare string too: the text element of a context is a
// text object itself, so its "text" is a string where a block's is an object.
func (t *slackText) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &t.Text)
	}
	type plain slackText
	return json.Unmarshal(b, (*plain)(t))
}

func (b *slackBlock) UnmarshalJSON(data []byte) error {
	type plain slackBlock
	if err := json.Unmarshal(data, (*plain)(b)); err != nil {
		return err
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return err
	}
	for k := range keys {
		b.keys = append(b.keys, k)
	}
	slices.Sort(b.keys)
	return nil
}

// slackProblem is a refusal: the code that Slack answers and, for the page, why.
type slackProblem struct{ code, detail string }

func invalidBlocks(format string, args ...any) *slackProblem {
	return &slackProblem{"invalid_blocks", fmt.Sprintf(format, args...)}
}

// checkSlack says why Slack would refuse body, or nil. It is stricter than
// Slack where Slack's reference is silent.
func checkSlack(body string) *slackProblem {
	var m slackMessage
	if err := json.Unmarshal([]byte(body), &m); err != nil || !utf8.ValidString(body) {
		return &slackProblem{"invalid_payload", "the body is not a message in JSON"}
	}
	switch {
	case m.Text == "" && len(m.Blocks) == 0 && len(m.Attachments) == 0:
		return &slackProblem{"no_text", "the message has no text and no blocks"}
	case chars(m.Text) > maxFallback:
		return &slackProblem{"msg_too_long", fmt.Sprintf("text: longer than %d characters", maxFallback)}
	case len(m.Blocks) > maxBlocks:
		return invalidBlocks("blocks: more than %d", maxBlocks)
	}
	ids := map[string]bool{}
	for i, b := range m.Blocks {
		at := fmt.Sprintf("blocks[%d]", i)
		if p := b.check(at); p != nil {
			return p
		}
		if b.BlockID != "" && ids[b.BlockID] {
			return invalidBlocks("%s.block_id: used twice", at)
		}
		ids[b.BlockID] = true
	}
	if n := chars(body); len(m.Blocks) > 0 && n > maxMessage {
		return &slackProblem{"msg_blocks_too_long", fmt.Sprintf("the message has %d characters, more than %d", n, maxMessage)}
	}
	return nil
}

// blockKeys lists the keys each block may have.
var blockKeys = map[string][]string{
	"header":  {"type", "block_id", "text", "level"},
	"section": {"type", "block_id", "text", "fields", "accessory", "expand"},
	"context": {"type", "block_id", "elements"},
	"divider": {"type", "block_id"},
	"actions": {"type", "block_id", "elements"},
	"image":   {"type", "block_id", "image_url", "alt_text", "title", "slack_file"},
}

func (b *slackBlock) check(at string) *slackProblem {
	known, ok := blockKeys[b.Type]
	if !ok {
		return invalidBlocks("%s.type: %.40q is not a block that the inbox knows", at, b.Type)
	}
	for _, k := range b.keys {
		if !slices.Contains(known, k) {
			return invalidBlocks("%s: %.40q is not a key of a %s", at, k, b.Type)
		}
	}
	if chars(b.BlockID) > maxBlockID {
		return invalidBlocks("%s.block_id: longer than %d characters", at, maxBlockID)
	}
	switch b.Type {
	case "header":
		return b.Text.check(at+".text", maxHeaderText, "plain_text")
	case "section":
		return b.checkSection(at)
	case "context":
		return b.checkContext(at)
	case "actions":
		return b.checkActions(at)
	case "image":
		return b.checkImage(at)
	}
	return nil // a divider
}

func (b *slackBlock) checkSection(at string) *slackProblem {
	if b.Text == nil && b.Fields == nil {
		return invalidBlocks("%s: a section needs text or fields", at)
	}
	if b.Text != nil {
		if p := b.Text.check(at+".text", maxText, "plain_text", "mrkdwn"); p != nil {
			return p
		}
	}
	if b.Fields != nil && (len(b.Fields) == 0 || len(b.Fields) > maxFields) {
		return invalidBlocks("%s.fields: must be 1 to %d", at, maxFields)
	}
	for i, f := range b.Fields {
		if p := f.check(fmt.Sprintf("%s.fields[%d]", at, i), maxFieldText, "plain_text", "mrkdwn"); p != nil {
			return p
		}
	}
	switch a := b.Accessory; {
	case a == nil:
		return nil
	case a.Type == "image":
		return a.checkImage(at + ".accessory")
	default:
		return a.checkButton(at + ".accessory")
	}
}

func (b *slackBlock) checkContext(at string) *slackProblem {
	if len(b.Elements) == 0 || len(b.Elements) > maxContext {
		return invalidBlocks("%s.elements: must be 1 to %d", at, maxContext)
	}
	for i, e := range b.Elements {
		at := fmt.Sprintf("%s.elements[%d]", at, i)
		if e.Type == "image" {
			if p := e.checkImage(at); p != nil {
				return p
			}
			continue
		}
		if p := e.AsText().check(at, maxText, "plain_text", "mrkdwn"); p != nil {
			return p
		}
	}
	return nil
}

func (b *slackBlock) checkActions(at string) *slackProblem {
	if len(b.Elements) == 0 || len(b.Elements) > maxActions {
		return invalidBlocks("%s.elements: must be 1 to %d", at, maxActions)
	}
	for i, e := range b.Elements {
		if p := e.checkButton(fmt.Sprintf("%s.elements[%d]", at, i)); p != nil {
			return p
		}
	}
	return nil
}

func (b *slackBlock) checkButton(at string) *slackProblem {
	if b.Type != "button" {
		return invalidBlocks("%s.type: %.40q is not an element that the inbox knows", at, b.Type)
	}
	if chars(b.Value) > maxButtonValue {
		return invalidBlocks("%s.value: longer than %d characters", at, maxButtonValue)
	}
	if b.URL != "" && !validURL(b.URL) {
		return invalidBlocks("%s.url: not an http address of at most %d characters", at, maxURL)
	}
	switch b.Style {
	case "", "primary", "danger":
	default:
		return invalidBlocks("%s.style: must be primary or danger", at)
	}
	return b.Text.check(at+".text", maxButtonText, "plain_text")
}

func (b *slackBlock) checkImage(at string) *slackProblem {
	if !validURL(b.ImageURL) {
		return invalidBlocks("%s.image_url: not an http address of at most %d characters", at, maxURL)
	}
	if n := chars(b.AltText); n == 0 || n > maxAlt {
		return invalidBlocks("%s.alt_text: must be 1 to %d characters", at, maxAlt)
	}
	return nil
}

func (t *slackText) check(at string, limit int, types ...string) *slackProblem {
	if t == nil {
		return invalidBlocks("%s: missing", at)
	}
	if !slices.Contains(types, t.Type) {
		return invalidBlocks("%s.type: must be one of %v", at, types)
	}
	if n := chars(t.Text); n == 0 || n > limit {
		return invalidBlocks("%s.text: has %d characters, must be 1 to %d", at, n, limit)
	}
	return nil
}

// AsText reads a context's text element.
func (b *slackBlock) AsText() *slackText {
	if b.Text == nil {
		return nil
	}
	return &slackText{Type: b.Type, Text: b.Text.Text}
}

// chars is the length of s in UTF-16 units.
func chars(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r) // decoding gives no rune that has none
	}
	return n
}

func validURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= maxURL && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// SafeURL is the address of a button if it leads off the page, else "".
func (b *slackBlock) SafeURL() string {
	if safeLink(b.URL) {
		return b.URL
	}
	return ""
}
