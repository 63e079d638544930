// Package problem is the one shape of everything that goes wrong over HTTP: the
// error body that hooks and API share, and the request id and trace context that
// tie an answer to the lines in the log about it.
package problem

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// Header carries the request's id on every answer.
const Header = "X-Request-Id"

// Body is the error body. It satisfies both P0's Error (type, message, errorId)
// and JITSudo's (code, message, details).
type Body struct {
	Type    string         `json:"type"` // "public": the sender's to mend; "internal": ours, on 5xx
	Code    string         `json:"code"`
	Message string         `json:"message"`
	ErrorID string         `json:"errorId"`
	Details map[string]any `json:"details"` // never null
}

// Write answers r with the error body. status decides its type; code is for
// programs and stays the same for good, message is for people. Both, and
// details, are shown to whoever sent the request: they must hold no secret and
// nothing of a payload. Headers such as Allow or Retry-After are set by the
// caller beforehand.
func Write(w http.ResponseWriter, r *http.Request, status int, code, message string, details map[string]any) {
	b := Body{Type: "public", Code: code, Message: message, ErrorID: ID(r.Context()), Details: details}
	if status >= http.StatusInternalServerError {
		b.Type = "internal"
	}
	if b.ErrorID == "" { // a handler outside the middleware: still an id to ask about
		b.ErrorID = newID()
	}
	if b.Details == nil {
		b.Details = map[string]any{}
	}
	body, err := encode(b)
	if err != nil { // details of a type that JSON cannot write: the rest still counts
		b.Details = map[string]any{}
		body, _ = encode(b)
	}

	h := w.Header()
	h.Set(Header, b.ErrorID)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone: nobody is left to tell
}

// encode leaves <, > and & readable: the answer says what it is (JSON, nosniff).
func encode(b Body) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(b); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
