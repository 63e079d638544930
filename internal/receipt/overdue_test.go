package receipt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/event"
)

// shift is a world with a clock of its own, alone on the list of tenants.
type shift struct {
	*world
	mu    sync.Mutex
	clock time.Time
}

func newShift(t *testing.T, rdb redis.UniversalClient) *shift {
	t.Helper()
	rdb.Del(t.Context(), tenantsKey)
	s := &shift{world: newWorld(t, rdb, week)}
	s.clock = s.start
	s.world.Store = s.worker()
	return s
}

// worker is one more process.
func (s *shift) worker() *Store {
	st := New(s.rdb, week)
	st.now = s.now
	return st
}

func (s *shift) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
}

func (s *shift) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = s.clock.Add(d)
}

// overdue are the ids of what a worker is given.
func (s *shift) overdue(by *Store) []string {
	s.t.Helper()
	ds, err := by.Overdue(s.t.Context(), 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	return ids(ds)
}

func ids(ds []event.Delivery) (out []string) {
	for _, d := range ds {
		out = append(out, d.ID())
	}
	slices.Sort(out)
	return out
}

// index is how many entries the index has.
func (s *shift) index() int64 { return s.rdb.ZCard(s.t.Context(), openKey(s.tenant)).Val() }

func (on suite) testOverdue(t *testing.T) {
	s := newShift(t, on.rdb)
	ds := s.open(3)
	want := func(when string, by *Store, ds ...event.Delivery) {
		t.Helper()
		if got := s.overdue(by); !slices.Equal(got, ids(ds)) {
			t.Errorf("%s: overdue are %v, want %v", when, got, ids(ds))
		}
	}
	a, b := s.worker(), s.worker() // neither has listed an event of the tenant
	want("at once", a)
	s.pass(lookAfter - time.Second)
	want("a second early", a)
	s.pass(2 * time.Second)
	want("half a minute after the fan-out", a, ds...)
	want("for another worker", b)
	s.pass(lookAfter - time.Second)
	want("half a minute later, not yet", b)
	ds[0] = s.record(ds[0], event.StateDelivered)
	ds[1] = s.record(ds[1], event.StateRetrying) // a minute and a second from the start
	s.pass(time.Second)
	want("half a minute later", b, ds[2])
	ds[2] = s.record(ds[2], event.StateDelivered)
	s.pass(31 * time.Second) // 1m32s after the start
	want("half a minute after the retry's time", a, ds[1])
	ds[1] = moved(ds[1], event.StateThrottled)
	ds[1].NextAttemptAt = s.now().Add(6 * time.Hour)
	if err := s.Record(t.Context(), s.tenant, ds[1]); err != nil {
		t.Fatal(err)
	}
	s.pass(lookAfter)
	want("while it waits", a)
	if score := s.rdb.ZScore(t.Context(), openKey(s.tenant), ds[0].EventID).Val(); int64(score) != ds[1].NextAttemptAt.Add(lookAfter).UnixMicro() {
		t.Errorf("looked at again at %v, want half a minute after %v", time.UnixMicro(int64(score)), ds[1].NextAttemptAt)
	}
	s.pass(6*time.Hour - time.Second)
	want("a second early", a)
	s.pass(time.Second)
	want("after its wait", b, ds[1])
	s.record(ds[1], event.StateDelivered)
	if n := s.index(); n != 1 {
		t.Fatalf("%d entries, want the one that nobody has taken off yet", n)
	}
	s.pass(closeAfter + time.Second)
	want("when all is delivered", s.Store)
	if n := s.index(); n != 0 {
		t.Errorf("%d entries are left of an event that is delivered", n)
	}
}

// What is closed leaves the index some seconds later, without a look.
func (on suite) testClosedLeaveTheIndex(t *testing.T) {
	s := newShift(t, on.rdb)
	for range lookBatch + 5 {
		s.record(s.open(1)[0], event.StateDelivered)
	}
	open := s.open(1)[0]
	s.pass(closeAfter / 2)
	s.overdue(s.Store)
	if n := s.index(); n != lookBatch+6 {
		t.Errorf("%d entries: some left at once, when a failover may still take the outcome", n)
	}
	s.pass(closeAfter)
	s.overdue(s.Store)
	if n := s.index(); n != 1 {
		t.Errorf("%d entries, want the open event's", n)
	}
	s.record(open, event.StateDelivered)
}

// A failover takes the outcome from the record of an event that was closed. The
// index, which may be on another master, must still have it.
func (on suite) testClosedAndForgotten(t *testing.T) {
	ctx := t.Context()
	for _, flushed := range []bool{true, false} { // or the worker that closed it is gone
		s := newShift(t, on.rdb)
		d := s.open(1)[0]
		before := s.rdb.HGetAll(ctx, recordKey(d.EventID)).Val()
		s.record(d, event.StateDelivered)
		s.rdb.Del(ctx, recordKey(d.EventID))
		s.rdb.HSet(ctx, recordKey(d.EventID), before)
		by := s.Store
		if !flushed {
			by = s.worker()
		}
		s.pass(closeAfter + time.Second)
		s.overdue(by)
		s.pass(lookAfter)
		if got := s.overdue(by); len(got) != 1 || got[0] != d.ID() {
			t.Errorf("by the worker that closed it %t: overdue %v, want %s", flushed, got, d.ID())
		}
	}
}

func (on suite) testOverdueAfterDeath(t *testing.T) {
	ctx := t.Context()
	s := newShift(t, on.rdb)
	d := s.record(s.open(1)[0], event.StateDead)
	lost := moved(s.open(1)[0], event.StateDead)
	death.on(t, deadTypesKey(s.tenant))
	if err := s.Record(ctx, s.tenant, lost); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	death.off()
	s.pass(lookAfter + 2*time.Second)
	if got := s.overdue(s.Store); len(got) != 0 || s.index() != 0 {
		t.Errorf("overdue are %v, %d entries", got, s.index())
	}
	// Nobody is there any more to list what died: the look at it does.
	if got := s.list(Query{State: event.StateDead}); len(got) != 2 {
		t.Errorf("the list of the dead is %v", got)
	}
	if err := s.Replay(ctx, s.tenant, d); err != nil {
		t.Fatal(err)
	}
	if got := s.overdue(s.Store); len(got) != 0 {
		t.Errorf("at once: %v", got)
	}
	s.pass(lookAfter + time.Second)
	if got := s.overdue(s.worker()); !slices.Equal(got, []string{d.ID()}) {
		t.Errorf("after a replay overdue are %v, want %s", got, d.ID())
	}
}

func (on suite) testOverdueOddRecords(t *testing.T) {
	ctx := t.Context()
	s := newShift(t, on.rdb)
	future, gone, fine, long := s.open(1)[0], s.open(1)[0], s.open(1)[0], s.open(firstDeliveries+3)
	on.rdb.HSet(ctx, recordKey(future.EventID), fieldVersion, "2")
	on.rdb.Del(ctx, recordKey(gone.EventID))
	s.pass(time.Minute)
	for range 2 { // it stays
		got, err := s.Overdue(ctx, 1000)
		if err == nil || !errors.Is(err, err) || len(got) != 2+len(long)-1 {
			t.Errorf("%d are overdue, %v", len(got), err)
		}
		if want := fmt.Sprintf("event %s: its record has layout 2, this version reads 1", future.EventID); err == nil || err.Error() != want {
			t.Errorf("the error is %v, want %s", err, want)
		}
		if n := s.index(); n != 3 {
			t.Errorf("%d entries, want those of three records", n)
		}
		s.pass(lookAfter)
	}
	if err := s.Record(ctx, s.tenant, moved(future, event.StateDelivered)); err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrStale) {
		t.Errorf("recording over another layout: %v", err)
	}
	if v := on.rdb.HGet(ctx, recordKey(future.EventID), fieldDelivery(0)).Val(); v[:9] != "1|pending" {
		t.Errorf("it was changed: %s", v)
	}
	_ = fine
}

// Who stands still between the index and the record for so long that a look at
// the index finds nothing and takes the entry off writes it again.
func (on suite) testSlowWriter(t *testing.T) {
	ctx := t.Context()
	s := newShift(t, on.rdb)
	dead := s.record(s.open(1)[0], event.StateDead)
	other := s.worker()
	for name, write := range map[string]func() (id string, err error){
		"open": func() (string, error) {
			ev := s.event()
			_, err := s.Open(ctx, ev, plan(ev, 1))
			return ev.ID, err
		},
		"replay": func() (string, error) { return dead.EventID, s.Replay(ctx, s.tenant, dead) },
	} {
		for n, reached := 2, true; reached; n++ {
			if name == "replay" {
				d, err := s.Delivery(ctx, s.tenant, dead.EventID, 0)
				if err != nil {
					t.Fatal(err)
				}
				if d.State != event.StateDead {
					d = s.record(d, event.StateDead)
				}
				dead = d
			}
			between.begin(n, false, func() {
				s.pass(lookAfter + time.Second)
				if _, err := other.Overdue(ctx, 100); err != nil {
					t.Error(err)
				}
			})
			id, err := write()
			if _, reached = between.end(); err != nil {
				t.Fatal(err)
			}
			s.checkIndex(fmt.Sprintf("%s, standing still before request %d", name, n), id)
		}
	}
}

// The limit bounds a pass, and no tenant keeps others from their turn.
func (on suite) testOverdueShares(t *testing.T) {
	s := newShift(t, on.rdb)
	for range 300 {
		s.open(1)
	}
	first := s.tenant
	s.tenant = "other-" + first
	want := s.open(1)[0].ID()
	s.pass(time.Hour)
	ds, err := s.Overdue(t.Context(), 100)
	if err != nil || len(ds) > 100 || !slices.Contains(ids(ds), want) {
		t.Errorf("%d overdue, %v; want %s among them", len(ds), err, want)
	}
	// Several workers share the rest.
	seen, mu, wg := ids(ds), sync.Mutex{}, sync.WaitGroup{}
	for range 4 {
		wg.Go(func() {
			by := s.worker()
			for range 8 {
				ds, err := by.Overdue(t.Context(), 50)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				seen = append(seen, ids(ds)...)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(seen)
	if n := len(seen); n != 301 || len(slices.Compact(seen)) != n {
		t.Errorf("%d deliveries were returned, some twice or not at all", n)
	}
}

// Tenants are found by who never heard of them, come back when the list is
// lost, and are dropped long after they have left.
func (on suite) testTenants(t *testing.T) {
	ctx := t.Context()
	s := newShift(t, on.rdb)
	d := s.open(1)[0]
	on.rdb.Del(ctx, tenantsKey)
	s.pass(time.Minute)
	if got := s.overdue(s.worker()); len(got) != 0 {
		t.Errorf("found %v without the list", got)
	}
	if got := s.overdue(s.Store); !slices.Equal(got, []string{d.ID()}) {
		t.Errorf("overdue are %v", got)
	}
	s.pass(forgetTenantAfter + time.Hour)
	if got := s.overdue(s.worker()); len(got) != 1 || on.rdb.ZCard(ctx, tenantsKey).Val() != 1 {
		t.Errorf("a tenant with an open delivery is gone; overdue are %v", got)
	}
	s.record(d, event.StateDelivered)
	s.pass(time.Minute)
	s.overdue(s.worker())
	s.overdue(s.worker())
	if n := on.rdb.ZCard(ctx, tenantsKey).Val(); n != 0 {
		t.Errorf("%d tenants are left", n)
	}
	s.open(1) // this process takes it for noted
	s.overdue(s.Store)
	if n := on.rdb.ZCard(ctx, tenantsKey).Val(); n != 1 {
		t.Errorf("%d tenants after the next event", n)
	}
}

// Whatever one process does between any two requests of another, and wherever
// one dies: what is open is on the index, and is looked at in time.
func (on suite) testIndexIsASuperset(t *testing.T) {
	type op struct {
		name string
		run  func(s *shift, by *Store, ds []event.Delivery) error
	}
	record := func(n int, to event.State) func(*shift, *Store, []event.Delivery) error {
		return func(s *shift, by *Store, ds []event.Delivery) error {
			_, d, err := by.Load(s.t.Context(), ds[n].EventID, n)
			if err != nil || d.State.Final() {
				return err
			}
			return by.Record(s.t.Context(), s.tenant, moved(d, to))
		}
	}
	ops := []op{
		{"open", func(s *shift, by *Store, ds []event.Delivery) error {
			ev := s.event()
			ev.ID = ds[0].EventID
			_, err := by.Open(s.t.Context(), ev, plan(ev, 2))
			return err
		}},
		{"another event", func(s *shift, by *Store, _ []event.Delivery) error {
			ev := s.event()
			_, err := by.Open(s.t.Context(), ev, plan(ev, 1))
			return err
		}},
		{"delivered", record(0, event.StateDelivered)},
		{"dead", record(0, event.StateDead)},
		{"retrying", record(1, event.StateRetrying)},
		{"replay", func(s *shift, by *Store, ds []event.Delivery) error {
			d, err := by.Delivery(s.t.Context(), s.tenant, ds[0].EventID, 0)
			if err != nil {
				return err
			}
			return by.Replay(s.t.Context(), s.tenant, d)
		}},
		{"delete", func(s *shift, by *Store, ds []event.Delivery) error {
			return by.Delete(s.t.Context(), s.tenant, ds[0].EventID, 0)
		}},
		{"sweep", func(s *shift, by *Store, _ []event.Delivery) error {
			_, err := by.Overdue(s.t.Context(), 100)
			return err
		}},
	}
	setups := map[string][2]event.State{
		"open": {event.StatePending, event.StatePending}, "dead": {event.StateDead, event.StateDelivered},
		"last": {event.StatePending, event.StateDelivered}, "waiting": {event.StateDead, event.StateRetrying},
	}
	interruptions := 0
	for name, states := range setups {
		for _, a := range ops {
			for _, b := range append(ops, op{name: "death", run: func(*shift, *Store, []event.Delivery) error { return nil }}) {
				for n, reached := 1, true; reached; n++ {
					s := newShift(t, on.rdb)
					ds := s.open(2)
					for i, to := range states {
						if to != event.StatePending {
							s.record(ds[i], to)
						}
					}
					s.pass(lookAfter + 5*time.Second)
					other := s.worker()
					between.begin(n, b.name == "death", func() { allowed(t, b.run(s, other, ds)) })
					err := a.run(s, s.Store, ds)
					if _, reached = between.end(); reached {
						interruptions++
					}
					if !errors.Is(err, errDied) {
						allowed(t, err)
					}
					s.checkIndex(fmt.Sprintf("%s: %s, before request %d of it %s", name, a.name, n, b.name), ds[0].EventID)
				}
			}
		}
	}
	if interruptions < 300 {
		t.Errorf("only %d interruptions", interruptions)
	}
}

func allowed(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, ErrStale) && !errors.Is(err, ErrNotDead) && !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// checkIndex reports an event that has something open and is not on the index, or
// is looked at too late.
func (s *shift) checkIndex(when, eventID string) {
	s.t.Helper()
	rec, err := s.Receipt(s.t.Context(), eventID)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, d := range rec.Deliveries {
		if d.State.Final() {
			continue
		}
		score, err := s.rdb.ZScore(s.t.Context(), openKey(s.tenant), eventID).Result()
		if err != nil {
			s.t.Errorf("%s: delivery %d is %s and not on the index", when, d.N, d.State)
			return
		}
		latest := s.now().Add(lookAfter + time.Millisecond) // scores are whole microseconds, and differ
		if next := d.NextAttemptAt.Add(lookAfter); next.After(latest) {
			latest = next
		}
		if at := time.UnixMicro(int64(score)); at.After(latest) {
			s.t.Errorf("%s: delivery %d is %s and is looked at %v too late", when, d.N, d.State, at.Sub(latest))
		}
		if s.rdb.ZScore(s.t.Context(), tenantsKey, s.tenant).Err() != nil {
			s.t.Errorf("%s: the tenant is not on the list", when)
		}
	}
}

// Many processes do anything at once.
func (on suite) testIndexUnderLoad(t *testing.T) {
	s := newShift(t, on.rdb)
	const events, workers, steps = 12, 6, 150
	var all [][]event.Delivery
	for range events {
		all = append(all, s.open(2))
	}
	var wg sync.WaitGroup
	for i := range workers {
		by, rnd := s.worker(), rand.New(rand.NewPCG(1, uint64(i)))
		wg.Go(func() {
			for range steps {
				s.step(by, rnd, all[rnd.IntN(events)])
			}
		})
	}
	wg.Wait()
	for _, ds := range all {
		s.checkIndex("in the end", ds[0].EventID)
	}
}

func (s *shift) step(by *Store, rnd *rand.Rand, ds []event.Delivery) {
	ctx, n := context.Background(), rnd.IntN(len(ds))
	d, err := by.Delivery(ctx, s.tenant, ds[n].EventID, n)
	if err != nil {
		allowed(s.t, err)
		return
	}
	switch what := rnd.IntN(10); {
	case what == 0:
		s.pass(20 * time.Second)
	case what < 3:
		_, err = by.Overdue(ctx, 100)
	case d.State == event.StateDelivered:
	case d.State == event.StateDead && what == 3:
		err = by.Delete(ctx, s.tenant, d.EventID, d.N)
	case d.State == event.StateDead:
		err = by.Replay(ctx, s.tenant, d)
	case what < 4:
		err = by.Record(ctx, s.tenant, moved(d, event.StateDelivered))
	case what < 6:
		d = moved(d, event.StateRetrying)
		d.NextAttemptAt = s.now().Add(time.Minute)
		err = by.Record(ctx, s.tenant, d)
	default:
		err = by.Record(ctx, s.tenant, moved(d, event.StateDead))
	}
	allowed(s.t, err)
}

func (on suite) testStands(t *testing.T) {
	s := newShift(t, on.rdb)
	d := s.open(1)[0]
	for _, tt := range []struct {
		name, id string
		since    time.Duration // ago
		want     bool
	}{
		{"on record", d.EventID, time.Minute, true},
		{"not on record", event.NewID(s.now()), time.Minute, false},
		{"not on record, or no longer", event.NewID(s.now()), week.Receipts, true},
	} {
		if stands, err := s.Stands(t.Context(), tt.id, s.now().Add(-tt.since)); err != nil || stands != tt.want {
			t.Errorf("%s: stands %t, %v", tt.name, stands, err)
		}
	}
}
