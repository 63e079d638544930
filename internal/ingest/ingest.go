// Package ingest answers the platforms: it establishes who sent an event, checks
// that it is one, hands it to Redis and only then says 200. What the event means
// is the worker's business.
package ingest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/time/rate"

	"accessrelay/internal/authn"
	"accessrelay/internal/event"
	"accessrelay/internal/ops"
	"accessrelay/internal/problem"
	"accessrelay/internal/queue"
	"accessrelay/internal/source"
)

// EventIDHeader names the event in the answer to its sender.
const EventIDHeader = "Accessrelay-Event-Id"

// retryAfter is what a sender is asked to wait, in seconds, when Redis did not
// confirm. Short: most such moments are.
const retryAfter = "2"

// trusted is how much memory a Content-Length gets at once, in bytes. Events are
// smaller; a larger body grows as it arrives.
const trusted = 64 << 10

// Source is what a hook's path stands for.
type Source struct {
	ID       string
	TenantID string
	Platform source.Platform
	Auth     authn.Authenticator
	// Limit is how often the source may send, over all that this process takes;
	// nil: as often as it likes.
	Limit *rate.Limiter
}

// Enqueuer hands an accepted event to Redis; nil means that Redis has confirmed.
type Enqueuer interface {
	EnqueueEvent(context.Context, queue.EventTask) error
}

// Config is what a [Handler] needs. Every field must be set.
type Config struct {
	Source         func(id string) (*Source, bool)
	SourceIDs      func() []string // of all sources, sorted; for the log of requests that name none
	Queue          Enqueuer
	MaxBody        int64         // bytes
	EnqueueTimeout time.Duration // how long Redis may take to confirm
	Metrics        *Metrics
	Log            *slog.Logger
	Now            func() time.Time
}

// Handler returns the hooks listener's handler.
func Handler(cfg Config) http.Handler {
	h := &hooks{Config: cfg, outages: ops.Throttle(cfg.Log), strays: newStrays(cfg.Log)}
	r := chi.NewRouter()
	r.Use(problem.RequestID)
	r.Use(problem.Recover(cfg.Log))
	r.HandleFunc(hooksPath+"{source}", h.receive)
	r.HandleFunc(hooksPath+"{source}/", h.receive)
	r.MethodNotAllowed(h.receive) // methods that chi has never heard of
	r.NotFound(h.nothingHere)
	return r
}

type hooks struct {
	Config
	outages *slog.Logger // for refusals that are our own fault: all say the same, as many as are sent
	strays  strays
	limited sync.Map // by source id: *slog.Logger for refusals of its rate
}

// refusal is an answer other than 200.
type refusal struct {
	outcome outcome
	status  int
	code    string
	message string
	header  [2]string // name and value, or empty
	cause   error     // for the log only
}

func (h *hooks) receive(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	src, known := h.Source(sourceID(r))
	if !known {
		h.refuse(w, r, nil, start, &refusal{
			outcome: unknownSource, status: http.StatusNotFound, code: "not_found", message: "no such source",
		})
		return
	}
	task, no := h.accept(r, src)
	if no != nil {
		h.refuse(w, r, src, start, no)
		return
	}
	w.Header().Set(EventIDHeader, task.ID)
	w.Header().Set("Cache-Control", "no-store")
	if !src.Platform.EmptyReply() {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"data":{"id":"`+task.ID+`","status":"accepted"}}`+"\n")
	} else {
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
	}
	h.Metrics.observe(src, accepted, time.Since(start))
	attrs := []slog.Attr{
		slog.String("event", task.ID), slog.String("source", src.ID), slog.String("tenant", src.TenantID),
		slog.String("platform", src.Platform.Name()),
		slog.String("request_id", problem.ID(r.Context())), slog.Int("bytes", len(task.Body)),
	}
	if task.TraceParent != "" {
		attrs = append(attrs, slog.String("trace", task.TraceParent))
	}
	h.Log.LogAttrs(r.Context(), slog.LevelInfo, "event accepted", attrs...)
}

// sourceID is the source that the path names. chi does not say for a request
// that it did not route, and leaves what is percent-encoded as it is.
func sourceID(r *http.Request) string {
	if id := chi.URLParam(r, "source"); id != "" {
		if plain, err := url.PathUnescape(id); err == nil {
			return plain
		}
		return id
	}
	return strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, hooksPath), "/")
}

// accept makes the checks in the order in which their answers are documented.
// After a nil refusal Redis has confirmed the event.
func (h *hooks) accept(r *http.Request, src *Source) (queue.EventTask, *refusal) {
	none := queue.EventTask{}
	if methods := src.Platform.Methods(); !slices.Contains(methods, r.Method) {
		return none, &refusal{
			outcome: methodNotAllowed, status: http.StatusMethodNotAllowed, code: "method_not_allowed",
			message: "send events with " + strings.Join(methods, ", "), header: [2]string{"Allow", strings.Join(methods, ", ")},
			cause: errors.New("method " + quoted(r.Method)),
		}
	}
	if !isJSON(r.Header) {
		return none, &refusal{
			outcome: unsupportedMedia, status: http.StatusUnsupportedMediaType, code: "unsupported_media_type",
			message: "send application/json without a Content-Encoding", cause: mediaSent(r.Header),
		}
	}
	body, no := h.read(r)
	if no != nil {
		return none, no
	}
	if err := src.Auth.Authenticate(r, body); err != nil {
		return none, &refusal{
			outcome: unauthenticated, status: http.StatusUnauthorized, code: "unauthenticated",
			message: "the credentials are missing or wrong", header: [2]string{"WWW-Authenticate", src.Auth.Challenge()}, cause: err,
		}
	}
	if no := overLimit(src, h.Now); no != nil { // not before: only who may send uses the limit up
		return none, no
	}
	if err := src.Platform.Check(body); err != nil {
		return none, &refusal{
			outcome: malformed, status: http.StatusBadRequest, code: "malformed", message: envelopeMessage(err), cause: err,
		}
	}

	now := h.Now().UTC().Truncate(time.Microsecond) // what the deduplication window counts in
	task := queue.EventTask{
		ID: event.NewID(now), TenantID: src.TenantID, Source: src.ID, Platform: src.Platform.Name(),
		ReceivedAt: now, TraceParent: problem.TraceParent(r.Header), Body: body,
	}
	// Not the request's context: a sender that hangs up has still sent the event.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.EnqueueTimeout)
	defer cancel()
	if err := h.Queue.EnqueueEvent(ctx, task); err != nil {
		return none, &refusal{
			outcome: unavailable, status: http.StatusServiceUnavailable, code: "unavailable",
			message: "the event could not be confirmed; send it again", header: [2]string{"Retry-After", retryAfter}, cause: err,
		}
	}
	return task, nil
}

// read returns the whole body, or a refusal if it is larger than MaxBody or
// stops coming.
func (h *hooks) read(r *http.Request) ([]byte, *refusal) {
	tooLarge := &refusal{
		outcome: tooLarge, status: http.StatusRequestEntityTooLarge, code: "too_large", message: "the body is too large",
	}
	if r.ContentLength > h.MaxBody {
		return nil, tooLarge
	}
	// What is announced is taken at its word up to a point: nobody has shown
	// credentials yet, and may never send it. +1: room to see the end.
	body := make([]byte, 0, min(max(r.ContentLength, 512), trusted)+1)
	limited := io.LimitReader(r.Body, h.MaxBody+1)
	for {
		n, err := limited.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > h.MaxBody:
			return nil, tooLarge
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, &refusal{
				outcome: malformed, status: http.StatusBadRequest, code: "malformed",
				message: "the body did not arrive whole", cause: err,
			}
		}
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
}

func (h *hooks) refuse(w http.ResponseWriter, r *http.Request, src *Source, start time.Time, no *refusal) {
	if no.header[0] != "" {
		w.Header().Set(no.header[0], no.header[1])
	}
	problem.Write(w, r, no.status, no.code, no.message, nil)
	h.Metrics.observe(src, no.outcome, time.Since(start))

	attrs := []slog.Attr{
		slog.String("outcome", string(no.outcome)), slog.Int("status", no.status),
		slog.String("request_id", problem.ID(r.Context())), slog.String("remote", r.RemoteAddr),
	}
	if src != nil {
		attrs = append(attrs, slog.String("source", src.ID), slog.String("tenant", src.TenantID))
	} else {
		attrs = append(attrs, h.asked(r)...)
	}
	if no.cause != nil {
		attrs = append(attrs, slog.String("cause", no.cause.Error()))
	}
	log, level := h.Log, slog.LevelWarn
	switch {
	case no.status >= http.StatusInternalServerError:
		log, level = h.outages, slog.LevelError
	case no.outcome == rateLimited:
		log = h.limitedLog(src)
	case no.outcome == unknownSource:
		log = h.strays.hooks
	}
	log.LogAttrs(r.Context(), level, "hook refused", attrs...)
}

func envelopeMessage(err error) string {
	var envelope *source.EnvelopeError
	if errors.As(err, &envelope) {
		return envelope.Error()
	}
	return "the body is not an event of this platform"
}

func isJSON(h http.Header) bool {
	if len(h.Values("Content-Encoding")) > 0 || len(h.Values("Content-Type")) != 1 {
		return false
	}
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	// JSON has no parameters that matter, so malformed ones do not either.
	return (err == nil || errors.Is(err, mime.ErrInvalidMediaParameter)) && media == "application/json"
}
