package inbox

import (
	"fmt"
	"strings"
	"testing"
)

func text(kind string, n int) string {
	return fmt.Sprintf(`{"type":%q,"text":%q}`, kind, strings.Repeat("é", n))
}

func repeat(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }

func TestCheckSlack(t *testing.T) {
	section := func(n int) string { return `{"type":"section","text":` + text("mrkdwn", n) + `}` }
	button := func(rest string) string {
		return `{"type":"actions","elements":[{"type":"button","text":` + text("plain_text", 75) + rest + `}]}`
	}
	for _, tc := range []struct{ name, blocks, code, detail string }{
		{"header at its limit", `{"type":"header","text":` + text("plain_text", 150) + `}`, "", ""},
		{"header too long", `{"type":"header","text":` + text("plain_text", 151) + `}`, "invalid_blocks", "blocks[0].text.text: has 151 characters, must be 1 to 150"},
		{"header empty", `{"type":"header","text":` + text("plain_text", 0) + `}`, "invalid_blocks", "blocks[0].text.text: has 0"},
		{"header in mrkdwn", `{"type":"header","text":` + text("mrkdwn", 5) + `}`, "invalid_blocks", "blocks[0].text.type"},
		{"header without text", `{"type":"header"}`, "invalid_blocks", "blocks[0].text: missing"},
		{"section at its limit", section(3000), "", ""},
		{"section too long", section(3001), "invalid_blocks", "has 3001 characters"},
		{"section of nothing", `{"type":"section"}`, "invalid_blocks", "needs text or fields"},
		{"outside the basic plane", `{"type":"header","text":{"type":"plain_text","text":"` + strings.Repeat("🔑", 76) + `"}}`, "invalid_blocks", "has 152"},
		{"ten fields", `{"type":"section","fields":[` + repeat(text("mrkdwn", 1000), 10) + `]}`, "", ""},
		{"eleven fields", `{"type":"section","fields":[` + repeat(text("mrkdwn", 1), 11) + `]}`, "invalid_blocks", "must be 1 to 10"},
		{"no fields", `{"type":"section","fields":[]}`, "invalid_blocks", "must be 1 to 10"},
		{"null field", `{"type":"section","fields":[null]}`, "invalid_blocks", "fields[0]: missing"},
		{"field at its limit", `{"type":"section","fields":[` + text("mrkdwn", 2000) + `]}`, "", ""},
		{"field too long", `{"type":"section","fields":[` + text("mrkdwn", 2001) + `]}`, "invalid_blocks", "has 2001"},
		{"context", `{"type":"context","elements":[` + repeat(text("mrkdwn", 3), 10) + `]}`, "", ""},
		{"context of eleven", `{"type":"context","elements":[` + repeat(text("mrkdwn", 3), 11) + `]}`, "invalid_blocks", "must be 1 to 10"},
		{"context of nothing", `{"type":"context","elements":[]}`, "invalid_blocks", "must be 1 to 10"},
		{"context of a button", `{"type":"context","elements":[{"type":"button","text":` + text("plain_text", 3) + `}]}`, "invalid_blocks", "elements[0].type"},
		{"divider", `{"type":"divider"}`, "", ""},
		{"button", button(`,"url":"https://x.example/"`), "", ""},
		{"button to nowhere", button(`,"url":"javascript:alert(1)"`), "invalid_blocks", "elements[0].url"},
		{"button of another colour", button(`,"style":"blue"`), "invalid_blocks", "elements[0].style"},
		{"button text too long", `{"type":"actions","elements":[{"type":"button","text":` + text("plain_text", 76) + `}]}`, "invalid_blocks", "has 76"},
		{"image", `{"type":"image","image_url":"https://x.example/a.png","alt_text":"a"}`, "", ""},
		{"image without words", `{"type":"image","image_url":"https://x.example/a.png"}`, "invalid_blocks", "alt_text"},
		{"unknown block", `{"type":"confetti"}`, "invalid_blocks", `"confetti" is not a block`},
		{"unknown key", `{"type":"divider","colour":"red"}`, "invalid_blocks", `"colour" is not a key of a divider`},
		{"block id twice", `{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}`, "invalid_blocks", "used twice"},
		{"block id too long", `{"type":"divider","block_id":"` + strings.Repeat("a", 256) + `"}`, "invalid_blocks", "block_id"},
		{"fifty blocks", repeat(`{"type":"divider"}`, 50), "", ""},
		{"fifty-one blocks", repeat(`{"type":"divider"}`, 51), "invalid_blocks", "more than 50"},
		{"too much in all", repeat(section(2700), 5), "msg_blocks_too_long", "the message has 13782 characters"},
		{"null block", `null`, "invalid_blocks", "blocks[0].type"},
		{"text of a wrong type", `{"type":"section","text":7}`, "invalid_payload", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := checkSlack(`{"blocks":[` + tc.blocks + `]}`)
			if p == nil {
				p = &slackProblem{}
			}
			if p.code != tc.code || !strings.Contains(p.detail, tc.detail) {
				t.Errorf("got %s %q, want %s %q", p.code, p.detail, tc.code, tc.detail)
			}
		})
	}
}

func TestCheckSlackOfPlainText(t *testing.T) {
	for body, code := range map[string]string{
		`{"text":"x"}`: "", `{"attachments":[{}]}`: "", `[]`: "invalid_payload", `"x"`: "invalid_payload",
		`{"text":"` + strings.Repeat("x", 40_000) + `"}`: "", `{"text":"` + strings.Repeat("x", 40_001) + `"}`: "msg_too_long",
		"{\"text\":\"\xff\"}": "invalid_payload", `{"blocks":[]}`: "no_text",
	} {
		p := checkSlack(body)
		if p == nil {
			p = &slackProblem{}
		}
		if p.code != code {
			t.Errorf("%.30s: %q, want %q", body, p.code, code)
		}
	}
}
