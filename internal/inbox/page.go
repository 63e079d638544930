package inbox

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

//go:embed assets
var assets embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"mrkdwn": mrkdwn,
	"plain":  plainText,
}).ParseFS(assets, "assets/*.html"))

// firstPage is how many messages the page shows until all are asked for.
const firstPage = 100

type pageView struct {
	Version  string
	Last     int64
	Clears   int
	Keep     int
	Links    []Link
	Messages []*view // newest first
	Older    int     // kept, but not on this page
	Failures []Failure
}

func (in *Inbox) page(w http.ResponseWriter, r *http.Request) {
	snap := in.store.since(0)
	show := snap.messages
	if !r.URL.Query().Has("all") && len(show) > firstPage {
		show = show[len(show)-firstPage:]
	}
	p := pageView{
		Version: in.version, Last: snap.last, Clears: snap.clears, Keep: in.store.keep, Links: in.links,
		Older: len(snap.messages) - len(show), Failures: snap.failures,
	}
	for _, m := range slices.Backward(show) {
		p.Messages = append(p.Messages, newView(m))
	}
	var buf bytes.Buffer
	if err := templates.ExecuteTemplate(&buf, "page", p); err != nil {
		http.Error(w, "the page could not be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(buf.Bytes()) // the reader has gone: nothing to be done
}

// view is a message as the templates want it.
type view struct {
	*Message
	Headers []header // sorted
	Slack   *slackMessage
	Event   webhookEvent
	JSON    template.HTML
	Cut     bool // JSON or Text is not the whole body
	Text    string
}

type header struct{ Name, Value string }

// webhookEvent is what the heading of a webhook shows.
type webhookEvent struct {
	Type string `json:"type"`
	Data struct {
		Source  string `json:"source"`
		Request struct {
			DisplayID string `json:"display_id"`
		} `json:"request"`
	} `json:"data"`
}

func newView(m *Message) *view {
	v := &view{Message: m}
	for name, value := range m.Headers {
		v.Headers = append(v.Headers, header{name, value})
	}
	slices.SortFunc(v.Headers, func(a, b header) int { return strings.Compare(a.Name, b.Name) })
	switch {
	case m.Payload != nil:
		v.JSON, v.Cut = prettyJSON(m.Payload)
	case len(m.Body) > maxShown:
		v.Text, v.Cut = strings.ToValidUTF8(m.Body[:maxShown], "\uFFFD"), true
	default:
		v.Text = m.Body
	}
	switch m.Kind {
	case "slack":
		var s slackMessage
		if json.Unmarshal([]byte(m.Body), &s) == nil && len(m.Body) <= 2*maxShown {
			v.Slack = &s
		}
	case "webhook":
		// A body of another shape has no heading; what was read until the
		// mismatch is still true.
		_ = json.Unmarshal([]byte(m.Body), &v.Event)
	}
	return v
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

// fragment renders one template of the page on its own.
func fragment(name string, data any) (string, error) {
	var b strings.Builder
	err := templates.ExecuteTemplate(&b, name, data)
	return b.String(), err
}

var assetTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

func asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	ct, ok := assetTypes[path.Ext(name)]
	b, err := assets.ReadFile("assets/" + name)
	if !ok || err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", ct)
	_, _ = w.Write(b) // the reader has gone: nothing to be done
}
