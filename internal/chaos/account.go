package chaos

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"accessrelay/internal/ack"
)

// Account is what became of every event.
type Account struct {
	Plan     Plan
	Schedule []Fault
	Took     time.Duration

	Sent         int // events with at least one try
	Acknowledged int
	Answers      map[string]int // tries by what they were told: "200", "503", "timeout", …
	Attempts     int            // requests that reached a sink
	Replayed     int            // dead letters
	Channels     []ChannelAccount

	Lost    []Loss
	Pending []Loss // not delivered, and still open or dead: not lost, and not settled
	Doubles []Double
	Wrong   []Wrong

	// Forgotten are the ids of acknowledged events that have no receipt, whether
	// they were delivered or not.
	Forgotten []string
	// Leftovers are queues, tasks and records that should be empty or finished.
	Leftovers []string
	// Oddities are what no fault explains: a program that ended by itself, a panic.
	Oddities []string
	// LogDir holds the logs, "" if they were removed.
	LogDir string
}

// ChannelAccount counts the deliveries of acknowledged events to one channel.
type ChannelAccount struct {
	Tenant, Channel, Kind    string
	Wanted, None, Once, More int
	Wrong                    int
}

// Loss is a delivery that an acknowledged event was to have and has not.
type Loss struct {
	Event   int // its number
	EventID string
	Channel string
	State   string          // of the delivery; "": there is none
	Receipt json.RawMessage // nil: there is none
}

// Double is a delivery that was made more than once.
type Double struct {
	Event       int
	EventID     string
	Channel     string
	First       time.Time
	Times       int
	By          []string      // which worker made each
	After       time.Duration // from the first to the last
	Explanation string        // of the first repetition; "": one of them has none
	Cause       Cause         // what the explanation is; "" without one
}

// Wrong is a request that a channel should not have had.
type Wrong struct {
	At      time.Time
	Event   int // -1: unknown
	Channel string
	Worker  string
	Why     string
}

// The share of deliveries that may be made twice. A failover forgets more than
// a Redis that comes back: no replica is waited for with what came of a
// delivery, so what a master knew alone is done again. Runs of 50 s with many
// failovers repeated 8 and 23 of 4,800 deliveries; a run with twice as many has
// another reason.
const (
	mostDoubles         = 0.001
	mostDoublesFailover = 0.01
)

// wanted is how many deliveries there should be.
func (a *Account) wanted() (n int) {
	for _, c := range a.Channels {
		n += c.Wanted
	}
	return n
}

// Tries is how often senders sent, with or without an answer.
func (a *Account) Tries() (n int) {
	for _, times := range a.Answers {
		n += times
	}
	return n
}

// Unexplained returns the doubles that no fault explains.
func (a *Account) Unexplained() []Double {
	var out []Double
	for _, d := range a.Doubles {
		if d.Explanation == "" {
			out = append(out, d)
		}
	}
	return out
}

// Problems says in sentences what is wrong, nothing if all is well. A loss is
// among them; see [Account.OnlyLoss].
func (a *Account) Problems() []string {
	return append(a.forgetting(), a.others()...)
}

// forgetting is what it brings when Redis forgets what it has confirmed: what
// was open is lost, and what was done is done again. Of a Cluster one master may
// forget an event's task and its place on the index of the open, and another
// remember that it is open: then nobody goes on with it.
func (a *Account) forgetting() []string {
	var out []string
	add := counter(&out)
	add(len(a.Lost), "%d deliveries of acknowledged events are lost")
	add(len(a.Forgotten), "%d acknowledged events have no receipt")
	if n, most := len(a.Doubles), a.doublesAllowed(); n > most {
		out = append(out, fmt.Sprintf("%d of %d deliveries were made twice: more than %d", n, a.wanted(), most))
	}
	if a.mayForget() {
		a.unsettled(add)
	}
	return out
}

func (a *Account) mayForget() bool { return a.Plan.Redis.failsOver() && a.Plan.Ack == ack.Memory }

func (a *Account) unsettled(add func(n int, format string)) {
	add(len(a.Pending), "%d deliveries were not settled in time")
	add(len(a.Leftovers), "%d things were left over")
}

func (a *Account) others() []string {
	var out []string
	add := counter(&out)
	add(len(a.Wrong), "%d requests went to a wrong channel")
	add(len(a.Unexplained()), "%d doubles have no explanation")
	if a.Plan.Faults == CleanStops {
		add(len(a.Doubles), "%d doubles, though every stop was clean")
	}
	add(a.Plan.Events-a.Acknowledged, "%d events were not acknowledged in time")
	if !a.mayForget() {
		a.unsettled(add)
	}
	add(len(a.Oddities), "%d odd things happened")
	return out
}

func counter(out *[]string) func(n int, format string) {
	return func(n int, format string) {
		if n > 0 {
			*out = append(*out, fmt.Sprintf(format, n))
		}
	}
}

// doublesAllowed is how many deliveries may be made twice. In a short run one
// kill weighs more than in a long one: there it is one for each fault, if that
// is more.
func (a *Account) doublesAllowed() int {
	share := mostDoubles
	if a.Plan.Redis.failsOver() {
		share = mostDoublesFailover
	}
	n := int(share * float64(a.wanted()))
	if a.wanted() < 10_000 {
		n = max(n, len(a.Schedule))
	}
	return n
}

// Clean reports whether nothing is wrong.
func (a *Account) Clean() bool { return len(a.Problems()) == 0 }

// OnlyLoss reports whether acknowledged events were lost or forgotten, and
// nothing is wrong that does not follow from it: what an acknowledgement level
// that does not survive a failover is expected to show.
func (a *Account) OnlyLoss() bool {
	return len(a.Lost)+len(a.Forgotten) > 0 && len(a.others()) == 0
}

// judge makes the account of a ledger. find tells what became of an event that
// did not reach a channel.
func judge(p Plan, l *ledger, faults []outage, find func(place) Loss) *Account {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := &Account{Plan: p, Sent: l.sent, Acknowledged: l.acked, Answers: l.answers, Attempts: l.attempts}
	for _, c := range l.site.channels {
		row := ChannelAccount{Tenant: c.tenant.name, Channel: c.name, Kind: c.kind}
		for n, e := range l.events {
			hits := l.hits[place{n, c}]
			if len(hits) > 1 {
				a.Doubles = append(a.Doubles, double(place{n, c}, e.id, hits, faults))
			}
			if e.acked.IsZero() || !l.site.wants(c, n) {
				continue
			}
			row.Wanted++
			switch len(hits) {
			case 0:
				row.None++
				loss := find(place{n, c})
				if loss.State == "" || loss.State == "delivered" { // which no sink has seen
					a.Lost = append(a.Lost, loss)
				} else {
					a.Pending = append(a.Pending, loss)
				}
			case 1:
				row.Once++
			default:
				row.More++
			}
		}
		for _, s := range l.strangers {
			if s.channel == c.path() {
				row.Wrong++
			}
		}
		a.Channels = append(a.Channels, row)
	}
	for _, s := range l.strangers {
		a.Wrong = append(a.Wrong, Wrong{At: s.at, Event: s.n, Channel: s.channel, Worker: s.worker, Why: s.why})
	}
	return a
}

func double(p place, id string, hits []hit, faults []outage) Double {
	hits = slices.Clone(hits)
	slices.SortFunc(hits, func(a, b hit) int { return a.at.Compare(b.at) })
	d := Double{
		Event: p.n, EventID: id, Channel: p.c.path(), First: hits[0].at, Times: len(hits),
		After: hits[len(hits)-1].at.Sub(hits[0].at),
	}
	for _, h := range hits {
		d.By = append(d.By, h.worker)
	}
	for _, h := range hits[:len(hits)-1] { // each repetition needs its own reason
		cause, why := explain(faults, h.worker, h.at)
		if why == "" {
			d.Explanation, d.Cause = "", ""
			return d
		}
		d.Explanation, d.Cause = cmp.Or(d.Explanation, why), cmp.Or(d.Cause, cause)
	}
	return d
}

// trace finds out what became of a missing delivery, by the event's receipt or
// that of the original whose duplicate it is.
func (r *rig) trace(ctx context.Context, m *manager, p place) Loss {
	id := r.ledger.events[p.n].id
	out := Loss{Event: p.n, EventID: id, Channel: p.c.path()}
	for range 2 {
		got, err := m.receipt(ctx, p.c.tenant, id)
		if err != nil {
			if !errors.Is(err, errNotFound) {
				out.Receipt, _ = json.Marshal(err.Error())
			}
			return out
		}
		out.Receipt = got.raw
		switch {
		case got.DuplicateOf != "":
			id = got.DuplicateOf
			continue
		case got.Status == "accepted":
			out.State = got.Status
		}
		for _, d := range got.Deliveries {
			if d.ChannelName == p.c.name {
				out.State = d.State
			}
		}
		break
	}
	return out
}
