package receipt

import (
	"context"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/event"
)

// corpse is an entry of a list of the dead.
type corpse struct {
	entry
	channelType string
}

func (s *Store) listOfDead(ctx context.Context, q Query) (items []Item, next string, err error) {
	cur, err := parseCursor(q.Cursor, walkDead)
	if err != nil {
		return nil, "", err
	}
	types, err := s.rdb.SMembers(ctx, deadTypesKey(q.TenantID)).Result()
	if err != nil {
		return nil, "", fmt.Errorf("reading the channel types of the dead: %w", err)
	}
	batch := q.batch()
	m := merge{store: s, tenantID: q.TenantID, batch: batch}
	for _, t := range types {
		m.lists = append(m.lists, &list{channelType: t, cur: cur})
	}
	for scanned := 0; scanned < s.budget; scanned += batch {
		found, err := m.next(ctx)
		if err != nil {
			return nil, "", err
		}
		last := len(found) < batch
		recs, err := s.readDead(ctx, q.TenantID, found)
		if err != nil {
			return nil, "", err
		}
		for i, c := range found {
			cur = cursor{Walk: walkDead, Score: c.score, Member: c.member}
			if recs[i] == nil {
				if err := s.heal(ctx, q.TenantID, c.channelType, c.entry); err != nil {
					return nil, "", err
				}
				continue
			}
			if !q.wants(recs[i].Delivery) {
				continue
			}
			items = append(items, *recs[i])
			if len(items) == q.limit() {
				if last && i == len(found)-1 {
					return items, "", nil
				}
				return items, cur.String(), nil
			}
		}
		if last {
			return items, "", nil
		}
	}
	return items, cur.String(), nil
}

// readDead reads the deliveries that found names. One that its record does not
// call dead is nil.
func (s *Store) readDead(ctx context.Context, tenantID string, found []corpse) ([]*Item, error) {
	events, ns := make([]string, len(found)), make([]int, len(found))
	for i, c := range found {
		events[i], ns[i], _ = event.ParseDeliveryID(c.member) // of something else: no record
	}
	cmds, err := s.pipeline(ctx, len(found), func(p redis.Pipeliner, i int) *redis.SliceCmd {
		return p.HMGet(ctx, recordKey(events[i]), fields(ns[i], ns[i]+1, fieldVersion, fieldMeta, fieldCount)...)
	})
	if err != nil {
		return nil, err
	}
	items := make([]*Item, len(found))
	for i, cmd := range cmds {
		v := cmd.Val()
		value, ok := v[3].(string)
		if !ok || deleted(value) {
			continue
		}
		rec, _, err := decodeHead(events[i], v)
		if err != nil {
			return nil, err
		}
		d, err := decodeDelivery(events[i], ns[i], value)
		if err != nil {
			return nil, err
		}
		if d.State == event.StateDead && rec.TenantID == tenantID {
			items[i] = &Item{d, rec.Type}
		}
	}
	return items, nil
}

// merge reads the lists of several channel types as one.
type merge struct {
	store    *Store
	tenantID string
	batch    int
	lists    []*list
}

// list is one channel type's, read in pages.
type list struct {
	channelType string
	cur         cursor
	ahead       []entry // read, not yet taken
	read        bool    // to its end
}

// next returns the next batch; fewer than that are the last.
func (m *merge) next(ctx context.Context) ([]corpse, error) {
	var out []corpse
	for len(out) < m.batch {
		var top *list
		for _, l := range m.lists {
			if err := m.fill(ctx, l); err != nil {
				return nil, err
			}
			if len(l.ahead) > 0 && (top == nil || above(l.ahead[0], top.ahead[0]) < 0) {
				top = l
			}
		}
		if top == nil {
			break
		}
		out = append(out, corpse{top.ahead[0], top.channelType})
		top.ahead = slices.Delete(top.ahead, 0, 1)
	}
	return out, nil
}

func (m *merge) fill(ctx context.Context, l *list) error {
	if len(l.ahead) > 0 || l.read {
		return nil
	}
	entries, err := m.store.page(ctx, deadKey(m.tenantID, l.channelType), l.cur, m.batch)
	if err != nil {
		return err
	}
	l.ahead, l.read = entries, len(entries) < m.batch
	if n := len(entries); n > 0 {
		l.cur = cursor{Walk: walkDead, Score: entries[n-1].score, Member: entries[n-1].member}
	}
	return nil
}
