package problem

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
)

// Recover answers a panic of next with 500 in the one shape and logs where it
// happened. The panic's value is logged only if it is the runtime's own: any
// other may hold a payload. A panic after the answer began cuts the connection,
// so that half an answer does not look whole. It belongs inside [RequestID].
func Recover(log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			tw := &startedWriter{ResponseWriter: w}
			defer func() {
				v := recover()
				if v == nil {
					return
				}
				if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) { // net/http's own way to cut a connection
					panic(v)
				}
				log.ErrorContext(r.Context(), "panic while answering",
					"request_id", ID(r.Context()), "panic", describe(v), "stack", string(debug.Stack()))
				if tw.started {
					panic(http.ErrAbortHandler)
				}
				Write(w, r, http.StatusInternalServerError, "internal", "something went wrong on our side; the log has more under this errorId", nil)
			}()
			next.ServeHTTP(tw, r)
		})
	}
}

func describe(v any) string {
	if err, ok := v.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", v)
}

// startedWriter remembers whether the answer has begun.
type startedWriter struct {
	http.ResponseWriter
	started bool
}

func (w *startedWriter) WriteHeader(status int) {
	w.started = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *startedWriter) Write(b []byte) (int, error) {
	w.started = true
	return w.ResponseWriter.Write(b)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *startedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
