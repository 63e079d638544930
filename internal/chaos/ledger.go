package chaos

import (
	"sync"
	"time"
)

// ledger is what senders and sinks have seen. It is safe for concurrent use.
type ledger struct {
	site *site

	mu        sync.Mutex
	sent      int // events with at least one try
	acked     int
	wanted    int // deliveries that acknowledged events are to have
	arrived   int // of these, how many arrived at least once
	doubles   int // deliveries that arrived again
	attempts  int // requests that reached a sink
	answers   map[string]int
	events    []sentEvent
	hits      map[place][]hit
	strangers []stranger
}

// sentEvent is an event as its sender sees it.
type sentEvent struct {
	tries int
	acked time.Time // of the 200; zero: not yet
	id    string    // that the 200 gave
}

// place is an event at a channel.
type place struct {
	n int
	c *channel
}

// hit is a 2xx of a sink.
type hit struct {
	at     time.Time // just before it was written
	worker string    // who asked
}

// stranger is a delivery that should not have come.
type stranger struct {
	at      time.Time
	worker  string
	channel string
	n       int // -1: it shows no number, or one that was not sent
	why     string
}

func newLedger(s *site, events int) *ledger {
	return &ledger{site: s, events: make([]sentEvent, events), hits: map[place][]hit{}, answers: map[string]int{}}
}

// tried notes a try to send event n and what came of it: an answer's status, or
// an error's kind.
func (l *ledger) tried(n int, outcome string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.events[n].tries == 0 {
		l.sent++
	}
	l.events[n].tries++
	l.answers[outcome]++
}

// acknowledged notes the 200 for event n.
func (l *ledger) acknowledged(n int, id string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events[n].acked, l.events[n].id = at, id
	l.acked++
	for _, c := range l.site.tenantOf(n).channels {
		if l.site.wants(c, n) {
			l.wanted++
			if len(l.hits[place{n, c}]) > 0 { // it was quicker than the 200
				l.arrived++
			}
		}
	}
}

// attempted counts a request, whatever is answered.
func (l *ledger) attempted() {
	l.mu.Lock()
	l.attempts++
	l.mu.Unlock()
}

// delivered notes that a sink is about to answer 2xx to a worker. n is -1 for a
// body without a number, c nil for a path that nobody has.
func (l *ledger) delivered(c *channel, path string, n int, worker string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	why := ""
	switch {
	case c == nil:
		why = "no channel has this path"
	case n < 0 || n >= len(l.events):
		why, n = "an event that nobody sent", -1
	case c.tenant != l.site.tenantOf(n):
		why = "an event of tenant " + l.site.tenantOf(n).name
	case !l.site.wants(c, n):
		why = "the filter refuses " + string(l.site.sampleOf(n).Event)
	}
	if why != "" {
		l.strangers = append(l.strangers, stranger{at, worker, path, n, why})
		return
	}
	p := place{n, c}
	l.hits[p] = append(l.hits[p], hit{at, worker})
	switch {
	case len(l.hits[p]) > 1:
		l.doubles++
	case !l.events[n].acked.IsZero():
		l.arrived++
	}
}

// tally is the ledger in numbers.
type tally struct{ sent, acked, wanted, arrived, doubles, strangers int }

func (l *ledger) tally() tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	return tally{l.sent, l.acked, l.wanted, l.arrived, l.doubles, len(l.strangers)}
}
