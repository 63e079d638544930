package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"
)

// strict is a destination that holds to a rate, as Slack does to one message a
// second and webhook: beyond it, and a short burst, it answers 429.
type strict struct {
	url   string
	every time.Duration

	mu      sync.Mutex
	tokens  float64
	last    time.Time
	refused int
	took    []int       // the numbers in the messages' texts, in the order in which they came
	at      []time.Time // and when
}

// burst is how many may come at once: what a machine of two cores that is busy with
// other tests adds to one request's way and not to the next one's.
const burst = 5

var numbered = regexp.MustCompile(`burst-(\d+)`)

func newStrict(t *testing.T, every time.Duration) *strict {
	t.Helper()
	s := &strict{every: every, tokens: burst, last: time.Now()}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL + "/hook"
	return s
}

func (s *strict) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = min(s.tokens+float64(now.Sub(s.last))/float64(s.every), burst)
	s.last = now
	if s.tokens < 1 {
		s.refused++
		w.Header().Set("Retry-After", "1")
		http.Error(w, "rate_limited", http.StatusTooManyRequests)
		return
	}
	s.tokens--
	if m := numbered.FindSubmatch(body); m != nil {
		n, _ := strconv.Atoi(string(m[1]))
		s.took, s.at = append(s.took, n), append(s.at, now)
	}
	_, _ = io.WriteString(w, "ok")
}

func (s *strict) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.took)
}

// TestThrottle: 500 events at once for one Slack channel arrive at its rate, in the
// order of their acceptance, with no retry used and no 429 after a first one, and
// another channel does not notice. It measures time, so no other test of this
// package runs beside it.
func TestThrottle(t *testing.T) { //nolint:paralleltest // see above
	const events, rate = 500, 10
	every := time.Second / rate
	chat, other := newStrict(t, every), newSink(t)
	c := webhookTo("other", other)
	c.filters = []string{"grant.*"}
	r := newRelay(t, c, channelConf{
		name: "chat", kind: "slack-webhook", config: map[string]any{"url": chat.url}, filters: []string{"request.*"},
		rate: fmt.Sprintf("%d/s", rate),
	})
	r.programs = plainBuild(t)
	r.writeFile()
	r.startIngest()
	var workers []*process
	for range 3 {
		workers = append(workers, r.startWorker())
	}
	granted := []string{"grant.active"}
	const pace, each = 25 * time.Millisecond, 5 * time.Second
	r.windows(1, "warm", granted, pace, time.Second)
	quiet := r.windows(2, "quiet", granted, pace, each)

	all := newPublisher(r)
	for i := range events { // one after the other, so that their order is known
		all.publish("request.pending", fmt.Sprintf("burst-%04d", i))
	}
	beside := r.windows(4, "beside", granted, pace, each)
	eventually(t, 2*events*every, "all have arrived", func() bool { return chat.count() == events })
	eventually(t, soon, "the other channel has its events", func() bool { return cameTo(beside, other) })

	wantUnharmed(t, "the other channel", quiet, beside, other)
	chat.check(t, all.begun())
	sum := func(name string, labels ...string) (n float64) {
		for _, w := range workers {
			n += w.scrape()[series(name, append(labels, "channel_type", "slack_webhook")...)]
		}
		return n
	}
	eventually(t, soon, "all are on record", func() bool {
		return sum("accessrelay_delivery_attempts_total", "outcome", "delivered") == events
	})
	if n := sum("accessrelay_delivery_attempts_total", "outcome", "retried") + sum("accessrelay_delivery_attempts_total", "outcome", "dead"); n != 0 {
		t.Errorf("%v attempts have used a retry, or were the last", n)
	}
	if n := sum("accessrelay_delivery_failures_total", "reason", "rate_limit"); n < events/2 {
		t.Errorf("%v deliveries are said to have waited for their turn", n)
	}
	ids := all.ids()
	for i := 0; i < events; i += events / 10 {
		d := r.settle(ids[i], soon).to(t, "chat")
		if d.State != "delivered" || d.RetriesUsed != 0 || d.Attempts > 2 || d.LastError != "" && d.Attempts == 1 {
			t.Errorf("delivery %+v", d)
		}
	}
}

// check looks at the pace and the order of what came, given when each was sent.
func (s *strict) check(t *testing.T, accepted []time.Time) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused > 1 {
		t.Errorf("%d were answered 429, want none after the first", s.refused)
	}
	per := s.at[len(s.at)-1].Sub(s.at[0]) / time.Duration(len(s.at)-1)
	if per < s.every*9/10 || per > s.every*11/10 {
		t.Errorf("one in %v, want one in %v ±10 %%", per, s.every)
	}
	// The events of a moment are worked on side by side, 16 in each of three workers,
	// before they come to the line; on a busy machine such a moment is long.
	const moment = 2 * time.Second
	seen, swaps := map[int]bool{}, 0
	var latest time.Time
	var worst time.Duration
	for i, n := range s.took {
		if seen[n] {
			t.Errorf("number %d came twice", n)
		}
		seen[n] = true
		if latest.Before(accepted[n]) {
			latest = accepted[n]
		}
		worst = max(worst, latest.Sub(accepted[n]))
		if i > 0 && n < s.took[i-1] {
			swaps++
		}
	}
	if len(seen) != len(accepted) || worst > moment {
		t.Errorf("%d of %d came, one of them after one that was sent %v later", len(seen), len(accepted), worst)
	}
	t.Logf("one in %v, %d times 429, %d out of order, by at most %v", per, s.refused, swaps, worst)
}
