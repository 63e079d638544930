package receipt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/event"
)

// The index of the open finds deliveries that nobody works on any more, because
// their task vanished: a failover lost it, somebody deleted it, an event's worker
// died and its task with it. A tenant has one, and not all tenants together or a
// fixed number of shards, because so it is written by the very script that lists
// the event, in the same hash slot: no request more for an event, on one Redis as
// in a Cluster, where tenants also spread over the masters. The price is that
// somebody must know the tenants: tenantsKey lists them, also those that have
// left the file (see tenants.go).
//
// Every event with an open delivery is on the index. It may name more:
//
//   - It is written before the record, and before a replay opens one again.
//   - An event of which all is delivered or deleted is never open again, unless a
//     failover takes that from its record. It is taken off some seconds later, or
//     by the next look at the index. To lose that is to look at its record once more.
//   - An event that ended with something dead may be replayed at any moment. Only
//     who looks at it takes it off, and only under the score that he gave it
//     himself: every write to the entry gives it another, and puts off the look
//     until what it announces has happened. So a replay may put off by half a
//     minute the look at another delivery of the same event.
const (
	// lookAfter is for how long after a delivery should have been attempted it is
	// left to its task, and then the time between two looks at it.
	lookAfter = 30 * time.Second

	// lookBatch is how many events are taken and read at a time.
	lookBatch = 100
)

// lookAt is the score of an entry that is written now.
func (s *Store) lookAt() int64 { return s.now().Add(lookAfter).UnixMicro() }

// tooLate reports whether a record is written so long after its event was put on
// the index that somebody may have looked meanwhile and taken it off.
func (s *Store) tooLate(listed time.Time) bool { return s.now().Sub(listed) > lookAfter/2 }

// reopen puts an event on the index again.
func (s *Store) reopen(ctx context.Context, tenantID, eventID string) error {
	if err := s.enrol(ctx, tenantID); err != nil {
		return err
	}
	if err := reopenScript.Run(ctx, s.rdb, []string{openKey(tenantID)}, eventID, s.lookAt()).Err(); err != nil {
		return fmt.Errorf("putting event %s among the open: %w", eventID, err)
	}
	return nil
}

// Overdue returns open deliveries that should have been attempted half a minute
// ago or earlier. Most wait for a worker in a long queue: the caller must find
// out. What is returned is not returned again, to nobody, for half a minute, so
// that several workers share the work.
//
// An event is looked at once half a minute after its fan-out and once after each
// time set for a retry, so what waits for a retry costs nothing meanwhile. limit
// bounds the work, spread over the tenants that have something due: every event
// looked at and every delivery returned count as one. The deliveries of one event
// and the last batch may go beyond it.
//
// With an error it returns what it found all the same: a master of a Cluster that
// does not answer holds up nothing of the others, and a record that this version
// cannot read nothing but itself. Both stay on the index.
func (s *Store) Overdue(ctx context.Context, limit int) (out []event.Delivery, err error) {
	err = s.flushClosed(ctx)
	due, dueErr := s.tenantsDue(ctx)
	err = errors.Join(err, dueErr)
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	for len(due) > 0 {
		var more []string
		share := min(max(limit/(2*len(due)), 1), lookBatch) // half for what is found
		for _, tenantID := range due {
			if limit <= 0 || ctx.Err() != nil {
				return out, errors.Join(err, ctx.Err())
			}
			n := min(share, limit)
			looked, found, lookErr := s.look(ctx, tenantID, n)
			out = append(out, found...)
			err = errors.Join(err, lookErr)
			limit -= looked + len(found)
			if looked == n {
				more = append(more, tenantID)
			}
		}
		due = more
	}
	return out, err
}

// look looks at up to n events of the tenant's that are due for it. With an error
// it returns what it found all the same.
func (s *Store) look(ctx context.Context, tenantID string, n int) (looked int, found []event.Delivery, err error) {
	index, now := []string{openKey(tenantID)}, s.now()
	taken := now.Add(lookAfter).UnixMicro()
	ids, err := takeScript.Run(ctx, s.rdb, index, now.UnixMicro(), taken, n).StringSlice()
	if err != nil {
		return 0, nil, fmt.Errorf("taking events to look at: %w", err)
	}
	if len(ids) == 0 {
		return 0, nil, nil
	}
	recs, odd, err := s.readEach(ctx, ids)
	if err != nil {
		return len(ids), nil, err
	}
	args := []any{taken}
	var over []string // nothing of them is open
	var dead []event.Delivery
	for i, rec := range recs {
		if odd[i] != nil {
			err = errors.Join(err, odd[i])
			continue
		}
		late, again := overdue(rec, now)
		found = append(found, late...)
		dead = append(dead, deadOf(rec)...)
		switch {
		case len(late) > 0: // stays as it was taken
		case again.IsZero():
			over = append(over, ids[i])
		default:
			args = append(args, ids[i], again.UnixMicro())
		}
	}
	// Before the entry goes, which would bring us here again.
	if deadErr := s.relistDead(ctx, tenantID, dead); deadErr != nil {
		return len(ids), found, errors.Join(err, deadErr)
	}
	sure, sureErr := s.surelyOver(ctx, over)
	err = errors.Join(err, sureErr)
	for i, rec := range sure { // the others stay as they were taken
		if rec != nil {
			args = append(args, over[i], "")
		}
	}
	if len(args) > 1 {
		if lookedErr := lookedScript.Run(ctx, s.rdb, index, args...).Err(); lookedErr != nil {
			err = errors.Join(err, fmt.Errorf("putting back events that were looked at: %w", lookedErr))
		}
	}
	return len(ids), found, err
}

// overdue returns the record's deliveries that are overdue, and when the first of
// the others will be: zero if none of them is open. A nil record has none.
func overdue(rec *event.Receipt, now time.Time) (late []event.Delivery, again time.Time) {
	if rec == nil {
		return nil, time.Time{}
	}
	for _, d := range rec.Deliveries {
		if d.State.Final() {
			continue
		}
		due := d.RoundAt
		if d.NextAttemptAt.After(due) {
			due = d.NextAttemptAt
		}
		due = due.Add(lookAfter)
		switch {
		case !due.After(now):
			late = append(late, d)
		case again.IsZero() || due.Before(again):
			again = due
		}
	}
	return late, again
}

func deadOf(rec *event.Receipt) (dead []event.Delivery) {
	if rec == nil {
		return nil
	}
	for _, d := range rec.Deliveries {
		if d.State == event.StateDead {
			dead = append(dead, d)
		}
	}
	return dead
}

// relistDead lists those of the dead deliveries that are on no list: whoever
// recorded them died before listing them, and the task is gone.
func (s *Store) relistDead(ctx context.Context, tenantID string, dead []event.Delivery) error {
	if len(dead) == 0 {
		return nil
	}
	scores := make([]*redis.FloatCmd, len(dead))
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, d := range dead {
			scores[i] = p.ZScore(ctx, deadKey(tenantID, d.ChannelType), d.ID())
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("looking for the dead on their lists: %w", err)
	}
	for i, cmd := range scores {
		if !errors.Is(cmd.Err(), redis.Nil) {
			continue
		}
		if err := s.listDead(ctx, tenantID, dead[i]); err != nil {
			return err
		}
	}
	return nil
}
