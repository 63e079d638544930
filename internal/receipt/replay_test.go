package receipt

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"accessrelay/internal/event"
)

// count is the gauge of the delivery's channel type.
func (w *world) count(d event.Delivery) int {
	w.t.Helper()
	got, err := w.DeadLetters(w.t.Context(), []string{w.tenant}, []string{d.ChannelType})
	if err != nil {
		w.t.Fatal(err)
	}
	return got[d.ChannelType]
}

func (on suite) testReplay(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb, Retention{Receipts: time.Hour, DeadLetters: 2 * time.Hour})
	now := w.start.Add(time.Hour)
	w.now = func() time.Time { return now }
	d := w.open(2)[0]
	d.Turn, d.Recipients = 7, []event.Recipient{
		{Address: "a@example.com", State: event.StateDelivered},
		{Address: "b@example.com", State: event.StateDead, LastError: "rejected: answered 550"},
	}
	d = w.record(w.record(d, event.StateRetrying), event.StateDead)
	if err := w.Replay(ctx, w.tenant, d); err != nil {
		t.Fatal(err)
	}
	want := d
	// Who has it is not told again; who refused is.
	want.Turn, want.Recipients = 0, []event.Recipient{
		d.Recipients[0], {Address: "b@example.com", State: event.StatePending, LastError: "rejected: answered 550"},
	}
	want.Round, want.State, want.RetriesUsed, want.RoundAt, want.DeadAt = 2, event.StatePending, 0, now, time.Time{}
	if got := w.load(d); !reflect.DeepEqual(got, want) {
		t.Errorf("the record is %+v\nwant %+v", got, want)
	}
	if got := w.list(Query{State: event.StateDead}); len(got) != 0 || w.count(d) != 0 {
		t.Errorf("still dead: %v, %d counted", got, w.count(d))
	}
	if ttl := rdb.TTL(ctx, recordKey(d.EventID)).Val(); ttl != -1 {
		t.Errorf("an open record goes after %v", ttl)
	}

	// Again, as after a lost answer: nothing is begun anew.
	if err := w.Replay(ctx, w.tenant, d); err != nil {
		t.Errorf("again: %v", err)
	}
	if got := w.load(d); !reflect.DeepEqual(got, want) {
		t.Errorf("after the second: %+v\nwant %+v", got, want)
	}
	// What is still on its way from the round before no longer counts.
	if err := w.Record(ctx, w.tenant, moved(d, event.StateDelivered)); !errors.Is(err, ErrStale) {
		t.Errorf("a record of the old round: %v", err)
	}

	// Dead again it is on the list again, and a late repeat of the first call
	// does not take it off.
	again := w.record(want, event.StateDead)
	if err := w.Replay(ctx, w.tenant, d); err != nil {
		t.Errorf("late: %v", err)
	}
	if got := w.list(Query{State: event.StateDead}); !slices.Equal(got, []string{d.ID()}) || w.count(d) != 1 {
		t.Errorf("dead again: %v, %d counted", got, w.count(d))
	}
	if got := w.load(d); !reflect.DeepEqual(got, again) {
		t.Errorf("after the late one: %+v\nwant %+v", got, again)
	}

	// And so on, to the end.
	if err := w.Replay(ctx, w.tenant, again); err != nil {
		t.Fatal(err)
	}
	if got := w.record(w.load(d), event.StateDelivered); got.Round != 3 || w.count(d) != 0 {
		t.Errorf("round %d, %d counted", got.Round, w.count(d))
	}
}

// An event that is kept for an end has none while it is open again.
func (on suite) testReplayPersists(t *testing.T) {
	w := newWorld(t, on.rdb, Retention{Receipts: time.Hour, DeadLetters: 2 * time.Hour})
	d := w.record(w.open(1)[0], event.StateDead)
	if ttl := on.rdb.TTL(t.Context(), recordKey(d.EventID)).Val(); ttl <= 0 {
		t.Fatalf("the record goes after %v", ttl)
	}
	if err := w.Replay(t.Context(), w.tenant, d); err != nil {
		t.Fatal(err)
	}
	if ttl := on.rdb.TTL(t.Context(), recordKey(d.EventID)).Val(); ttl != -1 {
		t.Errorf("an open record goes after %v", ttl)
	}
	if ev, _, err := w.Load(t.Context(), d.EventID, 0); err != nil || ev == nil {
		t.Errorf("its event: %v, %v", ev, err)
	}
}

func (on suite) testReplayRefuses(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t, on.rdb, week)
	for _, state := range []event.State{event.StatePending, event.StateRetrying, event.StateThrottled, event.StateDelivered} {
		d := w.open(1)[0]
		if state != event.StatePending {
			d = w.record(d, state)
		}
		if err := w.Replay(ctx, w.tenant, d); !errors.Is(err, ErrNotDead) {
			t.Errorf("%s: %v", state, err)
		}
		d.State = event.StateDead // as it was read from a record that Redis has lost since
		if err := w.Replay(ctx, w.tenant, d); !errors.Is(err, ErrNotDead) {
			t.Errorf("%s, taken for dead: %v", state, err)
		}
	}
	gone := w.record(w.open(1)[0], event.StateDead)
	on.rdb.Del(ctx, recordKey(gone.EventID))
	if err := w.Replay(ctx, w.tenant, gone); !errors.Is(err, ErrNotFound) {
		t.Errorf("of a record that is gone: %v", err)
	}
	if n := on.rdb.Exists(ctx, recordKey(gone.EventID)).Val(); n != 0 {
		t.Error("a record was made")
	}
}

func (on suite) testReplayAtOnce(t *testing.T) {
	w := newWorld(t, on.rdb, week)
	d := w.record(w.open(1)[0], event.StateDead)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if err := w.Replay(t.Context(), w.tenant, d); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := w.load(d); got.Round != 2 || got.State != event.StatePending || w.count(d) != 0 {
		t.Errorf("%+v, %d counted", got, w.count(d))
	}
}

// Whoever replays may die before the list is right: the record counts, and the
// list is right again once it is read or the delivery has come to its end.
func (on suite) testReplayDeath(t *testing.T) {
	ctx := t.Context()
	for name, mend := range map[string]func(w *world, d event.Delivery){
		"replayed again": func(w *world, d event.Delivery) {
			if err := w.Replay(ctx, w.tenant, d); err != nil {
				w.t.Fatal(err)
			}
		},
		"listed":    func(w *world, _ event.Delivery) { w.list(Query{State: event.StateDead}) },
		"delivered": func(w *world, d event.Delivery) { w.record(w.load(d), event.StateDelivered) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, on.rdb, week)
			d := w.record(w.open(1)[0], event.StateDead)
			death.onScript(t, deadKey(w.tenant, d.ChannelType))
			if err := w.Replay(ctx, w.tenant, d); !errors.Is(err, errDied) {
				t.Fatalf("Replay: %v", err)
			}
			death.off()
			if got := w.load(d); got.State != event.StatePending || w.count(d) != 1 {
				t.Fatalf("%+v, %d counted", got, w.count(d))
			}
			mend(w, d)
			if n := w.count(d); n != 0 {
				t.Errorf("%d counted", n)
			}
		})
	}
}

func (on suite) testDelivery(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t, on.rdb, week)
	ds := w.open(3)
	ds[1] = w.record(ds[1], event.StateDead)
	for i, want := range ds {
		if got, err := w.Delivery(ctx, w.tenant, want.EventID, i); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Delivery %d = %+v, %v; want %+v", i, got, err, want)
		}
	}
	id := ds[0].EventID
	for _, missing := range []struct {
		tenant, id string
		n          int
	}{{w.tenant, id, 3}, {w.tenant, id, -1}, {w.tenant, event.NewID(w.start), 0}, {uuid.NewString(), id, 1}} {
		if d, err := w.Delivery(ctx, missing.tenant, missing.id, missing.n); !errors.Is(err, ErrNotFound) {
			t.Errorf("%+v: %+v, %v", missing, d, err)
		}
	}
}

func (on suite) testDelete(t *testing.T) {
	rdb := on.rdb
	const p, ok, dead = event.StatePending, event.StateDelivered, event.StateDead
	for _, tt := range []struct {
		states []event.State // the first is dead and deleted
		status event.Status
		end    time.Duration // of the record; -1: none
		event  bool
	}{
		{[]event.State{dead}, event.StatusFailed, time.Hour, false},
		{[]event.State{dead, ok}, event.StatusPartial, time.Hour, false},
		{[]event.State{dead, ok, ok}, event.StatusPartial, time.Hour, false},
		{[]event.State{dead, dead}, event.StatusFailed, 5 * time.Hour, true},
		{[]event.State{dead, ok, dead}, event.StatusPartial, 5 * time.Hour, true},
		{[]event.State{dead, p}, event.StatusPending, -1, true},
	} {
		t.Run(fmt.Sprint(tt.states), func(t *testing.T) {
			ctx := t.Context()
			w := newWorld(t, rdb, Retention{Receipts: time.Hour, DeadLetters: 5 * time.Hour})
			ds := w.open(len(tt.states))
			for i, s := range tt.states {
				if s != p {
					ds[i] = w.record(ds[i], s)
				}
			}
			before := w.count(ds[0])
			if err := w.Delete(ctx, w.tenant, ds[0].EventID, 0); err != nil {
				t.Fatal(err)
			}
			r, err := w.Receipt(ctx, ds[0].EventID)
			if err != nil || r.Status() != tt.status || r.Deleted != 1 || len(r.Deliveries) != len(ds)-1 {
				t.Fatalf("Receipt = %+v, %v; want %s", r, err, tt.status)
			}
			for i, d := range r.Deliveries { // they keep their numbers
				if !reflect.DeepEqual(d, ds[i+1]) {
					t.Errorf("delivery %+v, want %+v", d, ds[i+1])
				}
			}
			ttl := rdb.PTTL(ctx, recordKey(r.ID)).Val()
			if tt.end < 0 && ttl >= 0 || tt.end > 0 && (ttl > tt.end || ttl < tt.end-time.Minute) {
				t.Errorf("the record goes after %v, want %v", ttl, tt.end)
			}
			if got := rdb.HExists(ctx, recordKey(r.ID), fieldEvent).Val(); got != tt.event {
				t.Errorf("the event is kept: %v", got)
			}
			if n := w.count(ds[0]); n != before-1 {
				t.Errorf("%d are counted, %d before", n, before)
			}
			if got := w.list(Query{State: dead}); slices.Contains(got, ds[0].ID()) {
				t.Errorf("dead: %v", got)
			}
			// It is as if there were none.
			for what, err := range map[string]error{
				"Delete":   w.Delete(ctx, w.tenant, r.ID, 0),
				"Replay":   w.Replay(ctx, w.tenant, ds[0]),
				"Delivery": second(w.Delivery(ctx, w.tenant, r.ID, 0)),
			} {
				if !errors.Is(err, ErrNotFound) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if _, _, err := w.Load(ctx, r.ID, 0); !errors.Is(err, ErrNotFound) {
				t.Errorf("Load: %v", err)
			}
			late := moved(ds[0], ok)
			if err := w.Record(ctx, w.tenant, late); !errors.Is(err, ErrStale) {
				t.Errorf("Record: %v", err)
			}
		})
	}
	t.Run("the last one that is open ends the keeping", func(t *testing.T) {
		w := newWorld(t, rdb, week)
		ds := w.open(2)
		w.record(ds[0], dead)
		if err := w.Delete(t.Context(), w.tenant, ds[0].EventID, 0); err != nil {
			t.Fatal(err)
		}
		w.record(ds[1], ok)
		key := recordKey(ds[0].EventID)
		if ttl := rdb.TTL(t.Context(), key).Val(); ttl <= 0 || rdb.HExists(t.Context(), key, fieldEvent).Val() {
			t.Errorf("the record goes after %v, with its event", ttl)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func (on suite) testDeleteRefuses(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t, on.rdb, week)
	for _, state := range []event.State{event.StatePending, event.StateRetrying, event.StateThrottled, event.StateDelivered} {
		d := w.open(1)[0]
		if state != event.StatePending {
			d = w.record(d, state)
		}
		if err := w.Delete(ctx, w.tenant, d.EventID, 0); !errors.Is(err, ErrNotDead) {
			t.Errorf("%s: %v", state, err)
		}
		if got := w.load(d); !reflect.DeepEqual(got, d) {
			t.Errorf("%s: the record is %+v", state, got)
		}
	}
	d := w.record(w.open(1)[0], event.StateDead)
	for _, missing := range []struct {
		tenant, id string
		n          int
	}{{w.tenant, d.EventID, 1}, {w.tenant, event.NewID(w.start), 0}, {uuid.NewString(), d.EventID, 0}} {
		if err := w.Delete(ctx, missing.tenant, missing.id, missing.n); !errors.Is(err, ErrNotFound) {
			t.Errorf("%+v: %v", missing, err)
		}
	}
	if got := w.load(d); got.State != event.StateDead {
		t.Errorf("it is %s", got.State)
	}
}

// Whoever deletes may die before the list is right: the next try, which finds
// nothing to delete, mends it.
func (on suite) testDeleteDeath(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t, on.rdb, week)
	d := w.record(w.open(1)[0], event.StateDead)
	death.on(t, deadTypesKey(w.tenant))
	if err := w.Delete(ctx, w.tenant, d.EventID, 0); !errors.Is(err, errDied) {
		t.Fatalf("Delete: %v", err)
	}
	death.off()
	if n := w.count(d); n != 1 {
		t.Fatalf("%d counted, want the one that the dead process left", n)
	}
	if err := w.Delete(ctx, w.tenant, d.EventID, 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	if n := w.count(d); n != 0 {
		t.Errorf("%d counted", n)
	}
}

// A page goes on rightly after a delivery in it was deleted.
func (on suite) testListAfterDelete(t *testing.T) {
	w := newWorld(t, on.rdb, week)
	ds := w.open(6)
	for i := range ds {
		ds[i] = w.record(ds[i], event.StateDead)
	}
	for name, q := range map[string]Query{"of an event": {EventID: ds[0].EventID}, "of all": {}} {
		q.TenantID, q.Limit = w.tenant, 2
		items, next, err := w.List(t.Context(), q)
		if err != nil || len(items) != 2 || next == "" {
			t.Fatalf("%s: %v, %q, %v", name, items, next, err)
		}
		if err := w.Delete(t.Context(), w.tenant, items[0].EventID, items[0].N); err != nil {
			t.Fatal(err)
		}
		got := []string{items[1].ID()}
		for q.Cursor = next; q.Cursor != ""; q.Cursor = next {
			if items, next, err = w.List(t.Context(), q); err != nil {
				t.Fatal(err)
			}
			for _, i := range items {
				got = append(got, i.ID())
			}
		}
		if want := w.list(Query{EventID: ds[0].EventID}); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
