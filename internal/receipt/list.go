package receipt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/event"
)

const (
	defaultLimit = 50
	maxLimit     = 500

	// scanBudget bounds the work of one call: how many entries of the lists it
	// looks at, whatever the filter throws away.
	scanBudget = 2000
	maxBatch   = 200
)

// Query asks for deliveries of one tenant. Zero fields do not filter.
type Query struct {
	TenantID  string
	State     event.State
	ChannelID string
	EventID   string
	Cursor    string // of the page before; "": the first page
	Limit     int    // at most this many; 0: 50; never more than 500
}

func (q Query) limit() int {
	if q.Limit <= 0 {
		return defaultLimit
	}
	return min(q.Limit, maxLimit)
}

// batch is how many entries are read at a time: enough that a small limit does
// not make many round trips.
func (q Query) batch() int { return min(max(q.limit(), defaultLimit), maxBatch) }

func (q Query) wants(d event.Delivery) bool {
	return (q.State == "" || q.State == d.State) && (q.ChannelID == "" || q.ChannelID == d.ChannelID)
}

// Item is a delivery in a list.
type Item struct {
	event.Delivery
	EventType event.Type
}

// List returns deliveries, newest first: dead ones by when they died, any others
// by when their event was received and in the order of its fan-out. The next
// page is asked for with next, which is "" after the last one. As the work of a
// call is bounded, a page may hold fewer items than asked for, even none, and
// not be the last. A list without a state leaves out events received longer ago
// than twice the retention; a list of the dead leaves out none.
//
// The error is [ErrBadCursor] if the cursor is not of a list by such a query.
func (s *Store) List(ctx context.Context, q Query) (items []Item, next string, err error) {
	switch {
	case q.EventID != "":
		return s.listOne(ctx, q)
	case q.State == event.StateDead:
		return s.listOfDead(ctx, q)
	default:
		return s.listOfEvents(ctx, q)
	}
}

func (s *Store) listOne(ctx context.Context, q Query) ([]Item, string, error) {
	cur, err := parseCursor(q.Cursor, walkOne)
	if err != nil || cur.Member != "" && cur.Member != q.EventID {
		return nil, "", ErrBadCursor
	}
	recs, err := s.read(ctx, []string{q.EventID})
	if err != nil || recs[0] == nil || recs[0].TenantID != q.TenantID {
		return nil, "", err
	}
	items, n := take(nil, recs[0], cur.N, q)
	if n == 0 {
		return items, "", nil
	}
	return items, cursor{Walk: walkOne, Member: q.EventID, N: n}.String(), nil
}

// take appends what q wants of rec's deliveries from number n on, up to q's
// limit, and returns the number of the first delivery it did not look at, 0 if
// there is none.
func take(items []Item, rec *event.Receipt, n int, q Query) (_ []Item, next int) {
	for _, d := range rec.Deliveries {
		if d.N < n {
			continue
		}
		if len(items) >= q.limit() {
			return items, d.N
		}
		if q.wants(d) {
			items = append(items, Item{d, rec.Type})
		}
	}
	return items, 0
}

func (s *Store) listOfEvents(ctx context.Context, q Query) (items []Item, next string, err error) {
	cur, err := parseCursor(q.Cursor, walkEvents)
	if err != nil {
		return nil, "", err
	}
	batch := q.batch()
	for scanned := 0; scanned < s.budget; {
		entries, err := s.page(ctx, eventsKey(q.TenantID), cur, batch)
		if err != nil {
			return nil, "", err
		}
		last := len(entries) < batch
		if cur.N > 0 { // the page before ended inside this event
			entries = slices.Insert(entries, 0, entry{cur.Member, cur.Score})
		}
		ids := make([]string, len(entries))
		for i, e := range entries {
			ids[i] = e.member
		}
		recs, err := s.read(ctx, ids)
		if err != nil {
			return nil, "", err
		}
		for i, e := range entries {
			start := cur.N
			cur = cursor{Walk: walkEvents, Score: e.score, Member: e.member}
			rec := recs[i]
			if rec == nil || rec.TenantID != q.TenantID {
				continue
			}
			items, cur.N = take(items, rec, start, q)
			if len(items) == q.limit() {
				if last && cur.N == 0 && i == len(entries)-1 {
					return items, "", nil
				}
				return items, cur.String(), nil
			}
		}
		if last {
			return items, "", nil
		}
		scanned += len(entries)
	}
	return items, cur.String(), nil
}

// entry is a member of a list with its score, a time in Unix microseconds.
type entry struct {
	member string
	score  int64
}

// above orders entries as a list is read: by score, then by member, from the top.
func above(a, b entry) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.member, a.member))
}

// page reads up to n entries behind the cursor.
func (s *Store) page(ctx context.Context, key string, behind cursor, n int) ([]entry, error) {
	flat, err := pageScript.Run(ctx, s.rdb, []string{key}, behind.Score, behind.Member, n).StringSlice()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("reading a list: %w", err)
	}
	entries := make([]entry, 0, len(flat)/2)
	for pair := range slices.Chunk(flat, 2) {
		score, err := strconv.ParseFloat(pair[len(pair)-1], 64)
		if err != nil {
			return nil, fmt.Errorf("reading a list: %w", err)
		}
		entries = append(entries, entry{pair[0], int64(score)})
	}
	return entries, nil
}
