package receipt

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/redistest"
)

func (on suite) testOpen(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb, week)
	ev := w.event()
	want := plan(ev, 3)
	got, err := w.Open(ctx, ev, want)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("Open = %+v, %v\nwant %+v", got, err, want)
	}
	if ttl := rdb.TTL(ctx, recordKey(ev.ID)).Val(); ttl != -1 {
		t.Errorf("an open record goes after %v", ttl)
	}
	want[1] = w.record(want[1], event.StateRetrying)
	want[2] = w.record(want[2], event.StateDelivered)

	// Run again after a crash, when the channels have changed: the first plan
	// stands, as far as it has come.
	got, err = w.Open(ctx, ev, plan(ev, 5))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Open again = %+v, %v\nwant %+v", got, err, want)
	}
	if got := w.list(Query{EventID: ev.ID}); len(got) != 3 {
		t.Errorf("the record has deliveries %v", got)
	}
}

func (on suite) testOpenAtOnce(t *testing.T) {
	rdb := on.rdb
	w := newWorld(t, rdb, week)
	ev := w.event()
	const workers = 16
	got := make([][]event.Delivery, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			var err error
			if got[i], err = w.Open(t.Context(), ev, plan(ev, 1+i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range workers {
		if !reflect.DeepEqual(got[i], got[0]) {
			t.Errorf("worker %d goes by %d deliveries, worker 0 by %d", i, len(got[i]), len(got[0]))
		}
	}
}

func (on suite) testOpenRefuses(t *testing.T) {
	rdb := on.rdb
	for _, tt := range []struct {
		name   string
		change func(ev *event.Event, ds *[]event.Delivery)
	}{
		{"no deliveries", func(_ *event.Event, ds *[]event.Delivery) { *ds = nil }},
		{"no tenant", func(ev *event.Event, _ *[]event.Delivery) { ev.TenantID = "" }},
		{"another event's delivery", func(_ *event.Event, ds *[]event.Delivery) { (*ds)[0].EventID = "evt_x" }},
		{"wrong number", func(_ *event.Event, ds *[]event.Delivery) { (*ds)[1].N = 0 }},
		{"final from the start", func(_ *event.Event, ds *[]event.Delivery) { (*ds)[1].State = event.StateDead }},
		{"no state", func(_ *event.Event, ds *[]event.Delivery) { (*ds)[1].State = "" }},
		{"raw is no JSON", func(ev *event.Event, _ *[]event.Delivery) { ev.Raw = json.RawMessage("{") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, rdb, week)
			ev := w.event()
			ds := plan(ev, 2)
			tt.change(ev, &ds)
			if got, err := w.Open(t.Context(), ev, ds); err == nil {
				t.Errorf("Open = %v", got)
			}
			if n := rdb.Exists(t.Context(), recordKey(ev.ID)).Val(); n != 0 {
				t.Error("a record was made")
			}
		})
	}
}

func (on suite) testSettle(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb, week)
	ev := w.event()
	dup := event.Receipt{
		ID: ev.ID, TenantID: w.tenant, Type: ev.Type, Source: "s", Platform: "p0", ReceivedAt: ev.ReceivedAt, DuplicateOf: "evt_0",
	}
	for range 2 {
		if stood, err := w.Settle(ctx, dup); err != nil || len(stood) != 0 {
			t.Fatalf("Settle = %v, %v", stood, err)
		}
	}
	other := dup
	other.DuplicateOf, other.Unrouted = "", true
	if _, err := w.Settle(ctx, other); err != nil {
		t.Fatal(err)
	}
	got, err := w.Receipt(ctx, ev.ID)
	if err != nil || !reflect.DeepEqual(got, dup) || got.Status() != event.StatusDuplicate {
		t.Errorf("Receipt = %+v, %v; want the first, %+v", got, err, dup)
	}
	if ttl := rdb.PTTL(ctx, recordKey(ev.ID)).Val(); ttl <= week.Receipts-time.Minute || ttl > week.Receipts {
		t.Errorf("it goes after %v", ttl)
	}
	// Whoever opens a settled event has nothing to deliver.
	if ds, err := w.Open(ctx, ev, plan(ev, 1)); err != nil || len(ds) != 0 {
		t.Errorf("Open = %v, %v", ds, err)
	}

	// And what is open is not settled, but returned, and listed if it was not.
	ds := w.open(2)
	d := ds[0]
	rdb.Del(ctx, eventsKey(w.tenant))
	again := event.Receipt{ID: d.EventID, TenantID: w.tenant, ReceivedAt: ev.ReceivedAt, Unrouted: true}
	if stood, err := w.Settle(ctx, again); err != nil || !reflect.DeepEqual(stood, ds) {
		t.Errorf("Settle = %+v, %v; want %+v", stood, err, ds)
	}
	if n := rdb.ZCard(ctx, eventsKey(w.tenant)).Val(); n != 1 {
		t.Errorf("%d events on the list, want the one", n)
	}
	if got, err := w.Receipt(ctx, d.EventID); err != nil || got.Status() != event.StatusPending {
		t.Errorf("Receipt = %+v, %v", got, err)
	}
	if ttl := rdb.TTL(ctx, recordKey(d.EventID)).Val(); ttl != -1 {
		t.Errorf("an open record goes after %v", ttl)
	}
}

func (on suite) testLoad(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb, week)
	want := w.event()
	ds, err := w.Open(ctx, want, plan(want, 2))
	if err != nil {
		t.Fatal(err)
	}
	got, d, err := w.Load(ctx, want.ID, 1)
	if err != nil || !reflect.DeepEqual(d, ds[1]) {
		t.Errorf("Load = %+v, %v; want %+v", d, err, ds[1])
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Load gives event\n%+v, want\n%+v", got, want)
	}
	for _, missing := range []struct {
		id string
		n  int
	}{{want.ID, 2}, {want.ID, -1}, {event.NewID(want.ReceivedAt), 0}} {
		if _, _, err := w.Load(ctx, missing.id, missing.n); !errors.Is(err, ErrNotFound) {
			t.Errorf("Load(%s, %d): %v", missing.id, missing.n, err)
		}
	}
	w.record(ds[0], event.StateDelivered)
	if ev, _, err := w.Load(ctx, want.ID, 0); err != nil || ev == nil {
		t.Errorf("while another is open: %v, %v", ev, err)
	}
	w.record(ds[1], event.StateDelivered)
	if ev, d, err := w.Load(ctx, want.ID, 0); err != nil || ev != nil || d.State != event.StateDelivered {
		t.Errorf("when all is delivered: %v, %v, %v", ev, d.State, err)
	}
}

func (on suite) testRecord(t *testing.T) {
	rdb := on.rdb
	open := []event.State{event.StatePending, event.StateRetrying, event.StateThrottled}
	for _, from := range event.States() {
		for _, to := range event.States() {
			for _, round := range []int{1, 2, 3} {
				t.Run(fmt.Sprintf("%s to %s of round %d", from, to, round), func(t *testing.T) {
					w := newWorld(t, rdb, week)
					before := w.replay(w.open(2)[1]) // round 2
					if from != event.StatePending {
						before = w.record(before, from)
					}
					next := moved(before, to)
					next.Round = round
					err := w.Record(t.Context(), w.tenant, next)
					want := before
					if round == 2 && slices.Contains(open, from) {
						want = next
						if err != nil {
							t.Fatal(err)
						}
					} else if !errors.Is(err, ErrStale) {
						t.Errorf("Record: %v, want %v", err, ErrStale)
					}
					if got := w.load(before); !reflect.DeepEqual(got, want) {
						t.Errorf("the record is %+v\nwant %+v", got, want)
					}
				})
			}
		}
	}
	t.Run("the same again", func(t *testing.T) {
		for _, state := range event.States() {
			w := newWorld(t, rdb, week)
			d := w.record(w.open(1)[0], state)
			for _, again := range []event.Delivery{d, w.load(d)} {
				if err := w.Record(t.Context(), w.tenant, again); err != nil {
					t.Errorf("%s: %v", state, err)
				}
			}
		}
	})
	t.Run("no record", func(t *testing.T) {
		w := newWorld(t, rdb, week)
		ev := w.event()
		if err := w.Record(t.Context(), w.tenant, plan(ev, 1)[0]); !errors.Is(err, ErrNotFound) {
			t.Errorf("of an unknown event: %v", err)
		}
		d := w.open(1)[0]
		d.N = 1
		if err := w.Record(t.Context(), w.tenant, d); !errors.Is(err, ErrNotFound) {
			t.Errorf("of an unknown delivery: %v", err)
		}
	})
	t.Run("refuses", func(t *testing.T) {
		w := newWorld(t, rdb, week)
		d := w.open(1)[0]
		for _, bad := range []event.State{"", "gone", event.StateDead /* without a time */} {
			d.State = bad
			if err := w.Record(t.Context(), w.tenant, d); err == nil || errors.Is(err, ErrStale) {
				t.Errorf("state %q: %v", bad, err)
			}
		}
	})
}

func (on suite) testRetention(t *testing.T) {
	rdb := on.rdb
	const p, ok, dead = event.StatePending, event.StateDelivered, event.StateDead
	const forever = time.Duration(-1)
	for _, tt := range []struct {
		states       []event.State
		receipts, dl time.Duration
		want         time.Duration
		event        bool
	}{
		{[]event.State{ok}, time.Hour, 0, time.Hour, false},
		{[]event.State{ok, ok, ok}, time.Hour, 5 * time.Hour, time.Hour, false},
		{[]event.State{ok, p}, time.Hour, 0, forever, true},
		{[]event.State{dead, p}, time.Hour, time.Hour, forever, true},
		{[]event.State{dead}, time.Hour, 0, forever, true},
		{[]event.State{ok, dead}, time.Hour, 0, forever, true},
		{[]event.State{dead, ok}, time.Hour, 5 * time.Hour, 5 * time.Hour, true},
		{[]event.State{dead, dead}, 5 * time.Hour, time.Hour, 5 * time.Hour, true},
	} {
		t.Run(fmt.Sprint(tt.states, tt.receipts, tt.dl), func(t *testing.T) {
			ctx := t.Context()
			w := newWorld(t, rdb, Retention{Receipts: tt.receipts, DeadLetters: tt.dl})
			ds := w.open(len(tt.states))
			for i, state := range tt.states {
				if state != p {
					w.record(ds[i], state)
				}
			}
			ttl := rdb.PTTL(ctx, recordKey(ds[0].EventID)).Val()
			if tt.want == forever && ttl >= 0 || tt.want != forever && (ttl > tt.want || ttl < tt.want-time.Minute) {
				t.Errorf("the record goes after %v, want %v", ttl, tt.want)
			}
			if got := rdb.HExists(ctx, recordKey(ds[0].EventID), fieldEvent).Val(); got != tt.event {
				t.Errorf("the event is kept: %v", got)
			}
		})
	}
	t.Run("a replay that is delivered ends the keeping", func(t *testing.T) {
		w := newWorld(t, rdb, week)
		d := w.replay(w.record(w.open(1)[0], dead))
		w.record(d, ok)
		if ttl := rdb.TTL(t.Context(), recordKey(d.EventID)).Val(); ttl <= 0 {
			t.Errorf("the record goes after %v", ttl)
		}
	})
	t.Run("a replay that is open is kept", func(t *testing.T) {
		w := newWorld(t, rdb, Retention{Receipts: time.Hour, DeadLetters: time.Hour})
		d := w.replay(w.record(w.open(1)[0], dead))
		w.record(d, event.StateRetrying)
		if ttl := rdb.TTL(t.Context(), recordKey(d.EventID)).Val(); ttl != -1 {
			t.Errorf("the record goes after %v", ttl)
		}
	})
}

func (on suite) testReceipt(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb, week)
	if _, err := w.Receipt(ctx, event.NewID(w.start)); !errors.Is(err, ErrNotFound) {
		t.Errorf("of an unknown event: %v", err)
	}
	for _, n := range []int{1, firstDeliveries, firstDeliveries + 1, 40} {
		ev := w.event()
		ds, err := w.Open(ctx, ev, plan(ev, n))
		if err != nil {
			t.Fatal(err)
		}
		ds[n-1] = w.record(ds[n-1], event.StateThrottled)
		want := event.Receipt{
			ID: ev.ID, TenantID: w.tenant, Type: ev.Type, Source: ev.Source, Platform: ev.Platform,
			ReceivedAt: ev.ReceivedAt, Deliveries: ds,
		}
		if got, err := w.Receipt(ctx, ev.ID); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Receipt with %d deliveries = %+v, %v\nwant %+v", n, got, err, want)
		}
	}
}

func (on suite) testOtherVersions(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb, week)
	ev := w.event()
	if _, err := w.Open(ctx, ev, plan(ev, 1)); err != nil {
		t.Fatal(err)
	}
	rdb.HSet(ctx, recordKey(ev.ID), fieldVersion, "2")
	check := func(what string, err error) {
		t.Helper()
		if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrStale) {
			t.Errorf("%s: %v; want an error about the layout", what, err)
		}
	}
	_, err := w.Open(ctx, ev, plan(ev, 1))
	check("Open", err)
	_, _, err = w.Load(ctx, ev.ID, 0)
	check("Load", err)
	_, err = w.Receipt(ctx, ev.ID)
	check("Receipt", err)
}

func (on suite) testBrokenRecords(t *testing.T) {
	rdb := on.rdb
	for name, change := range map[string]func(key string) error{
		"no meta":             func(k string) error { return rdb.HDel(t.Context(), k, fieldMeta).Err() },
		"meta is no JSON":     func(k string) error { return rdb.HSet(t.Context(), k, fieldMeta, "x").Err() },
		"no count":            func(k string) error { return rdb.HDel(t.Context(), k, fieldCount).Err() },
		"count is no number":  func(k string) error { return rdb.HSet(t.Context(), k, fieldCount, "x").Err() },
		"no delivery":         func(k string) error { return rdb.HDel(t.Context(), k, "d:0").Err() },
		"delivery is no JSON": func(k string) error { return rdb.HSet(t.Context(), k, "d:0", "1|dead|x").Err() },
		"unknown state":       func(k string) error { return rdb.HSet(t.Context(), k, "d:0", "1|gone|{}").Err() },
		"no round":            func(k string) error { return rdb.HSet(t.Context(), k, "d:0", "pending|{}").Err() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, rdb, week)
			d := w.open(1)[0]
			if err := change(recordKey(d.EventID)); err != nil {
				t.Fatal(err)
			}
			if r, err := w.Receipt(t.Context(), d.EventID); err == nil {
				t.Errorf("Receipt = %+v", r)
			}
		})
	}
	t.Run("an open delivery without its event", func(t *testing.T) {
		w := newWorld(t, rdb, week)
		d := w.open(1)[0]
		rdb.HDel(t.Context(), recordKey(d.EventID), fieldEvent)
		if _, _, err := w.Load(t.Context(), d.EventID, 0); err == nil {
			t.Error("Load: no error")
		}
	})
}

// Whoever dies between the record and the lists is run again, and the lists are
// right after that.
func (on suite) testDeathInBetween(t *testing.T) {
	rdb := on.rdb
	ctx := t.Context()
	w := newWorld(t, rdb, week)
	ev := w.event()
	death.on(t, eventsKey(w.tenant))
	if _, err := w.Open(ctx, ev, plan(ev, 1)); !errors.Is(err, errDied) {
		t.Fatalf("Open: %v", err)
	}
	death.off()
	if got := w.list(Query{}); len(got) != 0 {
		t.Fatalf("listed before its time: %v", got)
	}
	ds, err := w.Open(ctx, ev, plan(ev, 1))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.list(Query{}); len(got) != 1 {
		t.Errorf("the list is %v", got)
	}

	dead := moved(ds[0], event.StateDead)
	death.on(t, deadTypesKey(w.tenant))
	if err := w.Record(ctx, w.tenant, dead); !errors.Is(err, errDied) {
		t.Fatalf("Record: %v", err)
	}
	death.off()
	if got := w.list(Query{State: event.StateDead}); len(got) != 0 {
		t.Fatalf("listed before its time: %v", got)
	}
	if err := w.Record(ctx, w.tenant, w.load(dead)); err != nil {
		t.Fatal(err)
	}
	if got := w.list(Query{State: event.StateDead}); len(got) != 1 {
		t.Errorf("the list of the dead is %v", got)
	}
}

// The figures of the package comment.
func TestMemory(t *testing.T) {
	rdb := redistest.Start(t).Client()
	w := newWorld(t, rdb, week)
	size := func(what, key string, most int64) {
		t.Helper()
		got, err := rdb.MemoryUsage(t.Context(), key, 0).Result()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", what, got)
		if got > most {
			t.Errorf("%s: %d bytes, documented are %d", what, got, most)
		}
	}
	ev := w.event()
	ds := plan(ev, 2)
	for i := range ds { // as long as in earnest
		ds[i].ChannelID, ds[i].ChannelName = "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11", "security-slack"
	}
	ds, err := w.Open(t.Context(), ev, ds)
	if err != nil {
		t.Fatal(err)
	}
	body, err := encodeJSON(ev)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the event's JSON: %d bytes", len(body))
	size("open, with the event's JSON", recordKey(ev.ID), 930+int64(len(body))*5/4)
	for _, d := range ds {
		w.record(d, event.StateDelivered)
	}
	size("delivered", recordKey(ev.ID), 930)
	for range 999 {
		ev := w.event()
		if err := w.listEvent(t.Context(), ev.TenantID, ev.ID, ev.ReceivedAt); err != nil {
			t.Fatal(err)
		}
	}
	size("a list of 1000 events", eventsKey(w.tenant), 120*1000)
}

func BenchmarkStore(b *testing.B) {
	s := New(redistest.Start(b).Client(), week)
	at := time.Now().UTC()
	opened := func(b *testing.B) event.Delivery {
		b.Helper()
		ev := &event.Event{ID: event.NewID(at), Type: event.Test, TenantID: "t", Source: "s", Platform: "p0", ReceivedAt: at, Raw: []byte(`{"a":1}`)}
		ds, err := s.Open(b.Context(), ev, plan(ev, 2))
		if err != nil {
			b.Fatal(err)
		}
		return ds[0]
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			opened(b)
		}
	})
	b.Run("record", func(b *testing.B) {
		d := opened(b)
		for b.Loop() {
			d = moved(d, event.StateRetrying)
			if err := s.Record(b.Context(), "t", d); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("load", func(b *testing.B) {
		d := opened(b)
		for b.Loop() {
			if _, _, err := s.Load(b.Context(), d.EventID, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}
