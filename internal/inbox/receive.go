package inbox

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// kind is one sort of destination that the inbox stands in for. Another one is
// a line in kinds, an accept function and a template of its name.
type kind struct {
	name   string
	prefix string // of its paths
	// accept says what the real destination would answer to a body, and fills
	// in what of the message only it knows. nil: it does not come by HTTP.
	accept func(in *Inbox, h http.Header, m *Message) (status int, answer string)
	// answers is the content type of what it answers.
	answers string
	// fail is the answer that goes with a status that was asked for.
	fail func(status int) string
}

const plainAnswer = "text/plain; charset=utf-8"

var kinds = []*kind{
	{name: "slack", prefix: "/slack", accept: acceptSlack, answers: plainAnswer, fail: failPlain},
	{name: "email", prefix: "/email"},
	{name: "webhook", prefix: "/webhook", accept: acceptWebhook, answers: plainAnswer, fail: failPlain},
	{name: "sns", prefix: "/sns", accept: acceptSNS, answers: "text/xml; charset=utf-8", fail: failSNS},
}

func failPlain(int) string { return "failed on purpose" }

// kindOf returns the kind that takes deliveries at path, or nil.
func kindOf(path string) *kind {
	for _, k := range kinds {
		if path == k.prefix || strings.HasPrefix(path, k.prefix+"/") {
			return k
		}
	}
	return nil
}

func (in *Inbox) receive(k *kind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m := &Message{Kind: k.name, Path: cleanPath(r.URL.Path), Headers: showHeaders(r.Header)}
		answers := plainAnswer
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, in.maxBody))
		m.ReceivedAt = in.now().UTC()
		m.identity = identity(r.Header, body)
		if err != nil {
			// Nothing of the body is kept: it is cut off at an arbitrary place.
			m.Status, m.Problem = http.StatusBadRequest, "the body could not be read to its end"
			if _, ok := err.(*http.MaxBytesError); ok { //nolint:errorlint // MaxBytesReader returns it bare
				m.Status, m.Problem = http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", in.maxBody)
			}
			m.Answer = m.Problem
		} else {
			m.Body = string(body)
			if json.Valid(body) && utf8.Valid(body) {
				m.Payload = body
			}
			m.Status, m.Answer = k.accept(in, r.Header, m)
			answers = k.answers
		}
		if f, ok := in.store.takeFailure(m.Path, ""); ok {
			m.Status, m.Answer, m.OnPurpose = f.Status, k.fail(f.Status), true
			answers = k.answers
			if f.RetryAfter > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
			}
		}
		in.store.add(m)

		w.Header().Set("Content-Type", answers)
		w.WriteHeader(m.Status)
		if m.Status != http.StatusNoContent && m.Status != http.StatusNotModified {
			_, _ = io.WriteString(w, m.Answer) // the sender has gone: nothing to be done
		}
	}
}

func acceptWebhook(in *Inbox, h http.Header, m *Message) (int, string) {
	m.Signature = in.checkSignature(h, m)
	if m.Signature.State == SignatureFailed {
		m.Problem = "signature: " + m.Signature.Reason
		return http.StatusUnauthorized, m.Problem
	}
	return http.StatusNoContent, ""
}

func acceptSlack(_ *Inbox, _ http.Header, m *Message) (int, string) {
	if p := checkSlack(m.Body); p != nil {
		m.Problem = p.detail
		return http.StatusBadRequest, p.code
	}
	return http.StatusOK, "ok"
}

// identity tells deliveries apart for counting attempts.
func identity(h http.Header, body []byte) string {
	if id := h.Get("Webhook-Id"); id != "" {
		return "id " + id
	}
	sum := sha256.Sum256(body)
	return "body " + string(sum[:])
}

// secretWords mark headers whose values nobody needs to see here.
var secretWords = []string{"auth", "token", "secret", "password", "cookie", "api-key", "apikey"}

// showHeaders copies h for showing, with credentials masked.
func showHeaders(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for name, values := range h {
		v := strings.Join(values, ", ")
		for _, word := range secretWords {
			if strings.Contains(strings.ToLower(name), word) {
				v = "***"
			}
		}
		out[name] = v
	}
	return out
}
