package receipt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/event"
)

const (
	// weighed is how many dead deliveries of a channel type are weighed at most.
	weighed = 20

	// deadEntryBytes is what a place on a list of the dead takes. See the table of
	// docs/guarantees.md.
	deadEntryBytes = 135
)

// DeadLetterBytes estimates what the tenants' dead deliveries take of Redis'
// memory, by channel type: their number times the mean of a random sample. An
// event's record is shared between all that is dead of it, and counts with the
// deliveries that were delivered. Every type asked for is in the answer.
func (s *Store) DeadLetterBytes(ctx context.Context, tenantIDs, channelTypes []string) (map[string]int64, error) {
	counts, err := s.countDead(ctx, tenantIDs, channelTypes, "-inf")
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, typ := range channelTypes {
		total := 0
		for _, n := range counts[typ] {
			total += n
		}
		out[typ] = 0
		if total == 0 {
			continue
		}
		sample, err := s.sampleDead(ctx, tenantIDs, typ, counts[typ], total)
		if err != nil {
			return nil, err
		}
		mean, err := s.meanBytes(ctx, sample)
		if err != nil {
			return nil, err
		}
		out[typ] = int64(float64(total) * (mean + deadEntryBytes))
	}
	return out, nil
}

// sampleDead picks dead deliveries, each of all the tenants' as likely as any.
func (s *Store) sampleDead(ctx context.Context, tenantIDs []string, typ string, counts []int, total int) ([]string, error) {
	share := make([]int, len(tenantIDs))
	for range min(weighed, total) {
		at, i := rand.IntN(total), 0
		for ; at >= counts[i]; i++ {
			at -= counts[i]
		}
		share[i]++
	}
	var cmds []*redis.StringSliceCmd
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, n := range share {
			if n > 0 {
				cmds = append(cmds, p.ZRandMember(ctx, deadKey(tenantIDs[i], typ), n))
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("picking dead deliveries: %w", err)
	}
	var out []string
	for _, cmd := range cmds {
		out = append(out, cmd.Val()...)
	}
	return out, nil
}

// meanBytes is the mean size of the records of these dead deliveries, as far as
// they are still dead; 0 if none is.
func (s *Store) meanBytes(ctx context.Context, ids []string) (float64, error) {
	var events []string
	for _, id := range ids {
		if ev, _, ok := event.ParseDeliveryID(id); ok {
			events = append(events, ev)
		}
	}
	if len(events) == 0 {
		return 0, nil
	}
	recs, odd, err := s.readEach(ctx, events)
	if err != nil {
		return 0, err
	}
	sizes := make([]*redis.IntCmd, len(events))
	_, err = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range events {
			sizes[i] = p.MemoryUsage(ctx, recordKey(id))
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, fmt.Errorf("weighing records: %w", err)
	}
	sum, n := 0.0, 0
	for i, rec := range recs {
		dead := float64(len(deadOf(rec)))
		if odd[i] != nil { // it takes room all the same
			dead = 1
		}
		if dead > 0 {
			sum += float64(sizes[i].Val()) / dead
			n++
		}
	}
	if n == 0 {
		return 0, nil
	}
	return sum / float64(n), nil
}
