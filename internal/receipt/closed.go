package receipt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"accessrelay/internal/ack"
	"accessrelay/internal/event"
)

const (
	// closeAfter is how old the news must be that an event is closed before the
	// event leaves the index. Index and record are on different masters of a
	// Cluster, and a failover can take the outcome from the record: the event must
	// be on the index still then.
	closeAfter = 10 * time.Second

	// closedMost is how many closed events are remembered. What exceeds it is
	// looked at instead.
	closedMost = 100_000
)

// closed collects events of which nothing will ever be open again, until they
// leave the index together. They are lost with the process, which costs a look at
// the record of each.
type closed struct {
	mu     sync.Mutex
	events []closedEvent // in the order of their time
}

type closedEvent struct {
	tenantID, id string
	at           time.Time
}

func (c *closed) add(e closedEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.events) < closedMost {
		c.events = append(c.events, e)
	}
}

// take hands out what was closed before that time, by tenant.
func (c *closed) take(before time.Time) map[string][]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := slices.IndexFunc(c.events, func(e closedEvent) bool { return !e.at.Before(before) })
	if n < 0 {
		n = len(c.events)
	}
	byTenant := map[string][]string{}
	for _, e := range c.events[:n] {
		byTenant[e.tenantID] = append(byTenant[e.tenantID], e.id)
	}
	c.events = slices.Delete(c.events, 0, n)
	return byTenant
}

// flushClosed takes off the index what was closed some time ago and is so still.
// What it could not take off is left for a look.
func (s *Store) flushClosed(ctx context.Context) (err error) {
	for tenantID, ids := range s.closed.take(s.now().Add(-closeAfter)) {
		for batch := range slices.Chunk(ids, lookBatch) {
			sure, sureErr := s.surelyOver(ctx, batch)
			err = errors.Join(err, sureErr) // one master's trouble is not the others'
			var members []any
			for i, rec := range sure {
				if rec != nil && len(deadOf(rec)) == 0 { // something dead may be replayed at any moment
					members = append(members, batch[i])
				}
			}
			if len(members) == 0 {
				continue
			}
			if remErr := s.rdb.ZRem(ctx, openKey(tenantID), members...).Err(); remErr != nil {
				err = errors.Join(err, fmt.Errorf("taking events off the index of the open: %w", remErr))
			}
		}
	}
	return err
}

// surelyOver reads those of the records of which nothing is open, and returns
// once no failover can undo that, as far as the acknowledgement level goes. The
// others are nil; one that is gone is empty.
func (s *Store) surelyOver(ctx context.Context, ids []string) ([]*event.Receipt, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	recs, odd, err := s.readEach(ack.Required(ctx), ids)
	if err != nil {
		return nil, err
	}
	for i, rec := range recs {
		switch {
		case odd[i] != nil: // nil already
		case rec == nil:
			recs[i] = &event.Receipt{ID: ids[i]}
		case slices.ContainsFunc(rec.Deliveries, func(d event.Delivery) bool { return !d.State.Final() }):
			recs[i] = nil
		}
	}
	return recs, nil
}
