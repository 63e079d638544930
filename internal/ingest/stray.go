package ingest

import (
	"log/slog"
	"net/http"
	"strings"

	"accessrelay/internal/ops"
	"accessrelay/internal/problem"
	"accessrelay/internal/suggest"
)

const hooksPath = "/v1/hooks/"

// strays are the logs of requests that reach no source. Somebody's slip must be
// found there and nowhere else: the sender is told nothing. Scanners come by the
// thousand, so there are few lines, and those to other paths, which most of theirs
// are, do not hush those to hooks.
type strays struct{ hooks, others *slog.Logger }

func newStrays(log *slog.Logger) strays { return strays{ops.Throttle(log), ops.Throttle(log)} }

// nothingHere answers a request for a path that is no hook's. It is not counted.
func (h *hooks) nothingHere(w http.ResponseWriter, r *http.Request) {
	problem.Write(w, r, http.StatusNotFound, "not_found", "there is nothing at this path; events are sent to /v1/hooks/{source}", nil)
	log := h.strays.others
	if strings.HasPrefix(r.URL.Path, hooksPath) {
		log = h.strays.hooks
	}
	attrs := append([]slog.Attr{
		slog.Int("status", http.StatusNotFound), slog.String("method", cut(r.Method)),
		slog.String("request_id", problem.ID(r.Context())), slog.String("remote", r.RemoteAddr),
	}, h.asked(r)...)
	log.LogAttrs(r.Context(), slog.LevelWarn, "request to a path that is no hook", attrs...)
}

// asked is the path that a request was for, escaped, and the source that it may
// have meant. The query is left out: it may hold a credential.
func (h *hooks) asked(r *http.Request) []slog.Attr {
	return []slog.Attr{
		slog.String("path", cut(r.URL.EscapedPath())),
		slog.Any("closest", closest{r.URL.Path, h.SourceIDs}),
	}
}

// closest finds the source's id that a path comes closest to when the line is
// written: most are left out, and there may be thousands of sources.
type closest struct {
	path string
	ids  func() []string
}

// LogValue implements [slog.LogValuer]; "" if no id is close.
func (c closest) LogValue() slog.Value {
	meant, below := strings.CutPrefix(strings.TrimSuffix(c.path, "/"), hooksPath)
	if below {
		meant, _, _ = strings.Cut(meant, "/")
	} else {
		meant = meant[strings.LastIndexByte(meant, '/')+1:]
	}
	return slog.StringValue(suggest.Closest(strings.ToLower(strings.TrimSpace(meant)), c.ids()))
}
