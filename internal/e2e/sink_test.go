package e2e

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// received is one request that a sink was sent.
type received struct {
	at     time.Time
	header http.Header
	body   []byte
}

// id is the event's id in a Standard Webhooks request.
func (r received) id() string { return r.header.Get("Webhook-Id") }

// eventType is the type in a Standard Webhooks body, "" if it has none.
func (r received) eventType() string {
	var body struct{ Type string }
	_ = json.Unmarshal(r.body, &body)
	return body.Type
}

// answer is what a sink says to one request.
type answer struct {
	status int // 0: 200
	header map[string]string
	body   string // "": ok
	// hold keeps the sender waiting until it is closed, or the sender is gone.
	hold <-chan struct{}
	// takes is how long it takes.
	takes time.Duration
}

// sink is a destination. It keeps what it receives and answers from a script.
type sink struct {
	url string

	mu       sync.Mutex
	requests []received
	script   []answer
	seen     func(n int) // called with the number of requests, that one included
}

// newSink starts a sink that gives the answers in turn, the last for ever; with
// no answers all is well. The body is "ok", which is Slack's success.
func newSink(t *testing.T, script ...answer) *sink {
	t.Helper()
	s := &sink{script: script}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL + "/hook"
	return s
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender is gone
	}
	s.mu.Lock()
	var a answer
	if n := len(s.script); n > 0 {
		a = s.script[min(len(s.requests), n-1)]
	}
	s.requests = append(s.requests, received{time.Now(), r.Header.Clone(), body})
	count, seen := len(s.requests), s.seen
	s.mu.Unlock()

	if seen != nil {
		seen(count)
	}
	if a.takes > 0 {
		time.Sleep(a.takes)
	}
	if a.hold != nil {
		select {
		case <-a.hold:
		case <-r.Context().Done():
			return
		}
	}
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	_, _ = io.WriteString(w, cmp.Or(a.body, "ok"))
}

// all returns the requests so far.
func (s *sink) all() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.requests...)
}

// of returns the requests about one event.
func (s *sink) of(eventID string) []received {
	var out []received
	for _, r := range s.all() {
		if r.id() == eventID {
			out = append(out, r)
		}
	}
	return out
}

// answers replaces the script; it begins anew with the next request.
func (s *sink) answers(script ...answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rest []answer
	for range s.requests {
		rest = append(rest, answer{})
	}
	s.script = append(rest, script...)
}

// await waits for n requests in all and returns them.
func (s *sink) await(t *testing.T, n int) []received {
	t.Helper()
	eventually(t, soon, "the sink has its requests", func() bool { return len(s.all()) >= n })
	return s.all()
}
