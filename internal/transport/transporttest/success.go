package transporttest

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"accessrelay/internal/event"
)

func (s suite) delivers(t *testing.T) {
	for _, typ := range event.Types() {
		sc := s.stage(t)
		if sc.tr.Type() == "" {
			t.Error("the transport serves no type")
		}
		ev := Event()
		ev.Type = typ
		s.check(t, sc.send(t.Context(), t, ev), want{})
		got := sc.messages()
		if len(got) != 1 || sc.connections() != 1 {
			t.Fatalf("%s: %d messages arrived over %d connections", typ, len(got), sc.connections())
		}
		if all := s.read(t, got[0]); !strings.Contains(all, eventCanary) {
			t.Errorf("%s: the message tells nothing of the event: %.500s", typ, all)
		}
	}
	// And an event with nothing in it.
	sc := s.stage(t)
	s.check(t, sc.send(t.Context(), t, &event.Event{
		ID: Event().ID, Type: event.Unrecognized, TenantID: tenantID, Source: "s", Platform: "p", ReceivedAt: now,
	}), want{})
	for _, m := range sc.messages() {
		s.read(t, m)
	}
}

// read returns all that a reader of m sees, and fails t if m is not well formed.
func (s suite) read(t *testing.T, m Message) string {
	t.Helper()
	if limit := s.Protocol.limit; limit > 0 && len(m.Body) > limit {
		t.Errorf("the body has %d bytes", len(m.Body))
	}
	return strings.Join(s.Protocol.texts(t, m), "\n")
}

// Attempts an hour apart, and after a restart, send one event in the same bytes,
// but for the headers that the type documents.
func (s suite) sameBytes(t *testing.T) {
	sc := s.stage(t)
	evs := []*event.Event{Event(), Filled(event.Unrecognized, 3, func(path string) string { return "<b>&" + path + "\r\nü" })}
	for _, ev := range evs {
		before := len(sc.messages())
		s.check(t, sc.send(t.Context(), t, ev), want{})
		if err := Send(t.Context(), sc.tr, sc.ch, ev, now.Add(3600e9)); err != nil {
			t.Fatal(err)
		}
		if err := Send(t.Context(), s.New(sc.net), s.channel(t, sc.tr, sc.place()), ev, now.Add(7201e9)); err != nil {
			t.Fatal(err)
		}
		got := sc.messages()[before:]
		if len(got) != 3 {
			t.Fatalf("%d messages arrived", len(got))
		}
		for i, m := range got {
			for _, name := range s.Varies {
				m.Header.Del(name)
			}
			if !bytes.Equal(m.Body, got[0].Body) {
				t.Errorf("attempt %d sent another body:\n%s\n%s", i, got[0].Body, m.Body)
			}
			for name, values := range m.Header {
				if !slices.Equal(values, got[0].Header[name]) {
					t.Errorf("attempt %d sent another %s: %q, first %q", i, name, values, got[0].Header[name])
				}
			}
			if len(m.Header) != len(got[0].Header) || m.From != got[0].From || !slices.Equal(m.To, got[0].To) {
				t.Errorf("attempt %d sent other headers or to others: %+v", i, m.Header)
			}
		}
	}
}

func (s suite) concurrent(t *testing.T) {
	sc := s.stage(t)
	const senders = 20
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			if err := Send(t.Context(), sc.tr, sc.ch, Event(), now); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(sc.messages()); n != senders {
		t.Errorf("%d of %d arrived", n, senders)
	}
}

func (s suite) hostileText(t *testing.T) {
	sc := s.stage(t)
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			for _, typ := range []event.Type{event.Unrecognized, event.RequestPending, event.RequestBreakGlass} {
				before := len(sc.messages())
				ev := Filled(typ, 2, func(string) string { return text })
				err := sc.send(t.Context(), t, ev)
				if err != nil && !utf8.ValidString(text) { // no event that was read from JSON has it
					s.check(t, err, dead("render").unsent())
					continue
				}
				s.check(t, err, want{})
				got := sc.messages()[before:]
				if len(got) != 1 {
					t.Fatalf("%d messages arrived", len(got))
				}
				s.read(t, got[0])
			}
		})
	}
	// What only our own side fills is as hostile if a config is.
	ev := Event()
	ev.ID, ev.Source, ev.Platform = "evt_a\r\nX-Injected: 1", "s\r\nX-Injected: 1", "p\x00\n\n"
	before := len(sc.messages())
	if err := sc.send(t.Context(), t, ev); err != nil {
		s.checkError(t, err)
	}
	for _, m := range sc.messages()[before:] {
		s.read(t, m)
	}
}

// A long event is delivered whole, or cut where the message says so.
func (s suite) oversize(t *testing.T) {
	sizes := map[string]func(path string) int{
		"50 kB in every field": func(string) int { return 50_000 },
		"1 MiB of raw": func(path string) int {
			if path == "raw" {
				return 1<<20 - 500
			}
			return 40
		},
	}
	for what, size := range sizes {
		for script, unit := range Scripts() {
			switch script {
			case "Latin", "emoji", "escapes", "controls": // of which a byte comes to 1, 1, 5 and 6 in JSON
			default:
				continue
			}
			t.Run(what+" "+script, func(t *testing.T) {
				sc := s.stage(t)
				ev := Filled(event.Unrecognized, 1, func(path string) string { return headOf(path) + Long(unit, size(path), tailOf(path)) })
				err := sc.send(t.Context(), t, ev)
				if err != nil {
					s.check(t, err, dead("render").unsent())
					return
				}
				got := sc.messages()
				if len(got) != 1 {
					t.Fatalf("%d messages arrived", len(got))
				}
				all := s.read(t, got[0])
				for _, path := range Paths() {
					if strings.Contains(all, strings.TrimSpace(tailOf(path))) || s.Chosen && !strings.Contains(all, headOf(path)) {
						continue
					}
					if !slices.ContainsFunc(s.Cut, func(mark string) bool { return strings.Contains(all, mark) }) {
						t.Errorf("%s was cut in silence", path)
					}
				}
			})
		}
	}
}
