package inbox

import (
	"bytes"
	"embed"
	"html/template"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
)

//go:embed assets
var assets embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"mrkdwn": mrkdwn,
	"plain":  plainText,
}).ParseFS(assets, "assets/*.html"))

// firstPage is how many messages the page shows until all are asked for.
const firstPage = 300

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

// fragment renders one template of the page on its own.
func fragment(name string, data any) (string, error) {
	var b strings.Builder
	err := templates.ExecuteTemplate(&b, name, data)
	return b.String(), err
}

// mailHTML is the HTML of a mail as it came, for the frame on the page. It is somebody
// else's: the frame's sandbox and, in case it is opened by itself, the policy keep it
// from running, loading, sending or leading anywhere. The frame keeps our origin
// (allow-same-origin) only so that the page can see how high it is: without scripts it
// can do nothing with it.
func (in *Inbox) mailHTML(w http.ResponseWriter, r *http.Request) {
	m := in.find(r)
	if m == nil || m.Mail == nil || m.Mail.HTML == "" {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-same-origin; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, m.Mail.HTML) // the reader has gone: nothing to be done
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
