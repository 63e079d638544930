package e2e

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"accessrelay/internal/redistest"
)

const (
	outage        = time.Minute
	unreadyWithin = 2 * time.Second
	flowsWithin   = 5 * time.Second
	mostLines     = 5.0  // a second, in the mean over the outage, of each program
	mostCPU       = 0.05 // of a core, likewise
	ticksASecond  = 100  // of /proc: USER_HZ, the same on every Linux that Go knows
)

// TestRedisGone: with Redis gone for a minute and hooks coming in all along, both
// programs say so, wait without noise, and go on by themselves when it is back.
// Not beside other tests: it measures seconds.
func TestRedisGone(t *testing.T) {
	const places = 4
	release := make(chan struct{})
	var hooks []*sink // one for each place, for no channel may have them all
	var channels []channelConf
	for i := range places {
		hooks = append(hooks, newSink(t, answer{hold: release}, answer{}))
		channels = append(channels, webhookTo(fmt.Sprint("hook-", i), hooks[i]))
	}
	r := newRelayOn(t, redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always"), channels...)
	r.programs = plainBuild(t)
	r.delivery = "  timeout: 2m\n" // the destination is slow, not at fault
	r.writeFile()
	r.startIngest()
	r.startWorker(fmt.Sprint("--concurrency=", places))
	programs := []*process{r.ingest, r.worker}

	// All places are taken, so what comes now is a backlog.
	s := stream(r)
	for _, hook := range hooks {
		hook.await(t, 1)
	}
	eventually(t, soon, "a backlog has grown", func() bool { return len(s.accepted()) >= 10*places })
	backlog := s.accepted()
	// What a worker has in its hands when Redis goes is taken up again later, when
	// its lease is over and it was watched. The rest is untouched.
	eventually(t, soon, "all of it is routed", func() bool { return routed(r, backlog) })
	r.redis.Kill()
	gone := time.Now()
	for _, p := range programs {
		ops := p.listener("ops")
		eventually(t, soon, p.name+" is not ready", func() bool { return probe(t, ops+"/readyz") == http.StatusServiceUnavailable })
		if took := time.Since(gone); took > unreadyWithin {
			t.Errorf("%s said that it is not ready after %v, want %v", p.name, took, unreadyWithin)
		}
	}
	var before []usage
	for _, p := range programs {
		before = append(before, p.usage())
	}
	start := time.Now()
	s.reset()
	// The outcome of what was under way is there, and nowhere to write it.
	time.AfterFunc(outage/2, func() { close(release) })
	waitUntil(gone.Add(outage))
	checkAllRefused(t, s)
	over := time.Since(start).Seconds()
	for i, p := range programs {
		now := p.usage()
		lines, cpu := float64(now.lines-before[i].lines)/over, (now.cpu-before[i].cpu).Seconds()/over
		t.Logf("%s over %.0f s without Redis: %.2f lines/s, %.2f %% of a core", p.name, over, lines, 100*cpu)
		if lines > mostLines || cpu > mostCPU {
			t.Errorf("%s: %.2f lines/s and %.3f of a core, want at most %v and %v", p.name, lines, cpu, mostLines, mostCPU)
		}
	}

	r.redis.Restart()
	back := time.Now()
	flows := func(what string, cond func() bool) {
		t.Helper()
		eventually(t, soon, what, cond)
		t.Logf("%s %v after Redis was back", what, time.Since(back).Round(time.Millisecond))
		if took := time.Since(back); took > flowsWithin {
			t.Errorf("%s after %v, want %v", what, took, flowsWithin)
		}
	}
	s.reset()
	flows("hooks answer 200", func() bool { return len(s.accepted()) > s.before() })
	for _, p := range programs {
		ops := p.listener("ops")
		flows(p.name+" is ready", func() bool { return probe(t, ops+"/readyz") == http.StatusOK })
	}
	flows("the backlog is delivered", func() bool { return arrived(backlog, hooks...) })
	s.stop()
	sent := s.accepted()
	eventually(t, takeover, "all is delivered", func() bool { return arrived(sent, hooks...) })
	for _, id := range sent {
		for i, hook := range hooks {
			if n := len(hook.of(id)); n != 1 {
				t.Errorf("event %s was sent %d times to %d", id, n, i)
			}
		}
		got := r.settle(id, soon)
		for _, d := range got.Deliveries {
			if got.Status != "delivered" || d.Attempts != 1 {
				t.Errorf("%+v", got)
			}
		}
	}
}

// usage is what a process has used so far.
type usage struct {
	lines int
	cpu   time.Duration
}

func (p *process) usage() usage {
	p.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatalf("reading what %s has used: %v", p.name, err)
	}
	// After the name in brackets: state, …, the 12th and 13th are utime and stime.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	ticks := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			p.t.Fatalf("reading %q: %v", stat, err)
		}
		ticks += n
	}
	return usage{len(p.output()), time.Duration(ticks) * time.Second / ticksASecond}
}

// hooks is a light stream of events, all different.
type hooks struct {
	halt chan struct{}
	done sync.WaitGroup

	mu      sync.Mutex
	ids     []string // accepted
	marked  int      // how many of them at the last reset
	answers []reply  // not accepted, since then
	errs    []error
}

// stream sends 20 events a second until it is stopped.
func stream(r *relay) *hooks {
	h := &hooks{halt: make(chan struct{})}
	auth := r.hook(nil).Header.Get("Authorization")
	h.done.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-h.halt:
				return
			case <-tick.C:
			}
			req := r.hook(preapproval(fmt.Sprint("stream", n)))
			req.Header.Set("Authorization", auth)
			h.done.Go(func() { h.keep(do(req)) })
		}
	})
	r.t.Cleanup(h.stop)
	return h
}

func (h *hooks) keep(a reply, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err != nil:
		h.errs = append(h.errs, err)
	case a.status == http.StatusOK:
		h.ids = append(h.ids, a.eventID())
	default:
		h.answers = append(h.answers, a)
	}
}

func (h *hooks) stop() {
	h.mu.Lock()
	select {
	case <-h.halt:
	default:
		close(h.halt)
	}
	h.mu.Unlock()
	h.done.Wait()
}

// reset begins a new account of what is refused.
func (h *hooks) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.marked, h.answers, h.errs = len(h.ids), nil, nil
}

func (h *hooks) before() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.marked
}

func (h *hooks) accepted() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.ids...)
}

// checkAllRefused: without Redis every hook was told when to come again.
func checkAllRefused(t *testing.T, h *hooks) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.ids) - h.marked; n > 0 || len(h.errs) > 0 || len(h.answers) < 100 {
		t.Errorf("%d hooks were accepted, %d refused, %d without an answer: %v", n, len(h.answers), len(h.errs), h.errs)
	}
	for _, a := range h.answers {
		if s, err := strconv.Atoi(a.header.Get("Retry-After")); a.status != http.StatusServiceUnavailable || err != nil || s < 1 {
			t.Fatalf("without Redis: status %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
		}
	}
	t.Logf("%d hooks were refused with 503", len(h.answers))
}

// routed reports whether all of these events have their deliveries.
func routed(r *relay, ids []string) bool {
	done := map[string]bool{}
	for _, l := range r.worker.logged("event routed") {
		done[l.text("event")] = true
	}
	for _, id := range ids {
		if !done[id] {
			return false
		}
	}
	return true
}

// arrived reports whether each of the sinks has seen all of these events.
func arrived(ids []string, sinks ...*sink) bool {
	for _, s := range sinks {
		seen := map[string]bool{}
		for _, q := range s.all() {
			seen[q.id()] = true
		}
		if slices.ContainsFunc(ids, func(id string) bool { return !seen[id] }) {
			return false
		}
	}
	return true
}
