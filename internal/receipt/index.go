package receipt

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/event"
)

// listEvent puts the event on the tenant's list and on its index of the open.
// Events stay on the list for twice the retention from when they were received,
// which leaves one retention for being open; older dead deliveries are on the
// lists of the dead alone.
func (s *Store) listEvent(ctx context.Context, tenantID, eventID string, receivedAt time.Time) error {
	if err := s.enrol(ctx, tenantID); err != nil {
		return err
	}
	at, span := receivedAt.UnixMicro(), 2*s.keep.Load().receipts
	args := []any{
		eventID, at,
		at - span.Microseconds(), // by the event's own time and not by a clock: a backlog is not cut off
		millis(span), s.lookAt(),
	}
	if err := listScript.Run(ctx, s.rdb, []string{eventsKey(tenantID), openKey(tenantID)}, args...).Err(); err != nil {
		return fmt.Errorf("listing event %s: %w", eventID, err)
	}
	return nil
}

// listDead puts a dead delivery on its list.
func (s *Store) listDead(ctx context.Context, tenantID string, d event.Delivery) error {
	at, span := d.DeadAt.UnixMicro(), 2*s.keep.Load().dead
	keys := []string{deadTypesKey(tenantID), deadKey(tenantID, d.ChannelType)}
	err := deadScript.Run(ctx, s.rdb, keys, d.ChannelType, d.ID(), at, millis(span), at-span.Microseconds()).Err()
	if err != nil {
		return fmt.Errorf("listing dead delivery %s: %w", d.ID(), err)
	}
	return nil
}

// unlistDead takes a delivery that is dead no more, and never will be, off its list.
func (s *Store) unlistDead(ctx context.Context, tenantID string, d event.Delivery) error {
	if err := s.rdb.ZRem(ctx, deadKey(tenantID, d.ChannelType), d.ID()).Err(); err != nil {
		return fmt.Errorf("taking delivery %s off the dead: %w", d.ID(), err)
	}
	return nil
}

// heal takes a delivery that its record does not call dead off the list, if it
// is there with the score it was read with. If it has died again since, the
// score is another one.
func (s *Store) heal(ctx context.Context, tenantID, channelType string, e entry) error {
	key := deadKey(tenantID, channelType)
	if err := unindexScript.Run(ctx, s.rdb, []string{key}, e.member, e.score).Err(); err != nil {
		return fmt.Errorf("taking delivery %s off the dead: %w", e.member, err)
	}
	return nil
}

// DeadLetters counts the tenants' dead deliveries by channel type. Every type
// asked for is in the answer. The count is that of the lists: it may run ahead
// of the records for a moment.
func (s *Store) DeadLetters(ctx context.Context, tenantIDs []string, channelTypes []string) (map[string]int, error) {
	since := "-inf"
	if dead := s.keep.Load().dead; dead > 0 {
		since = fmt.Sprint(s.now().Add(-dead).UnixMicro())
	}
	perTenant, err := s.countDead(ctx, tenantIDs, channelTypes, since)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, typ := range channelTypes {
		counts[typ] = 0
		for _, n := range perTenant[typ] {
			counts[typ] += n
		}
	}
	return counts, nil
}

// countDead counts for each channel type, tenant by tenant, those that died since
// a score.
func (s *Store) countDead(ctx context.Context, tenantIDs, channelTypes []string, since string) (map[string][]int, error) {
	var cmds []*redis.IntCmd
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, typ := range channelTypes {
			for _, tenant := range tenantIDs {
				cmds = append(cmds, p.ZCount(ctx, deadKey(tenant, typ), since, "+inf"))
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("counting dead deliveries: %w", err)
	}
	counts := map[string][]int{}
	for _, typ := range channelTypes {
		for range tenantIDs {
			counts[typ] = append(counts[typ], int(cmds[0].Val()))
			cmds = cmds[1:]
		}
	}
	return counts, nil
}
