// Package relay holds the worker's two steps. [Relay.Event] takes an accepted
// event: what does it mean, is it a repeat, who must hear of it? [Relay.Delivery]
// takes one channel's share: send, and record what came of it. Neither knows
// the queue or the store: both are asked for through the interfaces below.
//
// Each step may be run again from its start at any time, by a worker that takes
// over from one that died. What keeps that harmless is the order of writes: the
// claim, then the record, then the tasks; the send, then the record, then the
// end of the task.
package relay

import (
	"context"
	"log/slog"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/ops"
	"accessrelay/internal/ratelimit"
	"accessrelay/internal/source"
	"accessrelay/internal/transport"
)

// Accepted is an event as ingest accepted it.
type Accepted struct {
	ID          string
	TenantID    string
	Source      string
	Platform    string
	ReceivedAt  time.Time
	TraceParent string
	ChannelID   string // "": routed by filters; else for this channel alone
	// IdempotencyKey is what the sender calls the event, or "". It then decides what
	// repeats what, and the payload does not.
	IdempotencyKey string
	Body           []byte
}

// Due is a delivery that somebody should look at.
type Due struct {
	EventID     string
	N           int
	Round       int
	TraceParent string
}

// Claims tells originals from repeats. See package dedup.
type Claims interface {
	Claim(ctx context.Context, key, id string, receivedAt time.Time, window time.Duration) (original string, err error)
	Release(ctx context.Context, key, id string) error
}

// Records keeps what became of events. Its errors are [event.ErrNoRecord] and
// [event.ErrStale] where they apply. See package receipt.
type Records interface {
	Open(ctx context.Context, ev *event.Event, plan []event.Delivery) ([]event.Delivery, error)
	// Settle returns the deliveries of a record that stood already.
	Settle(ctx context.Context, r event.Receipt) (stood []event.Delivery, err error)
	// Stands reports whether an event received at since or later has a record, or
	// may have had one that has ended.
	Stands(ctx context.Context, eventID string, since time.Time) (bool, error)
	Load(ctx context.Context, eventID string, n int) (*event.Event, event.Delivery, error)
	Record(ctx context.Context, tenantID string, d event.Delivery) error
	// Replay begins the next round of a dead delivery, unless it has begun.
	Replay(ctx context.Context, tenantID string, d event.Delivery) error
	// Overdue returns open deliveries that should have been attempted a while ago.
	// With an error it returns what it found all the same. limit bounds its work.
	Overdue(ctx context.Context, limit int) ([]event.Delivery, error)
}

// Channels lists a tenant's channels as they are now. The channels are shared:
// they must not be changed.
type Channels interface {
	Channels(ctx context.Context, tenantID string) ([]*channel.Channel, error)
}

// Switch turns channels off and on again.
type Switch interface {
	// Disable does nothing to a channel that was changed after asOf.
	Disable(ctx context.Context, tenantID, channelID string, asOf time.Time, reason string) (changed bool, err error)
	Enable(ctx context.Context, tenantID, channelID string) (changed bool, err error)
}

// Queue takes tasks. Enqueueing the same again is no error and does nothing
// while the first still stands.
type Queue interface {
	EnqueueEvent(context.Context, Accepted) error
	EnqueueDelivery(context.Context, Due) error
	// HoldsEvent reports whether the event has a task.
	HoldsEvent(ctx context.Context, eventID string) (bool, error)
	// ResumeDelivery enqueues the task unless there is one that somebody will run,
	// and reports whether there was none.
	ResumeDelivery(context.Context, Due) (resumed bool, err error)
}

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

// Pass is what the gate says to an [Entry].
type Pass struct {
	Wait    time.Duration // 0: go now; else ask again after it, with Turn
	Turn    int64         // 0 with a Wait: none is left that it could wait for
	Asked   bool          // it waits because the destination asked for that
	Broken  bool          // the breaker is open: with Wait 0 this delivery tries it
	Watched bool          // the gate's own: handed back with the result
}

// Result is what an attempt says of the destination.
type Result struct {
	Alive, Down bool          // it answers, or it fails; neither: nothing is known
	Hold        time.Duration // for how long it asked to hear nothing
}

// News is how the gate stands after a [Result].
type News struct {
	Opened, Closed bool          // the breaker, just now
	Wait           time.Duration // how long nobody passes
	Fails          int           // in a row
}

// Gate paces what goes to a channel, and stops it while that makes no sense. All
// workers share it. See package gate.
type Gate interface {
	Enter(context.Context, Entry) (Pass, error)
	Report(context.Context, Entry, Pass, Result) (News, error)
}

// Source is what a worker knows of a configured source.
type Source struct {
	Platform    source.Platform
	DedupWindow time.Duration // 0: no deduplication
}

// Policy is how deliveries are tried: the file's section "delivery".
type Policy struct {
	MaxRetries int
	Backoff    []time.Duration // before the 1st, 2nd, … retry; the last repeats
	Timeout    time.Duration   // of one attempt
	MaxAge     time.Duration   // after this a throttled delivery is dead
}

// Config is what a [Relay] needs. Every field must be set.
type Config struct {
	// Source finds a source of the file by id; false if the file no longer has it.
	Source func(id string) (Source, bool)
	// Platform finds a platform by name, for events whose source is gone.
	Platform func(name string) (source.Platform, bool)

	Claims     Claims
	Records    Records
	Channels   Channels
	Switch     Switch
	Queue      Queue
	Gate       Gate
	Transports []transport.Transport
	// Concurrency is how many attempts are under way at a time.
	Concurrency int
	Policy      func() Policy
	Metrics     *Metrics
	Log         *slog.Logger
	Now         func() time.Time
}

// Relay is the worker's handler of tasks. It is safe for concurrent use.
type Relay struct {
	Config
	transports map[string]transport.Transport
	places     *places
	sleep      func(channelID string, d time.Duration) bool // of places
	waits      *slog.Logger                                 // of events whose source is not there yet: as many as are sent
}

// New returns a Relay.
func New(cfg Config) *Relay {
	r := &Relay{Config: cfg, transports: map[string]transport.Transport{}, places: newPlaces(cfg.Concurrency), waits: ops.Throttle(cfg.Log)}
	r.sleep = r.places.sleep
	for _, t := range cfg.Transports {
		r.transports[t.Type()] = t
	}
	return r
}

// Room reports whether the worker should take another delivery, and waits for that
// at most so long. Deliveries that wait for their turn do not count.
func (r *Relay) Room(limit time.Duration) bool { return r.places.awaitRoom(limit) }

// Drain has deliveries that wait for something handed back to the queue at once.
// Attempts under way go on. It may be called once.
func (r *Relay) Drain() { r.places.drain() }

// Again is returned by a step that wants to be run again.
type Again struct {
	After   time.Duration
	failed  bool
	because string
}

func (a *Again) Error() string { return a.because }

// RunAgainAfter is the wait before the next run.
func (a *Again) RunAgainAfter() time.Duration { return a.After }

// Failed reports whether something failed, as opposed to having to wait.
func (a *Again) Failed() bool { return a.failed }
