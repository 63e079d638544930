package receipt

import (
	"context"
	"fmt"
	"sync"

	"github.com/redis/go-redis/v9"
)

// closedBatch is how many events of a tenant's leave the index of the open at a time.
const closedBatch = 64

// closed collects events of which nothing will ever be open again, until they
// leave the index together. They are lost with the process, which costs a look at
// the record of each.
type closed struct {
	mu       sync.Mutex
	byTenant map[string][]string
}

// add reports whether a whole batch of the tenant's waits.
func (c *closed) add(tenantID, eventID string) (full bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byTenant == nil {
		c.byTenant = map[string][]string{}
	}
	c.byTenant[tenantID] = append(c.byTenant[tenantID], eventID)
	return len(c.byTenant[tenantID]) >= closedBatch
}

// take hands out what waits of one tenant's.
func (c *closed) take(tenantID string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := c.byTenant[tenantID]
	delete(c.byTenant, tenantID)
	return ids
}

// takeAll hands out everything.
func (c *closed) takeAll() map[string][]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.byTenant
	c.byTenant = nil
	return all
}

// forgetOpen takes an event off the index of the open, not necessarily at once:
// with the next event that is listed, if there is one soon.
func (s *Store) forgetOpen(ctx context.Context, tenantID, eventID string) {
	if !s.closed.add(tenantID, eventID) {
		return
	}
	if ids := s.closed.take(tenantID); len(ids) > 0 {
		// An error costs a look at these records: the recording has succeeded.
		_ = s.rdb.ZRem(ctx, openKey(tenantID), members(ids)...).Err()
	}
}

// flushClosed takes off the index what was kept back.
func (s *Store) flushClosed(ctx context.Context) error {
	all := s.closed.takeAll()
	if len(all) == 0 {
		return nil
	}
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for tenantID, ids := range all {
			p.ZRem(ctx, openKey(tenantID), members(ids)...)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("taking events off the index of the open: %w", err)
	}
	return nil
}

func members(ids []string) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = id
	}
	return out
}
