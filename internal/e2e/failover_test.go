package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// failoverWithin is how long events may be refused when a master dies: two
	// seconds of silence, an election, the clients' way to the new one, and a
	// busy machine.
	failoverWithin = 25 * time.Second
	// accountWithin is how long after a failover all that was acknowledged may
	// take to be delivered: tasks that a worker had in its hands wait for their
	// lease to end.
	accountWithin = takeover + soon

	senders   = 4
	sendEvery = 50 * time.Millisecond // each sender
)

// traffic is senders that send events of which no two are the same, and that
// repeat one until it is acknowledged, as P0 should.
type traffic struct {
	t        *testing.T
	url      string
	auth     string
	stopping chan struct{}
	wg       sync.WaitGroup

	mu      sync.Mutex
	acked   map[string]time.Duration // by name: from the first try to the 200
	last    [senders]time.Time       // when the last acknowledged request was sent
	refused map[string]int           // by what was said instead of 200
}

func startTraffic(t *testing.T, r *relay) *traffic {
	t.Helper()
	s := &traffic{
		t: t, url: r.ingest.listener("hooks") + "/v1/hooks/" + theSource, auth: "Bearer " + r.signer.token(),
		stopping: make(chan struct{}), acked: map[string]time.Duration{}, refused: map[string]int{},
	}
	for n := range senders {
		s.wg.Go(func() { s.send(n) })
	}
	t.Cleanup(s.stop)
	return s
}

// stop ends the stream. What is not acknowledged by then is nobody's debt.
func (s *traffic) stop() {
	s.mu.Lock()
	select {
	case <-s.stopping:
	default:
		close(s.stopping)
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *traffic) send(sender int) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	pace := time.NewTicker(sendEvery)
	defer pace.Stop()
	for i := 0; ; i++ {
		name := fmt.Sprint(sender, "-", i)
		for first := time.Now(); ; {
			select {
			case <-s.stopping:
				return
			case <-pace.C:
			}
			sent := time.Now()
			said := s.post(c, preapproval(name))
			s.mu.Lock()
			if said == "200" {
				s.acked[name], s.last[sender] = time.Since(first), sent
				s.mu.Unlock()
				break
			}
			s.refused[said]++
			s.mu.Unlock()
		}
	}
}

// post returns the status, or what went wrong.
func (s *traffic) post(c *http.Client, body []byte) string {
	req, err := http.NewRequest(http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	req.Header.Set("Authorization", s.auth)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return "no answer"
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return fmt.Sprint(resp.StatusCode)
}

func (s *traffic) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.acked)
}

// await waits until so many more events are acknowledged.
func (s *traffic) await(n int) {
	s.t.Helper()
	n += s.count()
	eventually(s.t, failoverWithin, "events are acknowledged", func() bool { return s.count() >= n })
}

// awaitSince waits until every sender has had an event acknowledged that it sent
// after the given time, and returns how long that took.
func (s *traffic) awaitSince(since time.Time) time.Duration {
	s.t.Helper()
	eventually(s.t, failoverWithin, "every sender has an event acknowledged again", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, at := range s.last {
			if !at.After(since) {
				return false
			}
		}
		return true
	})
	return time.Since(since).Round(time.Millisecond)
}

// account is what became of a stream's events.
type account struct {
	acknowledged  int
	lost          []string // acknowledged and never delivered
	doubles       int      // deliveries of an event beyond its first
	otherChannels int
	longest       time.Duration // that a sender had to repeat an event for
}

func (a account) String() string {
	return fmt.Sprintf("%d acknowledged, after %v at most; %d lost, %d doubles, %d to a wrong channel",
		a.acknowledged, a.longest.Round(time.Millisecond), len(a.lost), a.doubles, a.otherChannels)
}

// settled stops the stream and waits until all that was acknowledged has been
// delivered to the sink, or until there is no hope.
func (s *traffic) settled(hook, wrong *sink) account {
	s.t.Helper()
	s.stop()
	var a account
	deadline := time.Now().Add(accountWithin)
	for {
		a = s.tally(hook, wrong)
		if len(a.lost) == 0 || time.Now().After(deadline) {
			break
		}
		time.Sleep(pollEvery)
	}
	s.t.Logf("%v; instead of 200: %v", a, s.refused)
	return a
}

func (s *traffic) tally(hook, wrong *sink) account {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := account{acknowledged: len(s.acked), otherChannels: len(wrong.all())}
	delivered := map[string]int{}
	for _, q := range hook.all() {
		delivered[rawName(s.t, q)]++
	}
	for name, took := range s.acked {
		a.longest = max(a.longest, took)
		if delivered[name] == 0 {
			a.lost = append(a.lost, name)
		}
	}
	for _, n := range delivered {
		a.doubles += n - 1
	}
	return a
}

// rawName is the name that preapproval gave to the event of a delivery.
func rawName(t *testing.T, q received) string {
	t.Helper()
	var body struct {
		Data struct {
			Raw struct{ Data struct{ ID string } }
		}
	}
	if err := json.Unmarshal(q.body, &body); err != nil || body.Data.Raw.Data.ID == "" {
		t.Fatalf("a delivery without an event: %v: %s", err, q.body)
	}
	return body.Data.Raw.Data.ID
}

// underTraffic starts an ingest and two workers on that Redis, with a channel
// that wants the stream's events and one that does not, and the stream.
func underTraffic(t *testing.T, r *relay, more ...string) *traffic {
	t.Helper()
	r.writeFile()
	r.startIngest(more...)
	r.startWorker(more...)
	r.startWorker(more...)
	s := startTraffic(t, r)
	s.await(50)
	return s
}

// toTwo are a channel for the stream's events and one for others.
func toTwo(hook, wrong *sink) []channelConf {
	a, b := webhookTo("hook", hook), webhookTo("wrong", wrong)
	a.filters, b.filters = []string{"preapproval.*"}, []string{"request.*"}
	return []channelConf{a, b}
}

// awaitAllReady: all programs say that they can do their job.
func (r *relay) awaitAllReady() {
	r.t.Helper()
	for _, p := range r.processes {
		p.awaitReady()
	}
}

// check fails the test for what must not be. Doubles are few: what a worker had
// sent and could not record on the master that died.
func (a account) check(t *testing.T) {
	t.Helper()
	if len(a.lost) > 0 {
		t.Errorf("acknowledged and not delivered: %s", strings.Join(a.lost, " "))
	}
	if a.otherChannels > 0 {
		t.Errorf("%d events went to a channel that did not want them", a.otherChannels)
	}
	if a.longest > failoverWithin {
		t.Errorf("an event was refused for %v", a.longest)
	}
	if most := a.acknowledged / 10; a.doubles > most {
		t.Errorf("%d doubles, want at most %d", a.doubles, most)
	}
}
