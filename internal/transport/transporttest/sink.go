package transporttest

import (
	"io"
	"net/http"
	"sync"
	"testing"
)

// Request is one that arrived.
type Request struct {
	Method string
	Header http.Header
	Body   []byte
}

// Sink is a destination that keeps what it is sent.
type Sink struct {
	t      *testing.T
	answer func(http.ResponseWriter)

	mu   sync.Mutex
	seen []Request
}

// NewSink returns a sink that answers with answer.
func NewSink(t *testing.T, answer func(http.ResponseWriter)) *Sink {
	t.Helper()
	return &Sink{t: t, answer: answer}
}

func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("reading what arrived: %v", err)
	}
	s.mu.Lock()
	s.seen = append(s.seen, Request{r.Method, r.Header, body})
	s.mu.Unlock()
	s.answer(w)
}

// Requests returns what has arrived so far.
func (s *Sink) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.seen...)
}
