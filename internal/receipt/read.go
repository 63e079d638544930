package receipt

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/ack"
	"accessrelay/internal/event"
)

// firstDeliveries is how many deliveries are read with the rest of a record. An
// event with more takes a second round trip.
const firstDeliveries = 8

// Receipt returns what is known of an event, or [ErrNotFound].
func (s *Store) Receipt(ctx context.Context, id string) (event.Receipt, error) {
	recs, err := s.read(ctx, []string{id})
	if err != nil {
		return event.Receipt{}, err
	}
	if recs[0] == nil {
		return event.Receipt{}, fmt.Errorf("event %s: %w", id, ErrNotFound)
	}
	return *recs[0], nil
}

// read reads records without their events, in at most two round trips. A record
// that is not there is nil.
func (s *Store) read(ctx context.Context, ids []string) ([]*event.Receipt, error) {
	recs, odd, err := s.readEach(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, err := range odd {
		if err != nil {
			return nil, err
		}
	}
	return recs, nil
}

// readEach is read for who goes on without the records that cannot be read: odd
// says for each id why its record is nil though it may be there. It is of another
// version, say, or on a master that does not answer.
func (s *Store) readEach(ctx context.Context, ids []string) (recs []*event.Receipt, odd []error, err error) {
	recs, odd = make([]*event.Receipt, len(ids)), make([]error, len(ids))
	cmds, err := s.pipeline(ctx, len(ids), func(p redis.Pipeliner, i int) *redis.SliceCmd {
		read := p.HMGet(ctx, recordKey(ids[i]), fields(0, firstDeliveries, fieldVersion, fieldMeta, fieldCount)...)
		if ack.IsRequired(ctx) {
			p.Touch(ctx, recordKey(ids[i]))
		}
		return read
	})
	if err != nil && !unanswered(cmds, odd) {
		return nil, nil, err
	}
	values := make([][]any, len(ids)) // of the deliveries
	counts := make([]int, len(ids))
	var long []int // records with more deliveries than were read
	for i, cmd := range cmds {
		v := cmd.Val()
		if odd[i] != nil || v[0] == nil {
			continue
		}
		if recs[i], counts[i], odd[i] = decodeHead(ids[i], v); odd[i] != nil {
			recs[i] = nil
			continue
		}
		values[i] = v[3:][:min(counts[i], firstDeliveries)]
		if counts[i] > firstDeliveries {
			long = append(long, i)
		}
	}
	if len(long) > 0 {
		cmds, err := s.pipeline(ctx, len(long), func(p redis.Pipeliner, i int) *redis.SliceCmd {
			return p.HMGet(ctx, recordKey(ids[long[i]]), fields(firstDeliveries, counts[long[i]])...)
		})
		unread := make([]error, len(long))
		if err != nil && !unanswered(cmds, unread) {
			return nil, nil, err
		}
		for k, cmd := range cmds {
			if unread[k] != nil {
				recs[long[k]], odd[long[k]] = nil, unread[k]
				continue
			}
			values[long[k]] = append(values[long[k]], cmd.Val()...)
		}
	}
	for i, rec := range recs {
		if rec == nil {
			continue
		}
		if rec.Deliveries, rec.Deleted, odd[i] = decodeDeliveries(ids[i], values[i]); odd[i] != nil {
			recs[i] = nil
		}
	}
	return recs, odd, nil
}

// unanswered tells which of the commands of a pipeline that failed have no answer,
// and false if none of them says so: then nothing is known of any.
func unanswered(cmds []*redis.SliceCmd, errs []error) (some bool) {
	for i, cmd := range cmds {
		if err := cmd.Err(); err != nil {
			errs[i] = fmt.Errorf("reading a record: %w", err)
			some = true
		}
	}
	return some
}

// decodeHead decodes version, meta and count, the first three values.
func decodeHead(id string, v []any) (*event.Receipt, int, error) {
	if err := checkVersion(id, v[0]); err != nil {
		return nil, 0, err
	}
	m, ok1 := v[1].(string)
	count, ok2 := v[2].(string)
	n, err := strconv.Atoi(count)
	if !ok1 || !ok2 || err != nil || n < 0 {
		return nil, 0, fmt.Errorf("event %s: %w", id, errCorrupt)
	}
	r, err := decodeMeta(id, m)
	return &r, n, err
}

func (s *Store) pipeline(ctx context.Context, n int, cmd func(p redis.Pipeliner, i int) *redis.SliceCmd) ([]*redis.SliceCmd, error) {
	cmds := make([]*redis.SliceCmd, n)
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range cmds {
			cmds[i] = cmd(p, i)
		}
		return nil
	})
	if err != nil {
		return cmds, fmt.Errorf("reading %d records: %w", n, err)
	}
	return cmds, nil
}

// fields are head and the fields of the deliveries from to (exclusive) to.
func fields(from, to int, head ...string) []string {
	for i := from; i < to; i++ {
		head = append(head, fieldDelivery(i))
	}
	return head
}
