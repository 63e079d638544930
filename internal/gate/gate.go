// Package gate says when a delivery may go to its channel. All workers share one
// gate a channel, a small hash in Redis, which knows three things:
//
//   - Pace. A channel with a rate has a line: a delivery that has to wait is given
//     a ticket, and with it the time to come back. So deliveries go in the order in
//     which they came, evenly spaced, and wait in the queue without asking again.
//   - Holds. Once a destination has asked to be left alone nobody is sent there, and
//     the line stands still.
//   - The breaker. After [Threshold] failures in a row it opens: the channel is held,
//     and then one delivery at a time tries it, ever more seldom. The first success
//     closes it. What waited comes back by its tickets, not all at once.
//
// What is said of the destination holds for one version of the channel: one that
// was changed begins as a new one does.
//
// Times are Redis's own. Of workers' clocks only how fast they go matters, for who
// waits does so by them. To lose a gate is to lose no
// delivery: tickets that it does not know are replaced, and the breaker is closed.
package gate

import (
	"context"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/ratelimit"
)

const (
	// Threshold is how many failures in a row open the breaker, if they are of at
	// least two events.
	Threshold = 10

	// rowTime is how long the row must have lasted. Workers that see a channel fare
	// well look only once in viewAge whether others see it fail, and tell of a
	// success only if so: over this time every success has been told.
	rowTime = 2 * viewAge
	viewAge = time.Second

	// firstProbe and lastProbe are the shortest and the longest time between two
	// tries of an open breaker, each a tenth to either side.
	firstProbe = 5 * time.Second
	lastProbe  = time.Minute

	// drainGap is how far apart those go that have waited for a channel without a
	// rate: fast, and yet not all at once.
	drainGap = 10 * time.Millisecond

	// spare makes turns a little further apart than the rate asks for, so that one
	// that is a little late need not delay all after it.
	spare = 0.04

	// leaseMore is added to the time that an attempt may take.
	leaseMore = 5 * time.Second

	// mostLate bounds how late a promised pass may be used.
	mostLate = 50 * time.Millisecond

	// patience is for how long turns may come that nobody takes. Who waits asks again
	// every ten minutes at the latest, so after it nobody is there any more.
	patience = 15 * time.Minute
)

//go:embed enter.lua
var enterSource string

//go:embed report.lua
var reportSource string

var (
	enterScript  = redis.NewScript(enterSource)
	reportScript = redis.NewScript(reportSource)
)

// Entry is a delivery that is to go to its channel.
type Entry struct {
	ChannelID  string
	DeliveryID string
	EventID    string
	Turn       int64           // what the gate said last, 0 if nothing
	Rate       *ratelimit.Rate // the channel's; nil: none
	Timeout    time.Duration   // of the attempt
	Left       time.Duration   // how long it can wait at most
	Test       bool            // a person asked for it: it goes whatever stands against it
	Version    int64           // of the channel; 0: not known
}

// Pass is what the gate says.
type Pass struct {
	// Wait is 0 if the delivery may go, now. Else it must ask again after it, with
	// Turn. With Turn 0 it has no turn, for none comes within [Entry.Left]: it may ask
	// again earlier, as those before it may end otherwise.
	Wait time.Duration
	Turn int64
	// Asked says that it has to wait because the destination asked for that.
	Asked bool
	// Broken says that the breaker is open: with Wait 0 the delivery tries it.
	Broken bool
	// Watched says that a success must be reported.
	Watched bool
}

// Result is what came of an attempt.
type Result struct {
	// Alive: the destination answers. Down: it failed in a way that says something
	// of it and not of the event. Neither: nothing is known. Not both.
	Alive, Down bool
	Hold        time.Duration // for how long it asked to hear nothing
}

// News is how the gate stands after a [Result].
type News struct {
	Opened, Closed bool
	Wait           time.Duration // how long nobody passes now
	Fails          int           // in a row
}

// Gate is the gates of all channels. It is safe for concurrent use.
type Gate struct {
	rdb redis.UniversalClient
	now func() time.Time

	mu    sync.Mutex
	views map[string]view // by channel
	swept time.Time       // when old views were dropped
}

// New returns a Gate.
func New(rdb redis.UniversalClient) *Gate {
	return &Gate{rdb: rdb, now: time.Now, views: map[string]view{}}
}

// Enter asks whether e may go now. A healthy channel without a rate costs a request
// a second, not one a delivery. An error means that Redis did not answer; it is nil
// for channels without a rate, which then go on as if nothing stood against it.
func (g *Gate) Enter(ctx context.Context, e Entry) (Pass, error) {
	if e.Rate == nil && !e.Test && e.Turn == 0 {
		v := g.view(ctx, e.ChannelID)
		if !v.shut {
			return Pass{Watched: v.watched}, nil
		}
	}
	gap, least := drainGap, time.Duration(0)
	if e.Rate != nil {
		least = e.Rate.Per / time.Duration(e.Rate.N)
		gap = least + time.Duration(spare*float64(least))
	}
	test := 0
	if e.Test {
		test = 1
	}
	out, err := enterScript.Run(ctx, g.rdb, []string{gateKey(e.ChannelID)},
		e.DeliveryID, e.Turn, gap.Microseconds(), least.Microseconds(), min(least/4, mostLate).Microseconds(),
		(e.Timeout + leaseMore).Microseconds(), test, e.Version, max(e.Left, 0).Microseconds(), patience.Microseconds()).Int64Slice()
	if err == nil && len(out) != 4 {
		err = fmt.Errorf("%d values", len(out))
	}
	switch {
	case err != nil && e.Rate == nil:
		return Pass{Turn: e.Turn}, nil
	case err != nil:
		return Pass{}, fmt.Errorf("asking the gate of channel %s: %w", e.ChannelID, err)
	}
	const goes, probes, turn, asked, broken = 1, 2, 3, 4, 5
	p := Pass{Turn: out[2], Watched: out[3] == 1, Asked: out[0] == asked, Broken: out[0] == probes || out[0] == broken}
	switch out[0] {
	case goes:
		g.see(e.ChannelID, view{at: g.now(), watched: p.Watched})
	case probes:
	case turn, asked, broken:
		p.Wait = max(time.Duration(out[1])*time.Microsecond, time.Millisecond)
	}
	return p, nil
}

// Report says what came of the attempt at e that was let in by p. It makes no
// request where nothing is new. To lose a report costs nothing but time: the
// breaker is opened later, or tried once more.
func (g *Gate) Report(ctx context.Context, e Entry, p Pass, r Result) (News, error) {
	if r.Alive && !p.Watched { // others may have failed since it was let in
		p.Watched = g.view(ctx, e.ChannelID).watched
	}
	if !r.Down && r.Hold == 0 && !p.Watched && !p.Broken {
		return News{}, nil
	}
	kind, test := "void", 0
	switch {
	case r.Alive:
		kind = "alive"
	case r.Down:
		kind = "down"
	}
	if e.Test {
		test = 1
	}
	out, err := reportScript.Run(ctx, g.rdb, []string{gateKey(e.ChannelID)},
		e.DeliveryID, e.EventID, kind, r.Hold.Microseconds(), test,
		Threshold, 2, rowTime.Microseconds(), firstProbe.Microseconds(), lastProbe.Microseconds(), 0.9+0.2*rand.Float64(), e.Version).Int64Slice()
	if err == nil && len(out) != 4 {
		err = fmt.Errorf("%d values", len(out))
	}
	if err != nil {
		return News{}, fmt.Errorf("telling the gate of channel %s: %w", e.ChannelID, err)
	}
	n := News{Opened: out[0] == 1, Closed: out[0] == 2, Wait: time.Duration(out[1]) * time.Microsecond, Fails: int(out[2])}
	g.see(e.ChannelID, view{at: g.now(), watched: n.Fails > 0, shut: n.Wait > 0 || out[3] == 1})
	return n, nil
}

// Broken returns those of the channels whose breakers are open.
func (g *Gate) Broken(ctx context.Context, channelIDs []string) (map[string]bool, error) {
	cmds := make([]*redis.BoolCmd, len(channelIDs))
	open := map[string]bool{}
	if len(channelIDs) == 0 {
		return open, nil
	}
	_, err := g.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range channelIDs {
			cmds[i] = p.HExists(ctx, gateKey(id), "open")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for open breakers: %w", err)
	}
	for i, id := range channelIDs {
		if cmds[i].Val() {
			open[id] = true
		}
	}
	return open, nil
}
