package receipt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/ack"
	"accessrelay/internal/event"
)

// Delivery returns the nth delivery of the tenant's event. The error is
// [ErrNotFound] if there is none, or it is another tenant's.
func (s *Store) Delivery(ctx context.Context, tenantID, eventID string, n int) (event.Delivery, error) {
	v, err := s.rdb.HMGet(ctx, recordKey(eventID), fieldVersion, fieldMeta, fieldDelivery(n)).Result()
	if err != nil {
		return event.Delivery{}, fmt.Errorf("reading delivery %d of event %s: %w", n, eventID, err)
	}
	if err := ownedBy(tenantID, eventID, v[0], v[1]); err != nil {
		return event.Delivery{}, err
	}
	value, ok := v[2].(string)
	if !ok || deleted(value) {
		return event.Delivery{}, fmt.Errorf("delivery %d of event %s: %w", n, eventID, ErrNotFound)
	}
	return decodeDelivery(eventID, n, value)
}

// ownedBy is nil for a record of the tenant's, given its version and meta.
func ownedBy(tenantID, eventID string, version, meta any) error {
	if err := checkVersion(eventID, version); err != nil {
		return err
	}
	text, ok := meta.(string)
	if !ok {
		return fmt.Errorf("event %s: %w", eventID, errCorrupt)
	}
	r, err := decodeMeta(eventID, text)
	if err == nil && r.TenantID != tenantID {
		err = fmt.Errorf("event %s of this tenant: %w", eventID, ErrNotFound)
	}
	return err
}

// Replay begins the next round of d, a dead delivery of the tenant's as it was
// read: it is pending again, with all its retries, from now. Attempts and the
// last error stay. Whoever asks for a replay first enqueues the task of that
// round, which does what is left of this if nobody else does. The event is on the
// index of the open again before the delivery is.
//
// To begin a round that has begun already is no error. The error is [ErrNotDead]
// if d is not dead, and [ErrNotFound] if it is gone.
func (s *Store) Replay(ctx context.Context, tenantID string, d event.Delivery) error {
	if d.State != event.StateDead {
		return fmt.Errorf("replaying delivery %s: %w", d.ID(), ErrNotDead)
	}
	next := d
	next.Round++
	next.State, next.RetriesUsed, next.RoundAt = event.StatePending, 0, s.now().UTC()
	next.NextAttemptAt, next.DeadAt = time.Time{}, time.Time{}
	next.Turn, next.Recipients = 0, again(d.Recipients)
	value, err := encodeDelivery(next)
	if err != nil {
		return err
	}
	// Read before the record is seen to be not dead, the place on the list is
	// that of an earlier death. If the delivery dies again meanwhile it gets
	// another, which stays.
	key := deadKey(tenantID, d.ChannelType)
	score, err := s.rdb.ZScore(ctx, key, d.ID()).Result()
	listed := err == nil
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("replaying delivery %s: %w", d.ID(), err)
	}
	ctx = ack.Required(ctx)
	began := s.now()
	if err := s.reopen(ctx, tenantID, d.EventID); err != nil {
		return fmt.Errorf("replaying delivery %s: %w", d.ID(), err)
	}
	stands, err := replayScript.Run(ctx, s.rdb, []string{recordKey(d.EventID)}, d.N, d.Round, value).Int()
	if err == nil && s.tooLate(began) {
		err = s.reopen(ctx, tenantID, d.EventID)
	}
	switch {
	case err != nil:
		return fmt.Errorf("replaying delivery %s: %w", d.ID(), err)
	case stands < 0:
		return fmt.Errorf("replaying delivery %s: %w", d.ID(), ErrNotFound)
	case stands == 0:
		return fmt.Errorf("replaying delivery %s: %w", d.ID(), ErrNotDead)
	case stands == 1 && listed:
		return s.heal(ctx, tenantID, d.ChannelType, entry{d.ID(), int64(score)})
	}
	return nil
}

// again is how recipients stand when a delivery begins anew: whoever has it keeps
// it, the others are to be told, also who refused it for good.
func again(recipients []event.Recipient) []event.Recipient {
	out := slices.Clone(recipients)
	for i := range out {
		if out[i].State != event.StateDelivered {
			out[i].State = event.StatePending
		}
	}
	return out
}

// Delete removes a dead delivery of the tenant's for good. Its receipt no longer
// shows it, but its event's status still counts it as dead. Once nothing of an
// event is open or dead its text is dropped, and the rest of its record kept for
// [Retention.Receipts].
//
// The error is [ErrNotDead] for a delivery that is open or delivered, and
// [ErrNotFound] if there is none, no longer, or it is another tenant's.
func (s *Store) Delete(ctx context.Context, tenantID, eventID string, n int) error {
	id := event.DeliveryID(eventID, n)
	v, err := s.rdb.HMGet(ctx, recordKey(eventID), fieldVersion, fieldMeta).Result()
	if err != nil {
		return fmt.Errorf("deleting delivery %s: %w", id, err)
	}
	if err := ownedBy(tenantID, eventID, v[0], v[1]); err != nil {
		return err
	}
	ctx = ack.Required(ctx)
	done, err := deleteScript.Run(ctx, s.rdb, []string{recordKey(eventID)}, n, millis(s.keep.Load().receipts)).Int()
	switch {
	case err != nil:
		return fmt.Errorf("deleting delivery %s: %w", id, err)
	case done < 0:
		return fmt.Errorf("deleting delivery %s: %w", id, ErrNotFound)
	case done == 0:
		return fmt.Errorf("deleting delivery %s: %w", id, ErrNotDead)
	}
	// Also if it was deleted before: whoever did may have died before this.
	if err := s.forget(ctx, tenantID, id); err != nil {
		return err
	}
	if done == 2 {
		return fmt.Errorf("deleting delivery %s again: %w", id, ErrNotFound)
	}
	return nil
}

// forget takes a delivery that is deleted off the list of the dead, which is
// that of its channel type: the record does not say any more of which.
func (s *Store) forget(ctx context.Context, tenantID, id string) error {
	types, err := s.rdb.SMembers(ctx, deadTypesKey(tenantID)).Result()
	if err != nil {
		return fmt.Errorf("reading the channel types of the dead: %w", err)
	}
	if len(types) == 0 {
		return nil
	}
	keys := make([]string, len(types))
	for i, t := range types {
		keys[i] = deadKey(tenantID, t)
	}
	err = forgetScript.Run(ctx, s.rdb, keys, id).Err()
	if err != nil {
		return fmt.Errorf("taking delivery %s off the dead: %w", id, err)
	}
	return nil
}
