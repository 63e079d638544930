package problem

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
)

type idKey struct{}

// RequestID gives every request an id of our own making: in the context for the
// log, and in the header of every answer, good or bad. What a client sends under
// that header is ignored, so that nobody can write into our logs or make two
// requests look like one.
func RequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := newID()
		w.Header().Set(Header, id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), idKey{}, id)))
	})
}

// ID is the id that [RequestID] gave the request of ctx, or "" if there is none.
func ID(ctx context.Context) string {
	id, _ := ctx.Value(idKey{}).(string)
	return id
}

// newID makes "req_" and 26 characters that hold at least 128 random bits.
func newID() string { return "req_" + strings.ToLower(rand.Text()) }
