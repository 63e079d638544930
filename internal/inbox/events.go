package inbox

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxStreams   = 100              // open pages
	heartbeat    = 15 * time.Second // keeps proxies from closing a quiet stream
	writeTimeout = 10 * time.Second // for one write to a page that does not read
)

// events is the stream that the page listens to (server-sent events). What
// follows the message ?after= or Last-Event-ID comes at once, everything else
// as it happens:
//
//	hello     the version: a page of another instance reloads itself
//	message   one message as HTML
//	failures  the failures asked for, as HTML
//	clear     everything was forgotten
func (in *Inbox) events(w http.ResponseWriter, r *http.Request) {
	select {
	case in.streams <- struct{}{}:
		defer func() { <-in.streams }()
	default:
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	after, err := cursor(r)
	if err != nil {
		http.Error(w, "after: must be the id of a message", http.StatusBadRequest)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy must not collect it
	s := stream{w: w, rc: http.NewResponseController(w)}

	snap := in.store.since(after)
	clears, failRev := snap.clears, -1
	s.event("hello", "", in.version)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		if snap.clears != clears {
			clears = snap.clears
			s.event("clear", "", "")
		}
		if snap.failRev != failRev {
			failRev = snap.failRev
			s.fragment("failures", "", snap.failures)
		}
		for _, m := range snap.messages {
			s.fragment("message", strconv.FormatInt(m.ID, 10), newView(m))
			after = m.ID
		}
		if s.flush() != nil {
			return
		}
		select {
		case <-snap.changed:
		case <-beat.C:
			s.comment()
		case <-in.done:
			return
		case <-r.Context().Done():
			return
		}
		snap = in.store.since(after)
	}
}

func cursor(r *http.Request) (int64, error) {
	v := r.Header.Get("Last-Event-ID") // a browser that reconnects knows better than the address it was given
	if v == "" {
		v = r.URL.Query().Get("after")
	}
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err == nil && n < 0 {
		err = strconv.ErrRange
	}
	return n, err
}

// stream writes server-sent events and remembers the first error.
type stream struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	err error
}

func (s *stream) event(name, id, data string) {
	var b strings.Builder
	b.WriteString("event: " + name + "\n")
	if id != "" {
		b.WriteString("id: " + id + "\n")
	}
	// A lone CR ends a line too; as white space in HTML it is worth an LF.
	data = strings.ReplaceAll(data, "\r", "\n")
	for line := range strings.SplitSeq(data, "\n") {
		b.WriteString("data: " + line + "\n")
	}
	b.WriteString("\n")
	s.write(b.String())
}

func (s *stream) fragment(name, id string, data any) {
	html, err := fragment(name, data)
	if err != nil {
		s.err = err
		return
	}
	s.event(name, id, html)
}

func (s *stream) comment() { s.write(":\n\n") }

func (s *stream) write(text string) {
	if s.err != nil {
		return
	}
	// The server's own write time-out counts from the request. Where it cannot
	// be moved, the stream ends with it and the page connects again.
	_ = s.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, s.err = fmt.Fprint(s.w, text)
}

func (s *stream) flush() error {
	if s.err == nil {
		s.err = s.rc.Flush()
	}
	return s.err
}
