// Package inbox is a destination to look at: it takes what channels deliver,
// answers as the real destinations do, and shows it on a page as it comes in.
// It is for trying the relay out and for demonstrations. Everything is kept in
// memory, for anybody who can reach it to read.
package inbox

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"accessrelay/internal/secret"
)

const (
	defaultKeep    = 500
	defaultMaxBody = 1 << 20
	// maxTotal bounds all kept messages together, in bytes: 500 large ones
	// would else be half a gigabyte.
	maxTotal = 64 << 20
)

// Link is shown at the head of the page.
type Link struct {
	Name string
	URL  string // http or https, or a path on this server
}

// Config is what an [Inbox] needs. The zero value works.
type Config struct {
	// Keep is how many of the newest messages are kept; 0 means 500.
	Keep int
	// MaxBody is the largest body taken, in bytes; 0 means 1 MiB.
	MaxBody int64
	// Secrets are the signing secrets (whsec_…) of webhook paths such as
	// /webhook/siem. What comes to such a path unsigned, or signed with another
	// secret, is shown as failed and answered 401. Other paths take anything.
	Secrets map[string]secret.String
	Links   []Link
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Inbox is an [http.Handler]. It is safe for concurrent use.
//
//	POST   /slack, /slack/…       a Slack incoming webhook
//	POST   /webhook, /webhook/…   a Standard Webhooks receiver
//	POST   /sns, /sns/…           Amazon SNS: Publish of its Query protocol
//	GET    /                      the page; /events feeds it, /mail/{id} is the HTML of a mail
//	GET    /api/messages          what came in, as JSON: ?since= and ?wait=
//	DELETE /api/messages          forget it
//	POST   /fail                  make a path fail: ?path= &status= &times= &retry_after= &stage=
//
// A [MailServer] beside it takes what is shown at /email/….
type Inbox struct {
	store   *store
	secrets map[string]signingKey
	links   []Link
	maxBody int64
	now     func() time.Time
	version string // of this instance: a page of another one reloads itself
	handler http.Handler
	done    chan struct{}
	streams chan struct{} // one place for each page that listens
}

// New makes an inbox. Its error names the path whose signing secret cannot be used.
func New(c Config) (*Inbox, error) {
	in := &Inbox{
		secrets: make(map[string]signingKey, len(c.Secrets)),
		links:   c.Links,
		maxBody: c.MaxBody,
		now:     c.Now,
		done:    make(chan struct{}),
		streams: make(chan struct{}, maxStreams),
	}
	if in.now == nil {
		in.now = time.Now
	}
	if in.maxBody <= 0 {
		in.maxBody = defaultMaxBody
	}
	if c.Keep <= 0 {
		c.Keep = defaultKeep
	}
	for path, s := range c.Secrets {
		key, err := parseSigningKey(s.Reveal())
		if err != nil {
			return nil, fmt.Errorf("signing secret of %s: %w", path, err)
		}
		in.secrets[cleanPath(path)] = key
	}
	in.store = newStore(c.Keep, maxTotal)
	in.version = fmt.Sprintf("%x", time.Now().UnixNano())
	in.handler = secureHeaders(in.routes())
	return in, nil
}

func (in *Inbox) routes() http.Handler {
	mux := http.NewServeMux()
	for _, k := range kinds {
		if k.accept == nil {
			continue
		}
		mux.HandleFunc("POST "+k.prefix, in.receive(k))
		mux.HandleFunc("POST "+k.prefix+"/{rest...}", in.receive(k))
	}
	mux.HandleFunc("GET /{$}", in.page)
	mux.HandleFunc("GET /events", in.events)
	mux.HandleFunc("GET /assets/{name}", asset)
	mux.HandleFunc("GET /mail/{id}", in.mailHTML)
	mux.HandleFunc("GET /api/messages", in.list)
	mux.HandleFunc("GET /api/messages/{id}", in.get)

	// What changes something is not for other sites' pages to call.
	own := http.NewCrossOriginProtection()
	mux.Handle("DELETE /api/messages", own.Handler(http.HandlerFunc(in.clear)))
	mux.Handle("POST /fail", own.Handler(http.HandlerFunc(in.fail)))
	return mux
}

// ServeHTTP answers every request of the inbox.
func (in *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) { in.handler.ServeHTTP(w, r) }

// Close ends the open pages' streams and the waiting calls, which would else
// hold up the shutdown of the server. Give it to [http.Server.RegisterOnShutdown].
// It may be called more than once.
func (in *Inbox) Close() {
	in.store.mu.Lock()
	defer in.store.mu.Unlock()
	select {
	case <-in.done:
	default:
		close(in.done)
	}
}

// secureHeaders lets the page load its own script and style and nothing else,
// so that even event text that got through as HTML could do nothing.
func secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
			"connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// cleanPath is the one spelling of a delivery path.
func cleanPath(p string) string { return "/" + strings.Trim(p, "/") }
