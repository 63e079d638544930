package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// publisher publishes events through the API, and keeps when it began to send each.
type publisher struct {
	r      *relay
	url    string // found once: to look for it is to read the whole log
	client *http.Client

	mu   sync.Mutex
	sent map[string]time.Time // by event id
}

func newPublisher(r *relay) *publisher {
	s := &publisher{r: r, url: r.ingest.listener("api") + eventsPath, sent: map[string]time.Time{}, client: &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true}, Timeout: soon,
	}}
	return s
}

// publish sends one event; reason is unlike all others'. It may be called from any
// goroutine.
func (s *publisher) publish(typ, reason string) {
	body := fmt.Appendf(nil, `{"type":%q,"data":{"request":{"id":"r","reason":%q}}}`, typ, reason)
	begun := time.Now()
	req, err := http.NewRequest(http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		s.r.t.Errorf("making a request: %v", err)
		return
	}
	req.Header.Set("X-API-Key", s.r.apiKey)
	req.Header.Set("X-Tenant-ID", tenant)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		s.r.t.Errorf("publishing: %v", err)
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	id := resp.Header.Get("Accessrelay-Event-Id")
	if resp.StatusCode != http.StatusAccepted || id == "" {
		s.r.t.Errorf("publishing: status %d, id %q", resp.StatusCode, id)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent[id] = begun
}

// run publishes an event of the types in turn, each so long after the other, for a
// time. Its events do not wait for each other's answers.
func (s *publisher) run(name string, types []string, every, long time.Duration) {
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(every)
	defer tick.Stop()
	end := time.After(long)
	for n := 0; ; n++ {
		select {
		case <-end:
			return
		case <-tick.C:
		}
		wg.Go(func() { s.publish(types[n%len(types)], fmt.Sprintf("%s-%d", name, n)) })
	}
}

// ids are those of all events that were accepted, in the order of their acceptance.
func (s *publisher) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for id := range s.sent {
		out = append(out, id)
	}
	slices.Sort(out) // they begin with the time
	return out
}

// begun is when each event was sent, in the order of their acceptance.
func (s *publisher) begun() (out []time.Time) {
	ids := s.ids()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		out = append(out, s.sent[id])
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

// latencies are those of the publisher's events that a webhook was sent, from the
// beginning of the request with the event.
func (s *publisher) latencies(to *sink) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []time.Duration
	for _, got := range to.all() {
		if begun, ok := s.sent[got.id()]; ok {
			out = append(out, got.at.Sub(begun))
		}
	}
	return out
}

// p99 is the 99th percentile.
func p99(t *testing.T, took []time.Duration) time.Duration {
	t.Helper()
	if len(took) < 100 {
		t.Fatalf("%d latencies make no 99th percentile", len(took))
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// noise is what the 99th percentile of a healthy channel may be on a machine of two
// cores, which the load uses as well: percentiles below it say nothing of each other.
const noise = 25 * time.Millisecond

// wantUnharmed compares the 99th percentiles of latencies without and with a load,
// each in several windows of time. What else the machine does makes some window
// worse; what the load does to a channel it does in most. So the worse of the two in
// the middle are compared: of two the worse one, of three or four the worst but one.
func wantUnharmed(t *testing.T, what string, without, with []*publisher, to ...*sink) {
	t.Helper()
	middle := func(windows []*publisher) time.Duration {
		var all []time.Duration
		for i, w := range windows {
			var took []time.Duration
			for _, s := range to {
				took = append(took, w.latencies(s)...)
			}
			all = append(all, p99(t, took))
			t.Logf("%s: p99 of window %d of %d: %v (%d events)", what, i+1, len(windows), all[i], len(took))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	a, b := middle(without), middle(with)
	t.Logf("%s: p99 %v without the load, %v with it", what, a, b)
	if b > 2*max(a, noise) {
		t.Errorf("%s: p99 %v without the load, %v with it", what, a, b)
	}
}

// windows publishes in several windows of time, one after the other.
func (r *relay) windows(n int, name string, types []string, every, each time.Duration) (out []*publisher) {
	for i := range n {
		p := newPublisher(r)
		p.run(fmt.Sprintf("%s-%d", name, i), types, every, each)
		out = append(out, p)
	}
	return out
}

// cameTo reports whether all events of the publishers have come to one of the sinks.
func cameTo(publishers []*publisher, to ...*sink) bool {
	got := map[string]bool{}
	for _, s := range to {
		for _, q := range s.all() {
			got[q.id()] = true
		}
	}
	for _, p := range publishers {
		for _, id := range p.ids() {
			if !got[id] {
				return false
			}
		}
	}
	return true
}
