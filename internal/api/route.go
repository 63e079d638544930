package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"accessrelay/internal/openapi"
	"accessrelay/internal/problem"
)

// logCall writes one line a call. It names the route by its pattern and holds
// nothing of bodies, queries or headers.
func (a *api) logCall(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := a.Now()
		c := &caller{}
		ctx := withCaller(r.Context(), c)
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() { // also when a panic cuts the connection
			a.Log.InfoContext(ctx, "API call",
				"method", r.Method, "route", chi.RouteContext(ctx).RoutePattern(), "status", ww.Status(),
				"tenant", c.tenantID, "key", c.key, "request_id", problem.ID(ctx), "took", a.Now().Sub(start).String())
		}()
		next.ServeHTTP(ww, r.WithContext(ctx))
	})
}

// describe serves the description of the API and the hooks. It is the same for
// everybody and asks for no key.
func describe(w http.ResponseWriter, _ *http.Request) {
	text := openapi.Document()
	h := w.Header()
	h.Set("Content-Type", "application/yaml") // RFC 9512
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(text) // the client has gone: nobody is left to tell
}

func notFound(w http.ResponseWriter, r *http.Request) {
	problem.Write(w, r, http.StatusNotFound, "not_found", "the API has nothing at this path", nil)
}

// methodNotAllowed answers 405. A method that chi does not know comes here for
// any path, so a path that serves no method at all is a 404.
func (a *api) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	allowed := allowedMethods(r)
	if len(allowed) == 0 {
		notFound(w, r)
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	message := "this path takes " + strings.Join(allowed, ", ")
	if r.Method == http.MethodPost && r.URL.Path == channelsPath {
		message += "; a channel is made with POST " + channelsPath + "/{" + strings.Join(a.Kinds.Slugs(), "|") + "}"
	}
	problem.Write(w, r, http.StatusMethodNotAllowed, "method_not_allowed", message, nil)
}

// channelsPath is where a channel is thought to be made by who forgets its type.
const channelsPath = "/v1/notification-channels"

// allowedMethods asks the router which methods r's path serves; a handler of
// one's own for 405 is not told.
func allowedMethods(r *http.Request) []string {
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	routes := chi.RouteContext(r.Context()).Routes
	var out []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if !routes.Match(chi.NewRouteContext(), m, path) {
			continue
		}
		out = append(out, m)
		if m == http.MethodGet {
			out = append(out, http.MethodHead)
		}
	}
	return out
}
