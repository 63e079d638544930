// Package dashboard serves asynqmon, the queue's web page, made fit to be
// opened in production: it shows but changes nothing, it keeps to itself what
// people's events say, it asks for a password when it was given one, and it
// asks nothing of other sites.
package dashboard

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"

	"accessrelay/internal/secret"
)

// RedisConnOpt gives a redis.UniversalClient. It is asynq's interface of that
// name, and queue.ConnOpt returns one.
type RedisConnOpt interface {
	MakeRedisClient() any
}

// Config is what the dashboard needs.
type Config struct {
	// Redis gives the client to read the queues with. The client stays the
	// caller's: it must be open as long as the dashboard is used, and the caller
	// closes it.
	Redis RedisConnOpt
	// RootPath is where the dashboard is mounted, such as /dashboard; empty or
	// "/" means the root. Requests come in with it: do not strip it.
	RootPath string
	// Password is asked for with HTTP basic authentication; the empty one lets
	// everybody in. With a Username, that must be right too.
	Username string
	Password secret.String
}

// New makes the dashboard. It talks to Redis only when asked for a page, and
// keeps nothing open. Its errors name the field of [Config].
func New(c Config) (http.Handler, error) {
	if c.Redis == nil {
		return nil, errors.New("dashboard: Redis: missing")
	}
	rdb, ok := c.Redis.MakeRedisClient().(redis.UniversalClient)
	if !ok {
		return nil, fmt.Errorf("dashboard: Redis: %T gives no go-redis client", c.Redis)
	}
	root := strings.TrimSuffix(c.RootPath, "/")
	if root != "" && !strings.HasPrefix(root, "/") {
		return nil, fmt.Errorf("dashboard: RootPath: %q does not start with a slash", c.RootPath)
	}
	h := &handler{
		root: root,
		// Never closed: its Close would close the caller's client.
		mon: asynqmon.New(asynqmon.Options{
			RootPath:         root,
			RedisConnOpt:     same{rdb},
			PayloadFormatter: asynqmon.PayloadFormatterFunc(redact),
			ResultFormatter:  asynqmon.ResultFormatterFunc(redact),
			ReadOnly:         true,
		}),
	}
	var err error
	if h.page, err = capturePage(h.mon, root); err != nil {
		return nil, err
	}
	return secureHeaders(h.page.policy, authenticate(c.Username, c.Password, h)), nil
}

// same gives asynqmon, which asks twice, the one client.
type same struct{ rdb redis.UniversalClient }

func (s same) MakeRedisClient() any { return s.rdb }

type handler struct {
	mon  http.Handler
	root string
	page page
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// asynqmon's own read-only mode guards its API; this guards everything it
	// may grow.
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the dashboard is read-only", http.StatusMethodNotAllowed)
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, h.root)
	if !ok || path != "" && path[0] != '/' {
		http.NotFound(w, r)
		return
	}
	r = r.Clone(r.Context())
	r.Method = http.MethodGet // its router knows no HEAD; the server drops the body
	rec := recorder{header: w.Header(), status: http.StatusOK}
	h.mon.ServeHTTP(&rec, r)

	body := rec.body.Bytes()
	switch {
	case bytes.Equal(body, h.page.original) && strings.HasPrefix(path, "/api/"):
		http.NotFound(w, r) // a call that it does not know gets its page
		return
	case bytes.Equal(body, h.page.original):
		body = h.page.html
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
	case strings.HasPrefix(path, "/api/") && w.Header().Get("Content-Type") == "":
		w.Header().Set("Content-Type", "application/json")
	case strings.HasPrefix(path, "/static/"):
		w.Header().Set("Cache-Control", "private, max-age=86400, immutable") // a hash is in the name
		if strings.HasSuffix(path, ".svg") {
			w.Header().Set("Content-Type", "image/svg+xml") // it says text/xml, which browsers do not draw
		}
	}
	w.WriteHeader(rec.status)
	_, _ = w.Write(body) // the reader has gone: nothing to be done
}

// recorder holds an answer back until it is complete.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// redact is what the pages show of a payload or a result: not what it says,
// for that is people's data.
func redact(_ string, b []byte) string {
	kind := "data"
	switch trimmed := bytes.TrimLeft(b, " \t\r\n"); {
	case len(b) == 0:
		return ""
	case len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '['):
		kind = "JSON"
	}
	return fmt.Sprintf("hidden: %s, %d bytes", kind, len(b))
}
