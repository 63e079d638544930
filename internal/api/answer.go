package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"accessrelay/internal/channel"
	"accessrelay/internal/channelstore"
	"accessrelay/internal/problem"
	"accessrelay/internal/receipt"
)

// call is a request of a known caller, read and ready to be served.
type call struct {
	caller
	id    string // the path's {id}, or ""
	slug  string // the path's {type}, or ""
	query *params
	body  object // nil unless the route takes one
	raw   []byte // the body as it was sent
	// header is the request's, for calls that have more to say there.
	header http.Header
}

// answer is what a call comes to. A nil body is an empty one.
type answer struct {
	status int
	header map[string]string
	body   any
}

// handler serves a call. ctx bounds what it may wait for. Its error is a *fault,
// one of the stores' own, or else means that Redis is unavailable.
type handler func(ctx context.Context, c call) (answer, error)

// fault is an error with an answer of its own.
type fault struct {
	status  int
	code    string
	message string            // for the caller
	fields  map[string]string // details: what is wrong, by field or parameter
	err     error             // for the log; may be nil
}

func (f *fault) Error() string {
	if f.err == nil {
		return f.code
	}
	return f.code + ": " + f.err.Error()
}

func (f *fault) Unwrap() error { return f.err }

// invalid is a 400 that names each field (or parameter) and what is wrong with it.
func invalid(fields map[string]string) *fault {
	msg := (&channel.InvalidError{Fields: fields}).Error()
	return &fault{status: http.StatusBadRequest, code: "invalid", message: msg, fields: fields}
}

func noSuch(what string) *fault {
	return &fault{status: http.StatusNotFound, code: "not_found", message: "there is no such " + what}
}

// serve runs h for a route that takes no body; what is sent as one is ignored.
// known are the query parameters that it takes.
func (a *api) serve(h handler, known ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { a.run(w, r, h, known, nil, nil) }
}

// serveBody runs h for a route whose body is a JSON object. It takes no query.
func (a *api) serveBody(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		raw, err := readBody(w, r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		body, err := parseObject(raw)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.run(w, r, h, nil, body, raw)
	}
}

func (a *api) run(w http.ResponseWriter, r *http.Request, h handler, known []string, body object, raw []byte) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil { // never a filter half read
		a.fail(w, r, malformed("the query is not well formed"))
		return
	}
	query := queryOf(values, known)
	if len(known) == 0 { // else the handler has more to say about it
		if err := query.err(); err != nil {
			a.fail(w, r, err)
			return
		}
	}
	c := call{
		caller: *callerOf(r.Context()), query: query, body: body, raw: raw, header: r.Header,
		id: chi.URLParam(r, "id"), slug: chi.URLParam(r, "type"),
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.Timeout)
	defer cancel()
	ans, err := h(ctx, c)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.write(w, r, ans)
}

func (a *api) write(w http.ResponseWriter, r *http.Request, ans answer) {
	var buf bytes.Buffer
	if ans.body != nil {
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(ans.body); err != nil {
			a.fail(w, r, &fault{status: http.StatusInternalServerError, code: "internal", err: fmt.Errorf("encoding answer: %w", err)})
			return
		}
		w.Header().Set("Content-Type", "application/json")
	}
	if ans.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(buf.Len()))
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	for k, v := range ans.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(ans.status)
	_, _ = w.Write(buf.Bytes()) // the client has gone: nobody is left to tell
}

// fail answers with err, and logs it if it is ours to mend.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := asFault(err)
	if f.status >= http.StatusInternalServerError && r.Context().Err() == nil {
		log := a.Log
		if f.code == codeUnavailable {
			log = a.outages
		}
		log.ErrorContext(r.Context(), "API call not served", "request_id", problem.ID(r.Context()), "error", err)
	}
	if f.code == codeUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	var details map[string]any
	if len(f.fields) > 0 {
		details = map[string]any{"fields": f.fields}
	}
	problem.Write(w, r, f.status, f.code, f.message, details)
}

const codeUnavailable = "unavailable"

// asFault finds the answer to err. What nobody foresaw is taken for an outage:
// the stores name every other error.
func asFault(err error) *fault {
	var f *fault
	switch {
	case errors.As(err, &f):
		if f.message == "" {
			f.message = "something went wrong on our side; the log has more under this errorId"
		}
		return f
	case errors.Is(err, channelstore.ErrNotFound):
		return noSuch("channel")
	case errors.Is(err, receipt.ErrNotFound):
		return noSuch("event")
	case errors.Is(err, channelstore.ErrNameTaken):
		return nameTaken()
	case errors.Is(err, channelstore.ErrConflict):
		return &fault{status: http.StatusConflict, code: "conflict", message: "others are changing this channel at the same time; try again"}
	case errors.Is(err, channelstore.ErrLaterLayout):
		return &fault{status: http.StatusConflict, code: "unsupported_channel_layout",
			message: "this channel was written by a later version of accessrelay; upgrade ingest, or delete the channel", err: err}
	case errors.Is(err, channelstore.ErrDamaged):
		return &fault{status: http.StatusInternalServerError, code: "internal",
			message: "this channel's record is damaged; all that can be done with the channel is to delete it", err: err}
	case isFull(err):
		return &fault{status: http.StatusServiceUnavailable, code: codeUnavailable,
			message: "Redis is full and this was not done; it drains while workers run, and deleting dead letters gives memory back", err: err}
	default:
		return &fault{status: http.StatusServiceUnavailable, code: codeUnavailable,
			message: "the store did not answer in time; whether a change was made is unknown", err: err}
	}
}

// isFull reports whether Redis refused a write because its memory is full. The
// queue has only the text of such an error left.
func isFull(err error) bool {
	return err != nil && strings.Contains(err.Error(), "OOM command not allowed")
}
