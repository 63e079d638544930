package inbox

import (
	"cmp"
	"encoding/json"
	"html/template"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// How much of a message its line in the list shows, in characters.
const (
	maxTitle   = 120
	maxPreview = 160
)

// view is a message as the templates want it.
type view struct {
	*Message
	Headers []header // sorted
	Title   string
	Preview string
	Slack   *slackMessage
	JSON    template.HTML
	Cut     bool // JSON or Text is not the whole body
	Text    string
}

type header struct{ Name, Value string }

// envelope is what of a webhook's body, or of a message to a topic, its line in
// the list shows.
type envelope struct {
	Type string `json:"type"`
	Data struct {
		Source    string `json:"source"`
		Requester person `json:"requester"`
		Grantee   person `json:"grantee"`
		Request   struct {
			DisplayID string `json:"display_id"`
			Reason    string `json:"reason"`
		} `json:"request"`
	} `json:"data"`
}

type person struct{ Name, Email string }

func (p person) String() string { return cmp.Or(p.Name, p.Email) }

func newView(m *Message) *view {
	v := &view{Message: m}
	for name, value := range m.Headers {
		v.Headers = append(v.Headers, header{name, value})
	}
	slices.SortFunc(v.Headers, func(a, b header) int { return strings.Compare(a.Name, b.Name) })
	switch {
	case m.Payload != nil:
		v.JSON, v.Cut = prettyJSON(m.Payload)
	default:
		v.Text, v.Cut = cutText(m.Body)
	}
	switch m.Kind {
	case "slack":
		v.readSlack()
	case "email":
		v.Title, v.Preview = m.Mail.Subject, m.Mail.Text
		if m.Body == "" {
			v.Title = cmp.Or(v.Title, "A mail for "+m.Mail.Recipient)
		}
	case "webhook":
		v.readEnvelope()
	case "sns":
		v.readEnvelope()
		v.Title = cmp.Or(m.SNS.Subject, v.Title)
		if m.Payload == nil {
			v.Text, v.Cut = cutText(m.SNS.Message)
			v.Preview = m.SNS.Message
		}
	}
	v.Title, v.Preview = oneLine(v.Title, maxTitle), oneLine(v.Preview, maxPreview)
	return v
}

func (v *view) readSlack() {
	var s slackMessage
	if json.Unmarshal([]byte(v.Body), &s) != nil || len(v.Body) > 2*maxShown {
		return
	}
	v.Slack = &s
	v.Preview = entities.Replace(s.Text)
	for _, b := range s.Blocks {
		if b.Text == nil {
			continue
		}
		switch {
		case b.Type == "header" && v.Title == "":
			v.Title = entities.Replace(b.Text.Text)
		case b.Type == "section":
			v.Preview = unmarked.Replace(b.Text.Text)
			return
		}
	}
}

// unmarked takes the commonest of Slack's marks out of a text of one line.
var unmarked = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", "*", "", "`", "")

// readEnvelope reads a body of another shape as far as it goes: what was read
// until the mismatch is still true.
func (v *view) readEnvelope() {
	var e envelope
	if json.Unmarshal(v.Payload, &e) != nil && e.Type == "" {
		v.Preview = v.Body
	}
	v.Title = e.Type
	who := cmp.Or(e.Data.Requester.String(), e.Data.Grantee.String())
	var parts []string
	for _, s := range []string{e.Data.Request.DisplayID, who, e.Data.Request.Reason, e.Data.Source} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if len(parts) > 0 {
		v.Preview = strings.Join(parts, " · ")
	}
}

// cutText is as much of s as the page shows.
func cutText(s string) (text string, cut bool) {
	if len(s) > maxShown {
		s, cut = s[:maxShown], true
	}
	return strings.ToValidUTF8(s, "\uFFFD"), cut
}

// oneLine is the beginning of s with all white space as one blank.
func oneLine(s string, limit int) string {
	s = strings.ToValidUTF8(s[:min(len(s), utf8.UTFMax*limit)], "")
	s = strings.Join(strings.Fields(s), " ")
	for n := range s {
		if limit--; limit < 0 {
			return s[:n] + "…"
		}
	}
	return s
}

// Class says at a glance how it went.
func (v *view) Class() string {
	switch {
	case v.OnPurpose:
		return "onpurpose"
	case v.Problem != "":
		return "refused"
	default:
		return "ok"
	}
}

// Gap is the time from the attempt before, for people.
func (v *view) Gap() string {
	switch {
	case v.Since >= 10*time.Second:
		return v.Since.Round(time.Second).String()
	case v.Since >= time.Second:
		return v.Since.Round(100 * time.Millisecond).String()
	default:
		return v.Since.Round(time.Millisecond).String()
	}
}

// MailText and MailSource are what the page shows of a mail beside its HTML.
func (v *view) MailText() string   { text, _ := cutText(v.Mail.Text); return text }
func (v *view) MailSource() string { text, _ := cutText(v.Body); return text }
