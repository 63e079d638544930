package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// pace is the time from one request of a flow to the next, if the machine
// keeps up. Some twenty flows make a few hundred requests a second.
const pace = 40 * time.Millisecond

// steadyLoad is senders that do not stop while the file changes.
type steadyLoad struct {
	t       *testing.T
	hooks   string // the URL to which a source's id is appended
	addr    string // its host and port
	flows   []*flow
	stop    chan struct{}
	running sync.WaitGroup
}

// flow is one of them: one connection, one request after the other, all with
// the same credential.
type flow struct {
	name   string
	source string
	with   credential

	expect   atomic.Pointer[expectation]
	answers  atomic.Int64
	accepted atomic.Int64
	failed   atomic.Bool
}

// expectation is what a flow must be answered. While a reload is under way it
// may be either; of the two the first only until the second was seen.
type expectation struct {
	from, to int
	free     bool // in any order
}

func newSteadyLoad(t *testing.T, hooks string) *steadyLoad {
	t.Helper()
	u, err := url.Parse(hooks)
	if err != nil {
		t.Fatalf("reading %s: %v", hooks, err)
	}
	l := &steadyLoad{t: t, hooks: hooks, addr: u.Host, stop: make(chan struct{})}
	t.Cleanup(l.end)
	return l
}

// add starts a flow that must be answered with status.
func (l *steadyLoad) add(name, source string, with credential, status int) *flow {
	l.t.Helper()
	s := &flow{name: name, source: source, with: with}
	s.expect.Store(&expectation{from: status, to: status})
	l.flows = append(l.flows, s)
	l.running.Go(func() { l.run(s) })
	return s
}

// end stops the flows and waits for them. It may be called twice.
func (l *steadyLoad) end() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.running.Wait()
}

func (l *steadyLoad) run(s *flow) {
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		l.fail(s, "connecting: %v", err)
		return
	}
	defer func() { _ = conn.Close() }()
	answers := bufio.NewReader(conn)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	var turned *expectation // whose second status was seen
	for n := 0; ; n++ {
		before := s.expect.Load()
		status, err := l.one(conn, answers, s)
		after := s.expect.Load()
		if err != nil {
			l.fail(s, "request %d: %v", n, err)
			return
		}
		if problem := before.judge(status, turned == before); problem != "" && (after == before || after.judge(status, false) != "") {
			l.fail(s, "request %d: %s", n, problem)
			return
		}
		if status == before.to {
			turned = before
		}
		if status == http.StatusOK {
			s.accepted.Add(1)
		}
		s.answers.Add(1)
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
	}
}

func (l *steadyLoad) fail(s *flow, format string, args ...any) {
	s.failed.Store(true)
	l.t.Errorf("%s, to %s: %s", s.name, s.source, fmt.Sprintf(format, args...))
}

// judge says what is wrong with an answer; turned: the second status was seen.
func (e *expectation) judge(status int, turned bool) string {
	switch {
	case status == e.to:
		return ""
	case status == e.from && (e.free || !turned):
		return ""
	case status == e.from:
		return fmt.Sprintf("status %d after %d was answered", status, e.to)
	}
	return fmt.Sprintf("status %d, want %d or %d", status, e.from, e.to)
}

// one sends one request on the flow's connection and reads its answer. It is no
// http.Client, which would hide a lost connection by making another.
func (l *steadyLoad) one(conn net.Conn, answers *bufio.Reader, s *flow) (int, error) {
	req, err := http.NewRequest(http.MethodPost, l.hooks+s.source, strings.NewReader(attackBody))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	s.with(req)
	_ = conn.SetDeadline(time.Now().Add(soon))
	if err := req.Write(conn); err != nil {
		return 0, fmt.Errorf("sending: %w", err)
	}
	resp, err := http.ReadResponse(answers, req)
	if err != nil {
		return 0, fmt.Errorf("no answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, fmt.Errorf("reading the answer: %w", err)
	}
	if resp.Close {
		return 0, errors.New("the answer is the connection's last")
	}
	return resp.StatusCode, nil
}

// more returns once every flow was answered n more times.
func (l *steadyLoad) more(n int64) {
	l.t.Helper()
	want := map[*flow]int64{}
	for _, s := range l.flows {
		want[s] = s.answers.Load() + n
	}
	eventually(l.t, soon, "every sender was answered again", func() bool {
		for s, n := range want {
			if s.failed.Load() {
				l.t.FailNow() // it has said why
			}
			if s.answers.Load() < n {
				return false
			}
		}
		return true
	})
}

// turn says that the flows' answers change from now on, and returns what to
// call when they must have changed.
func turn(to int, flows ...*flow) (done func()) {
	for _, s := range flows {
		s.expect.Store(&expectation{from: s.expect.Load().to, to: to})
	}
	return func() {
		for _, s := range flows {
			s.expect.Store(&expectation{from: to, to: to})
		}
	}
}

// underWay is a request whose header is with the program and whose body is not.
type underWay struct {
	release chan struct{}
	answer  chan reply // closed without one if there was an error
}

// begin sends a request's header and returns when the program asks for the body.
func (l *steadyLoad) begin(source string, with credential) *underWay {
	l.t.Helper()
	u := &underWay{release: make(chan struct{}), answer: make(chan reply, 1)}
	asked := make(chan struct{})
	text := strings.NewReader(attackBody)
	first := sync.OnceFunc(func() {
		close(asked)
		select {
		case <-u.release:
		case <-l.stop: // the test has failed
		}
	})
	req, err := http.NewRequest(http.MethodPost, l.hooks+source, readerFunc(func(p []byte) (int, error) {
		first()
		return text.Read(p)
	}))
	if err != nil {
		l.t.Fatalf("making a request: %v", err)
	}
	req.ContentLength = int64(len(attackBody))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Expect", "100-continue")
	with(req)
	patient := &http.Client{Timeout: 2 * soon, Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true, ExpectContinueTimeout: soon}}
	l.running.Go(func() {
		defer close(u.answer)
		resp, err := patient.Do(req)
		if err != nil {
			l.t.Errorf("a request under way to %s: %v", source, err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		text, _ := io.ReadAll(resp.Body)
		u.answer <- reply{resp.StatusCode, resp.Header, text}
	})
	select {
	case <-asked:
	case <-time.After(soon):
		l.t.Fatalf("the body for %s was not asked for within %v", source, soon)
	}
	return u
}

// finish sends the body and returns the answer.
func (u *underWay) finish() reply {
	close(u.release)
	return <-u.answer
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// logCounter counts records of a log by message. It looks at each line once:
// under load there are many.
type logCounter struct {
	p      *process
	at     int // lines looked at
	counts map[string]int
	lasts  map[string]record
}

func (c *logCounter) count(msg string) int {
	c.look()
	return c.counts[msg]
}

// last returns the newest record with that message.
func (c *logCounter) last(msg string) record {
	c.look()
	return c.lasts[msg]
}

func (c *logCounter) look() {
	c.p.mu.Lock()
	lines := c.p.lines[c.at:] // only ever appended to
	c.p.mu.Unlock()
	c.at += len(lines)
	if c.counts == nil {
		c.counts, c.lasts = map[string]int{}, map[string]record{}
	}
	for _, line := range lines {
		var r record
		if json.Unmarshal([]byte(line), &r) == nil {
			c.counts[r.text("msg")]++
			c.lasts[r.text("msg")] = r
		}
	}
}
