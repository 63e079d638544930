package relay

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	// Waiting is how many deliveries a worker holds beside those that it sends,
	// because they are about to have their turn or because their channel has its
	// share of places.
	Waiting = 1024

	// shareOf is the part of a worker's places that a channel may have whatever its
	// destination does. One that answers fast may have more, and growOf is the part
	// of the places that all of those have beyond their shares together: if all of
	// them hang at once, the rest is for the others.
	shareOf, growOf = 8, 4

	// slow is what no fast destination takes.
	slow = time.Second

	// laneWaiters is how many deliveries wait in the process for their channel's
	// share of places, in shares.
	laneWaiters = 4
	// laneSleepers is how many wait there for their turn. It takes more channels than
	// a few to use up what may wait.
	laneSleepers = 128

	// laneKept is how long it is known what a channel may have that sends nothing.
	laneKept = time.Minute

	// A delivery for which there is no room is put off: no sooner than the one before
	// it and putOffGap, so that thousands cost no more than hundreds, and no longer
	// than putOffMost while that leaves room, for the destination may be well by then.
	putOffGap   = 10 * time.Millisecond
	putOffMost  = 10 * time.Second
	putOffLeast = time.Second
)

// places share out what a worker sends at a time. A channel whose destination
// hangs keeps its share of them and no more: the others wait without one.
type places struct {
	mu      sync.Mutex
	all     int // places
	busy    int // of them
	grown   int // of these, how many are beyond their channels' shares
	active  int // deliveries in hand that wait neither for a turn nor for their channel
	waiting int // deliveries in hand that do
	next    uint64
	tidied  time.Time        // when lanes were looked through last
	lanes   map[string]*lane // by channel id
	room    chan struct{}    // holds one when there may be room for another delivery
	stop    chan struct{}    // closed when nobody may wait any more
	now     func() time.Time
}

// lane is the deliveries of one channel that a worker has in hand.
type lane struct {
	begun    map[uint64]time.Time // the sends under way
	most     int                  // how many there may be; see limit
	line     []*waiter            // for a place, in the order in which they came
	sleepers int
	took     time.Duration // the mean of the last sends
	used     time.Time     // when something left it last
	putOff   time.Time     // when the one that was put off last comes back
	ideal    time.Time     // when there would be a place for it
}

type waiter struct {
	n     uint64
	ready chan struct{} // closed once it has a place
	idle  bool          // it waits for its channel, and not only for any place
}

func newPlaces(all int) *places {
	return &places{
		all: max(all, 1), lanes: map[string]*lane{}, room: make(chan struct{}, 1), stop: make(chan struct{}), now: time.Now,
	}
}

func (p *places) share() int { return max(p.all/shareOf, 1) }

func (p *places) spare() int { return p.all / growOf }

func (p *places) lane(channelID string, now time.Time) *lane {
	l := p.lanes[channelID]
	if l == nil {
		p.tidy(now)
		l = &lane{used: now, begun: map[uint64]time.Time{}, most: p.share()}
		p.lanes[channelID] = l
	}
	return l
}

// limit is how many sends of a lane may be under way: its share once one of them
// takes long, whatever it had before.
func (p *places) limit(l *lane, now time.Time) int {
	for _, begun := range l.begun {
		if now.Sub(begun) > slow {
			return p.share()
		}
	}
	return l.most
}

// may reports whether another send of a lane may begin, if there is a place at all.
func (p *places) may(l *lane, now time.Time) bool {
	n := len(l.begun)
	return n < p.limit(l, now) && (n < p.share() || p.grown < p.spare())
}

// arrive and leave enclose what is done with a delivery.
func (p *places) arrive() { p.mu.Lock(); p.active++; p.mu.Unlock() }

func (p *places) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active--
	p.tellRoom()
}

// awaitRoom reports whether there is room for another delivery, and waits for it
// at most so long. One caller at a time.
func (p *places) awaitRoom(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		p.mu.Lock()
		free := p.active < p.all // who only waits keeps nobody out
		p.mu.Unlock()
		if free {
			return true
		}
		select {
		case <-p.room:
		case <-timer.C:
			return false
		case <-p.stop:
			return true // who stops the worker takes no more tasks anyway
		}
	}
}

// tellRoom is called with the lock held, as all below.
func (p *places) tellRoom() {
	if p.active < p.all {
		select {
		case p.room <- struct{}{}:
		default:
		}
	}
}

// place is where one delivery is sent. One of its methods must be called; what is
// called after that does nothing.
type place struct {
	of      *places
	channel string
	n       uint64
	waited  time.Duration // for it
	given   bool          // back
}

// sent gives the place back after a send. fast says that the destination answered.
func (s *place) sent(fast bool) { s.of.free(s, true, fast) }

// unused gives the place back without a send, which says nothing of the destination.
func (s *place) unused() { s.of.free(s, false, false) }

// take waits for a place to send to a channel. Without one the delivery must come
// back after putOff.
func (p *places) take(channelID string) (got *place, putOff time.Duration) {
	p.mu.Lock()
	now := p.now()
	l := p.lane(channelID, now)
	w := &waiter{n: p.next, ready: make(chan struct{})}
	p.next++
	full := len(l.line) > 0 || !p.may(l, now)
	if full && (len(l.line) >= laneWaiters*p.share() || p.waiting >= Waiting || p.stopped()) {
		defer p.mu.Unlock()
		if p.stopped() {
			return nil, 0
		}
		return nil, p.comeBack(l, now)
	}
	if w.idle = full; full {
		p.active--
		p.waiting++
		p.tellRoom()
	}
	l.line = append(l.line, w)
	p.serve()
	p.mu.Unlock()

	select {
	case <-w.ready:
	case <-p.stop:
		p.mu.Lock()
		defer p.mu.Unlock()
		select {
		case <-w.ready: // just now
		default:
			l.line = slices.DeleteFunc(l.line, func(o *waiter) bool { return o == w })
			p.wakes(w)
			l.used = p.now()
			return nil, 0
		}
	}
	return &place{of: p, channel: channelID, n: w.n, waited: p.now().Sub(now)}, 0
}

// wakes ends the waiting of w for its channel.
func (p *places) wakes(w *waiter) {
	if w.idle {
		w.idle = false
		p.active++
		p.waiting--
	}
}

// serve gives free places to who came first among those whose channels may have one.
func (p *places) serve() {
	now := p.now()
	for p.busy < p.all {
		var first *lane
		for _, l := range p.lanes {
			if len(l.line) > 0 && p.may(l, now) && (first == nil || l.line[0].n < first.line[0].n) {
				first = l
			}
		}
		if first == nil {
			return
		}
		w := first.line[0]
		first.line = first.line[1:]
		first.begun[w.n] = now
		p.busy++
		if len(first.begun) > p.share() {
			p.grown++
		}
		p.wakes(w)
		close(w.ready)
	}
}

func (p *places) free(s *place, sent, fast bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.given {
		return
	}
	s.given = true
	l := p.lanes[s.channel]
	l.used = p.now()
	took := l.used.Sub(l.begun[s.n])
	if len(l.begun) > p.share() {
		p.grown--
	}
	delete(l.begun, s.n)
	p.busy--
	if sent {
		p.learn(l, took, fast)
	}
	p.serve()
}

// learn changes what a lane may have by how a send went.
func (p *places) learn(l *lane, took time.Duration, fast bool) {
	if l.took == 0 {
		l.took = took
	}
	l.took += (took - l.took) / 8
	switch {
	case !fast || took >= slow:
		l.most = p.share()
	case len(l.line) > 0:
		l.most = min(l.most+1, p.share()+p.spare())
	case len(l.begun) < l.most/2:
		l.most = max(l.most-1, p.share())
	}
}

// tidy forgets the lanes of channels to which nothing has been sent for a while, and
// looks for them as seldom.
func (p *places) tidy(now time.Time) {
	if now.Sub(p.tidied) < laneKept {
		return
	}
	p.tidied = now
	for id, l := range p.lanes {
		idle := len(l.begun) == 0 && len(l.line) == 0 && l.sleepers == 0
		if idle && now.Sub(l.used) >= laneKept && l.putOff.Before(now) {
			delete(p.lanes, id)
		}
	}
}

// comeBack says when a delivery may find room. As many come back as the channel
// sends, and never so many that they keep the worker busy.
func (p *places) comeBack(l *lane, now time.Time) time.Duration {
	took := l.took
	for _, begun := range l.begun {
		took = max(took, now.Sub(begun))
	}
	l.ideal = later(l.ideal, now).Add(took / time.Duration(max(l.most, 1)))
	at := l.ideal
	if at.Sub(now) > putOffMost {
		at = now.Add(putOffMost)
		l.ideal = at
	}
	l.putOff = later(l.putOff.Add(putOffGap), at)
	wait := max(l.putOff.Sub(now), putOffLeast)
	return wait + time.Duration(jitter*rand.Float64()*float64(wait))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sleep waits for a turn, holding no place. It returns false at once if there is
// no room for that, or when nobody may wait any more.
func (p *places) sleep(channelID string, d time.Duration) bool {
	p.mu.Lock()
	l := p.lane(channelID, p.now())
	if l.sleepers >= laneSleepers || p.waiting >= Waiting || p.stopped() {
		p.mu.Unlock()
		return false
	}
	l.sleepers++
	p.active--
	p.waiting++
	p.tellRoom()
	p.mu.Unlock()

	timer := time.NewTimer(d)
	defer timer.Stop()
	slept := true
	select {
	case <-timer.C:
	case <-p.stop:
		slept = false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l.sleepers--
	p.active++
	p.waiting--
	l.used = p.now()
	return slept
}

func (p *places) stopped() bool {
	select {
	case <-p.stop:
		return true
	default:
		return false
	}
}

// drain ends all waiting. It may be called once.
func (p *places) drain() { close(p.stop) }
