package receipt

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/ack"
)

// forgetTenantAfter is for how long no worker may have said that it lists events
// of a tenant before the tenant is dropped from the list, once nothing of it is
// open. Whoever knows a tenant says so at every pass, so that what a failover took
// from the list comes back.
const forgetTenantAfter = 30 * 24 * time.Hour

// enrol puts the tenant on the list of tenants before the first of its events is
// put on an index. Later ones cost nothing.
func (s *Store) enrol(ctx context.Context, tenantID string) error {
	if _, ok := s.enrolled.Load(tenantID); ok {
		return nil
	}
	z := redis.Z{Score: float64(s.now().UnixMicro()), Member: tenantID}
	if err := s.rdb.ZAdd(ack.Required(ctx), tenantsKey, z).Err(); err != nil {
		return fmt.Errorf("noting tenant %s: %w", tenantID, err)
	}
	s.enrolled.Store(tenantID, true)
	return nil
}

// tenantsDue returns the tenants that have events to look at, with an error also
// those that it could find out about.
func (s *Store) tenantsDue(ctx context.Context) (due []string, err error) {
	now := s.now()
	var known []redis.Z
	s.enrolled.Range(func(id, _ any) bool {
		known = append(known, redis.Z{Score: float64(now.UnixMicro()), Member: id})
		return true
	})
	if len(known) > 0 {
		if err := s.rdb.ZAdd(ctx, tenantsKey, known...).Err(); err != nil {
			return nil, fmt.Errorf("noting tenants: %w", err)
		}
	}
	tenants, err := s.rdb.ZRangeWithScores(ctx, tenantsKey, 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("reading the list of tenants: %w", err)
	}
	first := make([]*redis.ZSliceCmd, len(tenants))
	_, err = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, t := range tenants {
			first[i] = p.ZRangeWithScores(ctx, openKey(t.Member.(string)), 0, 0)
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("looking for events to look at: %w", err)
	}
	for i, t := range tenants {
		id := t.Member.(string)
		head := first[i].Val()
		switch {
		case first[i].Err() != nil: // its master does not answer
		case len(head) > 0 && int64(head[0].Score) <= now.UnixMicro():
			due = append(due, id)
		case err == nil && len(head) == 0 && int64(t.Score) < now.Add(-forgetTenantAfter).UnixMicro():
			if err := unindexScript.Run(ctx, s.rdb, []string{tenantsKey}, id, int64(t.Score)).Err(); err != nil {
				return due, fmt.Errorf("dropping tenant %s, which has left: %w", id, err)
			}
		}
	}
	return due, err
}
