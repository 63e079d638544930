package event

import (
	"errors"
	"time"
)

// What a store of records answers besides success.
var (
	// ErrNoRecord: there is no such event or delivery, or no longer.
	ErrNoRecord = errors.New("no such record")
	// ErrStale: the delivery's record has moved on (it is delivered, or in
	// another round), so what was to be written about it no longer counts.
	ErrStale = errors.New("the record has moved on")
)

// Status is what became of an event as a whole.
type Status string

const (
	StatusAccepted  Status = "accepted"  // acknowledged; no worker has come to it yet
	StatusPending   Status = "pending"   // some delivery is still open
	StatusDelivered Status = "delivered" // every delivery arrived
	StatusPartial   Status = "partial"   // nothing open; some arrived, some are dead
	StatusFailed    Status = "failed"    // nothing open; all are dead
	StatusDuplicate Status = "duplicate" // a repeat of DuplicateOf: nothing was delivered
	StatusUnrouted  Status = "unrouted"  // no channel wanted it
)

// State is where one delivery stands.
type State string

const (
	StatePending   State = "pending"   // not yet attempted
	StateRetrying  State = "retrying"  // failed, will be tried again, using up a retry
	StateThrottled State = "throttled" // told to wait, or waiting its turn: no retry used
	StateDelivered State = "delivered"
	StateDead      State = "dead" // given up; kept until replayed or deleted
)

// States returns every state, in a fixed order.
func States() []State {
	return []State{StatePending, StateRetrying, StateThrottled, StateDelivered, StateDead}
}

// Final reports whether no further attempt follows by itself.
func (s State) Final() bool { return s == StateDelivered || s == StateDead }

// Receipt is what the relay knows of one accepted event.
type Receipt struct {
	ID          string
	TenantID    string
	Type        Type // empty until a worker has normalised the event
	Source      string
	Platform    string
	ReceivedAt  time.Time
	DuplicateOf string     // set when the event is a repeat
	Unrouted    bool       // no channel wanted it
	Deliveries  []Delivery // in the order of the fan-out; deleted ones are left out
	Deleted     int        // dead deliveries that were deleted
}

// Status derives the event's status from its deliveries. A dead one that was
// deleted counts as dead: deleting it does not make it have arrived. A receipt
// without a type is of an event that no worker has come to.
func (r *Receipt) Status() Status {
	switch {
	case r.DuplicateOf != "":
		return StatusDuplicate
	case r.Unrouted:
		return StatusUnrouted
	case r.Type == "":
		return StatusAccepted
	}
	delivered, dead := 0, r.Deleted
	for _, d := range r.Deliveries {
		switch d.State {
		case StateDelivered:
			delivered++
		case StateDead:
			dead++
		default:
			return StatusPending
		}
	}
	switch {
	case dead == 0:
		return StatusDelivered
	case delivered == 0:
		return StatusFailed
	default:
		return StatusPartial
	}
}

// Delivery is the record of telling one channel about one event. It is the
// truth about attempts: a task in the queue only says that somebody should look.
type Delivery struct {
	EventID     string
	N           int // place in the event's fan-out; with EventID it makes the id
	Round       int // 1, and one more for every replay; a task of another round is stale
	ChannelID   string
	ChannelName string
	ChannelType string // with underscores: slack_webhook

	State         State
	Attempts      int    // requests made, over all rounds
	RetriesUsed   int    // of this round: those that count against max_retries
	LastReason    string // closed set: the label of the failure metric
	LastError     string // for people; holds no secret and no payload text
	CreatedAt     time.Time
	RoundAt       time.Time // when this round began: max_age counts from here
	NextAttemptAt time.Time // zero unless retrying or throttled
	DeliveredAt   time.Time // zero unless delivered
	DeadAt        time.Time // zero unless dead

	// Turn is the delivery's place in its channel's line, 0 if it has none. It is
	// the gate's: nobody else can tell when that is.
	Turn int64

	// Recipients is how each one stands, of a channel that has several and after
	// an attempt that got so far; else nil.
	Recipients []Recipient
}

// Recipient is one of several that a delivery goes to.
type Recipient struct {
	Address   string
	State     State  // pending, delivered or dead
	LastError string // like a delivery's
}

// ID is the delivery's id: "dlv_…".
func (d *Delivery) ID() string { return DeliveryID(d.EventID, d.N) }
