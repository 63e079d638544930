package receipt

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/event"
)

func (on suite) testList(t *testing.T) {
	rdb := on.rdb
	w := newWorld(t, rdb, week)
	if got := w.list(Query{}); got != nil {
		t.Errorf("of a tenant without events: %v", got)
	}
	a, b, c := w.open(2), w.open(1), w.open(3)
	a1 := w.record(a[1], event.StateDead)
	a0 := w.record(w.record(a[0], event.StateRetrying), event.StateDead) // later
	w.record(b[0], event.StateDelivered)
	c2 := w.record(c[2], event.StateRetrying)
	all := []string{c[0].ID(), c[1].ID(), c[2].ID(), b[0].ID(), a[0].ID(), a[1].ID()}
	for _, tt := range []struct {
		name string
		q    Query
		want []string
	}{
		{"all", Query{}, all},
		{"dead", Query{State: event.StateDead}, []string{a0.ID(), a1.ID()}},
		{"dead of a channel", Query{State: event.StateDead, ChannelID: "channel-1"}, []string{a1.ID()}},
		{"dead of an event", Query{State: event.StateDead, EventID: a1.EventID}, []string{a0.ID(), a1.ID()}},
		{"dead of an event without", Query{State: event.StateDead, EventID: c2.EventID}, nil},
		{"retrying", Query{State: event.StateRetrying}, []string{c2.ID()}},
		{"pending", Query{State: event.StatePending}, []string{c[0].ID(), c[1].ID()}},
		{"throttled", Query{State: event.StateThrottled}, nil},
		{"a channel", Query{ChannelID: "channel-0"}, []string{c[0].ID(), b[0].ID(), a[0].ID()}},
		{"an event", Query{EventID: c2.EventID}, []string{c[0].ID(), c[1].ID(), c[2].ID()}},
		{"an unknown event", Query{EventID: event.NewID(time.Now())}, nil},
	} {
		for _, limit := range []int{0, 1, 2, 1000} {
			t.Run(fmt.Sprintf("%s by %d", tt.name, limit), func(t *testing.T) {
				q := tt.q
				q.Limit = limit
				if got := w.list(q); !slices.Equal(got, tt.want) {
					t.Errorf("List = %v\nwant %v", got, tt.want)
				}
			})
		}
	}
	t.Run("an item", func(t *testing.T) {
		for _, q := range []Query{{State: event.StateDead}, {EventID: a0.EventID}} {
			q.TenantID = w.tenant
			items, _, err := w.List(t.Context(), q)
			if err != nil || len(items) != 2 || !reflect.DeepEqual(items[0], Item{a0, event.RequestBreakGlass}) {
				t.Errorf("List = %+v, %v\nwant first %+v", items, err, a0)
			}
		}
	})
	t.Run("of another tenant", func(t *testing.T) {
		other := newWorld(t, rdb, week)
		for _, q := range []Query{{}, {State: event.StateDead}, {EventID: a0.EventID}} {
			if got := other.list(q); got != nil {
				t.Errorf("List(%+v) = %v", q, got)
			}
		}
	})
}

// Whatever the limit and however many share a time, the pages are the list.
func (on suite) testListPages(t *testing.T) {
	rdb := on.rdb
	rnd := rand.New(rand.NewPCG(1, 2))
	w := newWorld(t, rdb, week)
	type at struct {
		id   string
		n    int
		time time.Time
	}
	var events, dead []at
	for range 60 {
		ev := w.event()
		ev.ReceivedAt = w.start.Add(time.Duration(rnd.IntN(5)) * time.Second)
		ds, err := w.Open(t.Context(), ev, plan(ev, 1+rnd.IntN(3)))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range ds {
			events = append(events, at{d.EventID, d.N, ev.ReceivedAt})
			if rnd.IntN(2) == 0 {
				d = moved(d, event.StateDead)
				d.DeadAt = w.start.Add(time.Duration(rnd.IntN(5)) * time.Second)
				if err := w.Record(t.Context(), w.tenant, d); err != nil {
					t.Fatal(err)
				}
				dead = append(dead, at{d.EventID, d.N, d.DeadAt})
			}
		}
	}
	slices.SortFunc(events, func(a, b at) int {
		if c := above(entry{a.id, a.time.UnixMicro()}, entry{b.id, b.time.UnixMicro()}); c != 0 {
			return c
		}
		return a.n - b.n
	})
	slices.SortFunc(dead, func(a, b at) int {
		return above(entry{event.DeliveryID(a.id, a.n), a.time.UnixMicro()}, entry{event.DeliveryID(b.id, b.n), b.time.UnixMicro()})
	})
	ids := func(in []at) (out []string) {
		for _, a := range in {
			out = append(out, event.DeliveryID(a.id, a.n))
		}
		return out
	}
	for _, limit := range []int{1, 7, 49, 50, 51, 60, 100, 500, 10000} {
		if got := w.list(Query{Limit: limit}); !slices.Equal(got, ids(events)) {
			t.Errorf("by %d: events in another order or number: %d, want %d", limit, len(got), len(events))
		}
		if got := w.list(Query{Limit: limit, State: event.StateDead}); !slices.Equal(got, ids(dead)) {
			t.Errorf("by %d: dead in another order or number: %d, want %d", limit, len(got), len(dead))
		}
		items, _, err := w.List(t.Context(), Query{TenantID: w.tenant, Limit: limit})
		if want := min(limit, maxLimit, len(events)); err != nil || len(items) != want {
			t.Errorf("a page of %d has %d items, %v", limit, len(items), err)
		}
	}

	t.Run("the last seen is gone", func(t *testing.T) {
		q := Query{TenantID: w.tenant, State: event.StateDead, Limit: 10}
		first, next, err := w.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		last := first[9]
		if err := w.unlistDead(t.Context(), w.tenant, last.Delivery); err != nil {
			t.Fatal(err)
		}
		q.Cursor = next
		second, _, err := w.List(t.Context(), q)
		if err != nil || len(second) == 0 || second[0].ID() != event.DeliveryID(dead[10].id, dead[10].n) {
			t.Errorf("the next page begins with %v, %v; want %v", second[0].ID(), err, dead[10])
		}
	})
	t.Run("new ones do not move the pages", func(t *testing.T) {
		q := Query{TenantID: w.tenant, Limit: 10}
		_, next, err := w.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		w.open(3)
		q.Cursor = next
		second, _, err := w.List(t.Context(), q)
		if err != nil || second[0].ID() != event.DeliveryID(events[10].id, events[10].n) {
			t.Errorf("the next page begins with %v, %v; want %v", second[0].ID(), err, events[10])
		}
	})
}

func (on suite) testListCursors(t *testing.T) {
	rdb := on.rdb
	w := newWorld(t, rdb, week)
	for range 3 {
		for _, d := range w.open(2) {
			w.record(d, event.StateDead)
		}
	}
	page := func(q Query) (string, error) {
		q.TenantID, q.Limit = w.tenant, 1
		_, next, err := w.List(t.Context(), q)
		return next, err
	}
	id := w.list(Query{})[0]
	evID, _, _ := event.ParseDeliveryID(id)
	queries := map[string]Query{"events": {}, "dead": {State: event.StateDead}, "one": {EventID: evID}}
	for from, q := range queries {
		cur, err := page(q)
		if err != nil || cur == "" {
			t.Fatalf("%s: cursor %q, %v", from, cur, err)
		}
		for to, q := range queries {
			q.Cursor = cur
			if _, err := page(q); (from == to) != (err == nil) || from != to && !errors.Is(err, ErrBadCursor) {
				t.Errorf("a cursor of %s for %s: %v", from, to, err)
			}
		}
	}
	for _, bad := range []string{"x", "=", "e30", "bnVsbA", "{}", "AAAA"} {
		for name, q := range queries {
			q.Cursor = bad
			if _, err := page(q); !errors.Is(err, ErrBadCursor) {
				t.Errorf("cursor %q for %s: %v", bad, name, err)
			}
		}
	}
	other := Query{EventID: event.NewID(time.Now()), Cursor: cursor{Walk: walkOne, Member: evID, N: 1}.String()}
	if _, err := page(other); !errors.Is(err, ErrBadCursor) {
		t.Errorf("a cursor of another event: %v", err)
	}
}

// A filter that lets little through does not make a call read everything.
func (on suite) testListBudget(t *testing.T) {
	rdb := on.rdb
	w := newWorld(t, rdb, week)
	w.budget = 50
	first := w.open(1)[0]
	w.record(first, event.StateDead)
	for range 130 {
		d := w.open(2)[1]
		w.record(d, event.StateDead)
	}
	for _, state := range []event.State{"", event.StateDead} {
		q := Query{TenantID: w.tenant, State: state, ChannelID: "channel-0"}
		if state == "" {
			q.State = event.StateRetrying
		}
		items, next, err := w.List(t.Context(), q)
		if err != nil || len(items) != 0 || next == "" {
			t.Errorf("state %q: the first page is %v, %q, %v; want an empty one that is not the last", state, items, next, err)
		}
	}
	if got := w.list(Query{State: event.StateDead, ChannelID: "channel-0"}); !slices.Equal(got, []string{first.ID()}) {
		t.Errorf("all pages: %v", got)
	}
}

func (on suite) testListTrimmed(t *testing.T) {
	rdb := on.rdb
	w := newWorld(t, rdb, Retention{Receipts: time.Hour, DeadLetters: time.Hour})
	old := w.record(w.open(1)[0], event.StateDead)
	w.start = w.start.Add(2*time.Hour - 2*time.Second) // the next event is a second later
	w.open(1)
	if got := w.list(Query{}); len(got) != 2 {
		t.Errorf("within twice the retention: %v", got)
	}
	w.start = w.start.Add(2 * time.Second)
	kept := w.record(w.open(1)[0], event.StateDead)
	if got := w.list(Query{}); len(got) != 2 {
		t.Errorf("after twice the retention: %v", got)
	}
	if got := w.list(Query{State: event.StateDead}); !slices.Equal(got, []string{kept.ID()}) {
		t.Errorf("dead: %v, want not %s", got, old.ID())
	}
	for _, key := range []string{eventsKey(w.tenant), deadKey(w.tenant, kept.ChannelType)} {
		if ttl := rdb.TTL(t.Context(), key).Val(); ttl <= 0 || ttl > 2*time.Hour {
			t.Errorf("%s goes after %v", key, ttl)
		}
	}
	// For a list as for the records: 0 is for ever.
	w = newWorld(t, rdb, week)
	d := w.record(w.open(1)[0], event.StateDead)
	w.start = w.start.Add(1000 * 24 * time.Hour)
	w.record(w.open(1)[0], event.StateDead)
	if got := w.list(Query{State: event.StateDead}); len(got) != 2 {
		t.Errorf("dead: %v, want %s too", got, d.ID())
	}
	if ttl := rdb.TTL(t.Context(), deadKey(w.tenant, d.ChannelType)).Val(); ttl != -1 {
		t.Errorf("the dead go after %v", ttl)
	}
}

// What the record does not call dead is not listed, and taken off the list.
func (on suite) testStaleDead(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb, week)
	replayed, gone, dead := w.open(1)[0], w.open(1)[0], w.open(1)[0]
	for _, d := range []*event.Delivery{&replayed, &gone, &dead} {
		*d = w.record(*d, event.StateDead)
	}
	w.replay(replayed)
	rdb.Del(ctx, recordKey(gone.EventID))
	rdb.ZAdd(ctx, deadKey(w.tenant, dead.ChannelType), redis.Z{Score: 1, Member: "no delivery"})
	if got := w.list(Query{State: event.StateDead}); !slices.Equal(got, []string{dead.ID()}) {
		t.Errorf("List = %v, want %s", got, dead.ID())
	}
	if left := rdb.ZRange(ctx, deadKey(w.tenant, dead.ChannelType), 0, -1).Val(); !slices.Equal(left, []string{dead.ID()}) {
		t.Errorf("left on the list: %v", left)
	}
}

// A delivery that dies again while a reader finds it alive stays on the list.
func (on suite) testDeadAgain(t *testing.T) {
	rdb := on.rdb
	w := newWorld(t, rdb, week)
	d := w.record(w.open(1)[0], event.StateDead)
	read, err := w.page(t.Context(), deadKey(w.tenant, d.ChannelType), cursor{}, 10)
	if err != nil || len(read) != 1 {
		t.Fatalf("the list is %v, %v", read, err)
	}
	d = w.record(w.replay(d), event.StateDead)
	if err := w.heal(t.Context(), w.tenant, d.ChannelType, read[0]); err != nil {
		t.Fatal(err)
	}
	if got := w.list(Query{State: event.StateDead}); !slices.Equal(got, []string{d.ID()}) {
		t.Errorf("List = %v, want %s", got, d.ID())
	}
}

func (on suite) testDeliveredAtLast(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb, week)
	d := w.replay(w.record(w.open(1)[0], event.StateDead))
	count := func() int {
		t.Helper()
		got, err := w.DeadLetters(ctx, []string{w.tenant}, []string{d.ChannelType})
		if err != nil {
			t.Fatal(err)
		}
		return got[d.ChannelType]
	}
	delivered := moved(d, event.StateDelivered)
	death.on(t, deadKey(w.tenant, d.ChannelType))
	if err := w.Record(ctx, w.tenant, delivered); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	death.off()
	if n := count(); n != 1 {
		t.Fatalf("%d are dead, want the one that the dead process left", n)
	}
	if err := w.Record(ctx, w.tenant, delivered); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 0 {
		t.Errorf("%d are dead", n)
	}
}

func (on suite) testDeadLetters(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	a, b := newWorld(t, rdb, week), newWorld(t, rdb, week)
	for range 3 {
		a.record(a.open(1)[0], event.StateDead)
	}
	for _, d := range b.open(2) {
		b.record(d, event.StateDead)
	}
	types := []string{"slack_webhook", "generic_webhook", "email"}
	got, err := a.DeadLetters(ctx, []string{a.tenant, b.tenant}, types)
	if want := map[string]int{"slack_webhook": 4, "generic_webhook": 1, "email": 0}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("DeadLetters = %v, %v; want %v", got, err, want)
	}
	got, err = a.DeadLetters(ctx, nil, types)
	if want := map[string]int{"slack_webhook": 0, "generic_webhook": 0, "email": 0}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("of no tenants: %v, %v; want %v", got, err, want)
	}

	// What the retention has ended does not count, though nobody has listed it.
	c := newWorld(t, rdb, Retention{Receipts: time.Hour, DeadLetters: 2 * time.Hour})
	c.record(c.open(1)[0], event.StateDead)
	c.now = func() time.Time { return c.start.Add(2*time.Hour - time.Minute) }
	if got, err := c.DeadLetters(ctx, []string{c.tenant}, types[:1]); err != nil || got[types[0]] != 1 {
		t.Errorf("before the end: %v, %v", got, err)
	}
	c.now = func() time.Time { return c.start.Add(2*time.Hour + time.Minute) }
	if got, err := c.DeadLetters(ctx, []string{c.tenant}, types[:1]); err != nil || got[types[0]] != 0 {
		t.Errorf("after the end: %v, %v", got, err)
	}
}
