// Package receipt keeps what became of every event: one Redis hash an event,
// which is the truth about its deliveries, and the lists to find them by.
//
// A record is made when the event is fanned out and has no end while a delivery
// is open. Then the event's text is dropped and the rest is kept for
// [Retention.Receipts]; with a dead delivery all is kept until that is replayed
// or deleted, or for [Retention.DeadLetters].
//
// The lists may hold more than is true, never less. The list of events and the
// index of the open ([Store.Overdue]) are written before the record. The list of
// the dead is written after it: whoever dies between the two is run again and
// writes both again. Readers believe the record.
//
// In Redis 7.0 (MEMORY USAGE, kept true by a test) an event with two delivered
// deliveries takes 930 bytes and its place in the list 120; while a delivery is
// open the event's canonical JSON comes on top (up to a quarter more than its
// length, by the allocator's classes).
package receipt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/ack"
	"accessrelay/internal/event"
)

var (
	// ErrNotFound says that there is no such event or delivery, or no longer.
	ErrNotFound = event.ErrNoRecord
	// ErrStale says that the delivery is delivered, dead, or in another round.
	ErrStale = event.ErrStale
	// ErrNotDead says that the delivery is not dead: it is open or delivered.
	ErrNotDead = errors.New("the delivery is not dead")
	// ErrBadCursor says that the cursor was not made by this list.
	ErrBadCursor = errors.New("invalid cursor")
)

// Retention says how long records are kept.
type Retention struct {
	// Receipts counts from when an event's last delivery was final. It must be
	// positive, and longer than the queue may take to run a task again after a
	// crash: an event whose record is gone would be delivered anew. Two minutes
	// are the least that is safe.
	Receipts time.Duration
	// DeadLetters is the same for events with a dead delivery, if it is longer
	// than Receipts; 0 means until replayed or deleted.
	DeadLetters time.Duration
}

// Store keeps the records in Redis. It is safe for concurrent use.
type Store struct {
	rdb    redis.UniversalClient
	keep   atomic.Pointer[keep]
	now    func() time.Time
	budget int // of one List: how many entries it looks at

	enrolled sync.Map // ids of tenants that this store has put on the list of tenants
	closed   closed
}

// New returns a store.
func New(rdb redis.UniversalClient, r Retention) *Store {
	s := &Store{rdb: rdb, now: time.Now, budget: scanBudget}
	s.SetRetention(r)
	return s
}

// keep is a [Retention] as the scripts want it.
type keep struct {
	receipts time.Duration
	dead     time.Duration // 0: for ever
}

// SetRetention puts r in force for what is written from now on. What is written
// already keeps its time until it is written again.
func (s *Store) SetRetention(r Retention) {
	k := keep{receipts: r.Receipts}
	if r.DeadLetters > 0 {
		k.dead = max(r.DeadLetters, r.Receipts)
	}
	s.keep.Store(&k)
}

// Open makes the record of an event with its planned deliveries, none of them
// final, and returns them. If there is a record already it stays, and its
// deliveries are returned as they stand now: the first plan wins, also over a
// later one for other channels. An event that was settled has none.
//
// The event is on the lists before there is a record: from then on [Store.Overdue]
// finds what is open of it, whatever becomes of the event's own task. Both writes
// are marked with [ack.Required], as the caller ends that task on the strength of
// them, and in a Cluster no later write to another master vouches for these.
func (s *Store) Open(ctx context.Context, ev *event.Event, plan []event.Delivery) (stored []event.Delivery, err error) {
	if err := checkPlan(ev, plan); err != nil {
		return nil, fmt.Errorf("opening record of event %s: %w", ev.ID, err)
	}
	m, err := encodeMeta(event.Receipt{
		ID: ev.ID, TenantID: ev.TenantID, Type: ev.Type, Source: ev.Source, Platform: ev.Platform, ReceivedAt: ev.ReceivedAt,
	})
	if err != nil {
		return nil, err
	}
	body, err := encodeJSON(ev)
	if err != nil {
		return nil, fmt.Errorf("encoding event %s: %w", ev.ID, err)
	}
	args := []any{version, m, body}
	for _, d := range plan {
		value, err := encodeDelivery(d)
		if err != nil {
			return nil, err
		}
		args = append(args, value)
	}
	ctx = ack.Required(ctx)
	listed := s.now()
	if err := s.listEvent(ctx, ev.TenantID, ev.ID, ev.ReceivedAt); err != nil {
		return nil, err
	}
	values, err := openScript.Run(ctx, s.rdb, []string{recordKey(ev.ID)}, args...).Slice()
	if err != nil {
		return nil, fmt.Errorf("opening record of event %s: %w", ev.ID, err)
	}
	if stored, err = decodeOpened(ev.ID, values); err != nil {
		return nil, err
	}
	if s.tooLate(listed) {
		if err := s.listEvent(ctx, ev.TenantID, ev.ID, ev.ReceivedAt); err != nil {
			return nil, err
		}
	}
	return stored, nil
}

func checkPlan(ev *event.Event, plan []event.Delivery) error {
	if ev.TenantID == "" {
		return errors.New("it has no tenant")
	}
	if len(plan) == 0 {
		return errors.New("it has no delivery")
	}
	for i, d := range plan {
		if d.EventID != ev.ID || d.N != i || d.State.Final() {
			return fmt.Errorf("delivery %d is of event %q, number %d, state %q", i, d.EventID, d.N, d.State)
		}
	}
	return nil
}

func decodeOpened(eventID string, values []any) ([]event.Delivery, error) {
	if len(values) == 0 {
		return nil, fmt.Errorf("event %s: %w", eventID, errCorrupt)
	}
	if err := checkVersion(eventID, values[0]); err != nil {
		return nil, err
	}
	out, _, err := decodeDeliveries(eventID, values[1:])
	return out, err
}

// decodeDeliveries decodes the values of an event's first deliveries and counts
// those that were deleted, which are left out.
func decodeDeliveries(eventID string, values []any) (out []event.Delivery, gone int, err error) {
	for i, v := range values {
		value, ok := v.(string)
		if !ok {
			return nil, 0, fmt.Errorf("delivery %d of event %s: %w", i, eventID, errCorrupt)
		}
		if deleted(value) {
			gone++
			continue
		}
		d, err := decodeDelivery(eventID, i, value)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, d)
	}
	return out, gone, nil
}

// Settle makes the record of an event that is delivered to nobody: a repeat or
// an unrouted one. A record that is there already stays, and its deliveries are
// returned as they stand now: an earlier run may have planned some and died
// before anybody was asked to make them. It is marked with [ack.Required]: the
// caller ends the event's task, and this is all that is left of the event then.
func (s *Store) Settle(ctx context.Context, r event.Receipt) (stood []event.Delivery, err error) {
	m, err := encodeMeta(r)
	if err != nil {
		return nil, err
	}
	ctx = ack.Required(ctx)
	values, err := settleScript.Run(ctx, s.rdb, []string{recordKey(r.ID)}, version, m, millis(s.keep.Load().receipts)).Slice()
	if err != nil {
		return nil, fmt.Errorf("settling event %s: %w", r.ID, err)
	}
	if stood, err = decodeOpened(r.ID, values); err != nil || len(stood) == 0 {
		return nil, err
	}
	if err := s.listEvent(ctx, r.TenantID, r.ID, r.ReceivedAt); err != nil {
		return nil, err
	}
	return stood, nil
}

// Stands reports whether there is a record of an event that was received at since
// or later, once that is confirmed as far as the acknowledgement level goes. It is
// true also if so much time has passed that the record may have ended.
func (s *Store) Stands(ctx context.Context, eventID string, since time.Time) (bool, error) {
	if s.now().Sub(since) >= s.keep.Load().receipts {
		return true, nil
	}
	// TOUCH counts the keys that exist; a command that only reads is not confirmed.
	n, err := s.rdb.Touch(ack.Required(ctx), recordKey(eventID)).Result()
	if err != nil {
		return false, fmt.Errorf("looking for the record of event %s: %w", eventID, err)
	}
	return n == 1, nil
}

// Load returns the event and its nth delivery. The event is nil once the record
// no longer keeps it; every delivery of it that was not deleted is delivered then. The error is
// [ErrNotFound] if there is no such delivery.
func (s *Store) Load(ctx context.Context, eventID string, n int) (*event.Event, event.Delivery, error) {
	values, err := s.rdb.HMGet(ctx, recordKey(eventID), fieldVersion, fieldEvent, fieldDelivery(n)).Result()
	if err != nil {
		return nil, event.Delivery{}, fmt.Errorf("loading event %s: %w", eventID, err)
	}
	if err := checkVersion(eventID, values[0]); err != nil {
		return nil, event.Delivery{}, err
	}
	value, ok := values[2].(string)
	if !ok || deleted(value) {
		return nil, event.Delivery{}, fmt.Errorf("delivery %d of event %s: %w", n, eventID, ErrNotFound)
	}
	d, err := decodeDelivery(eventID, n, value)
	if err != nil {
		return nil, event.Delivery{}, err
	}
	body, ok := values[1].(string)
	switch {
	case !ok && d.State == event.StateDelivered:
		return nil, d, nil
	case !ok:
		return nil, event.Delivery{}, fmt.Errorf("event %s: %w", eventID, errCorrupt)
	}
	ev := new(event.Event)
	if err := json.Unmarshal([]byte(body), ev); err != nil {
		return nil, event.Delivery{}, fmt.Errorf("decoding event %s: %w", eventID, err)
	}
	return ev, d, nil
}

// Record writes what became of a delivery of the tenant's event. It must have
// succeeded before the delivery's task is done; until then it is called again.
// Writing again what stands there is no error and puts the delivery back on the
// list it belongs to. The error is [ErrStale] if the delivery is delivered or
// dead already, was deleted, or is in another round, and [ErrNotFound] if there is no record:
// nothing is left to be done then.
//
// It is not marked with [ack.Required]: what was there before says that the
// delivery is open, and to lose the news costs another send, never the delivery.
// To wait for replicas would make every delivery slower to save that.
func (s *Store) Record(ctx context.Context, tenantID string, d event.Delivery) error {
	if d.State == event.StateDead && d.DeadAt.IsZero() {
		return fmt.Errorf("recording delivery %s: it is dead and does not say since when", d.ID())
	}
	value, err := encodeDelivery(d)
	if err != nil {
		return err
	}
	k := s.keep.Load()
	stands, err := recordScript.Run(ctx, s.rdb, []string{recordKey(d.EventID)},
		d.N, d.Round, value, millis(k.receipts), millis(k.dead), version).Int()
	switch {
	case err != nil:
		return fmt.Errorf("recording delivery %s: %w", d.ID(), err)
	case stands == -2:
		return fmt.Errorf("recording delivery %s: its record has another layout than %s, which this version writes", d.ID(), version)
	case stands < 0:
		return fmt.Errorf("recording delivery %s: %w", d.ID(), ErrNotFound)
	case stands == 0:
		return fmt.Errorf("recording delivery %s: %w", d.ID(), ErrStale)
	case stands == 2:
		s.closed.add(closedEvent{tenantID, d.EventID, s.now()})
	}
	switch {
	case d.State == event.StateDead:
		return s.listDead(ctx, tenantID, d)
	case d.State == event.StateDelivered && d.Round > 1: // it was dead in an earlier round
		return s.unlistDead(ctx, tenantID, d)
	}
	return nil
}

// millis is d for Redis; what is shorter than a millisecond, but not 0, is one.
func millis(d time.Duration) string {
	ms := d.Milliseconds()
	if ms == 0 && d > 0 {
		ms = 1
	}
	return strconv.FormatInt(ms, 10)
}
