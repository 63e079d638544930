package transporttest

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
)

func (s suite) delivers(t *testing.T) {
	sink := NewSink(t, s.Confirm)
	tr, ch := s.serve(t, sink)
	if tr.Type() == "" {
		t.Error("the transport serves no type")
	}
	if err := Send(t.Context(), tr, ch, Event(), now); err != nil {
		t.Fatal(err)
	}
	got := sink.Requests()
	if len(got) != 1 {
		t.Fatalf("%d requests arrived", len(got))
	}
	if got[0].Method != http.MethodPost || !strings.HasPrefix(got[0].Header.Get("Content-Type"), "application/json") {
		t.Errorf("%s of %s", got[0].Method, got[0].Header.Get("Content-Type"))
	}
	if ua := got[0].Header.Get("User-Agent"); !strings.HasPrefix(ua, "accessrelay/") {
		t.Errorf("User-Agent %q", ua)
	}
	if !bytes.Contains(got[0].Body, []byte(eventCanary)) {
		t.Error("the message tells nothing of the event")
	}
}

func (s suite) sameBytes(t *testing.T) {
	sink := NewSink(t, s.Confirm)
	tr, ch := s.serve(t, sink)
	for _, at := range []time.Time{now, now, now.Add(time.Hour)} {
		if err := Send(t.Context(), tr, ch, Event(), at); err != nil {
			t.Fatal(err)
		}
	}
	got := sink.Requests()
	for i := range got {
		if !bytes.Equal(got[i].Body, got[0].Body) {
			t.Errorf("attempt %d sent other bytes:\n%s\n%s", i, got[0].Body, got[i].Body)
		}
	}
}

func (s suite) reuse(t *testing.T) {
	var conns atomic.Int64
	// Failures too: a destination in trouble needs no handshakes on top.
	statuses := []int{200, 500, 404, 429}
	var n atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if status := statuses[int(n.Add(1)-1)%len(statuses)]; status != 200 {
			http.Error(w, strings.Repeat("x", 2000), status)
			return
		}
		s.Confirm(w)
	}))
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	tr := s.New(clients(t, nil))
	ch := s.channel(t, tr, srv.URL)
	for range 2 * len(statuses) {
		_ = Send(t.Context(), tr, ch, Event(), now) // the statuses are tested elsewhere
	}
	if got := conns.Load(); got != 1 {
		t.Errorf("%d connections for %d requests", got, n.Load())
	}
}

func (s suite) concurrent(t *testing.T) {
	sink := NewSink(t, s.Confirm)
	tr, ch := s.serve(t, sink)
	const senders = 20
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			if err := Send(t.Context(), tr, ch, Event(), now); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(sink.Requests()); n != senders {
		t.Errorf("%d of %d arrived", n, senders)
	}
}

func (s suite) hostileText(t *testing.T) {
	sink := NewSink(t, s.Confirm)
	tr, ch := s.serve(t, sink)
	texts := []string{
		"a\r\nX-Injected: 1\r\n\r\n", "\x00\x1b[2J", "\xff\xfe\xc0\x80", "</script><!--", `"}],"x":"`, "{{.}} ${HOME} %s %n",
		"\u202e\u2066\u2028", strings.Repeat("漢👩‍👩‍👧", 5000), strings.Repeat("<!channel>", 5000),
	}
	for _, text := range texts {
		p := &event.Person{ID: text, Name: text, Email: text}
		raw, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		ev := &event.Event{
			ID: Event().ID, Type: event.Unrecognized, Source: "s", Platform: "p", PlatformEvent: text, ReceivedAt: now,
			Request: &event.Request{ID: text, DisplayID: text, Reason: text, URL: text}, Requester: p, Grantee: p,
			Access: []event.Access{{
				Integration: &event.Integration{ID: text, Name: text, Type: text},
				Resource:    &event.Resource{ID: text, Name: text, Path: text, Type: text},
				Permission:  &event.Permission{ID: text, Name: text, Description: text},
			}},
			Approvals: []event.Approval{{Name: text, Type: text, Status: text, Approver: p, Comment: text}},
			Error:     &event.Failure{ID: text, Type: text, Message: text},
			Raw:       raw,
		}
		if err := Send(t.Context(), tr, ch, ev, now); err != nil {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	for _, r := range sink.Requests() {
		if !utf8.Valid(r.Body) || !json.Valid(r.Body) {
			t.Errorf("no valid JSON: %.200q", r.Body)
		}
		if r.Header.Get("X-Injected") != "" {
			t.Error("a text became a header")
		}
	}
}

func (s suite) guard(t *testing.T) {
	sink := NewSink(t, s.Confirm)
	tr, ch := s.serve(t, sink)
	ch.ManagedBy = channel.ManagedByAPI
	s.check(t, Send(t.Context(), tr, ch, Event(), now), want{reason: "address_blocked", class: classDead, noAttempt: true})
	ch.ManagedBy = "" // nobody's word: no more trusted than a tenant's
	s.check(t, Send(t.Context(), tr, ch, Event(), now), want{reason: "address_blocked", class: classDead, noAttempt: true})
	if n := len(sink.Requests()); n != 0 {
		t.Errorf("%d requests got past the guard", n)
	}
}

func (s suite) noConfig(t *testing.T) {
	tr := s.New(clients(t, nil))
	ch := &channel.Channel{Type: tr.Type(), Enabled: true}
	s.check(t, Send(t.Context(), tr, ch, Event(), now), want{reason: "channel_config", class: classDead, noAttempt: true})
}
