package receipt

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"accessrelay/internal/event"
	"accessrelay/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var week = Retention{Receipts: 7 * 24 * time.Hour}

// TestStore is the contract, on every Redis that the relay is run on.
func TestStore(t *testing.T) {
	for name, rdb := range redistest.Backends(t) {
		rdb.AddHook(&death)
		rdb.AddHook(&between)
		on := suite{rdb}
		t.Run(name, func(t *testing.T) {
			t.Run("open", on.testOpen)
			t.Run("open at once", on.testOpenAtOnce)
			t.Run("open refuses", on.testOpenRefuses)
			t.Run("settle", on.testSettle)
			t.Run("load", on.testLoad)
			t.Run("record", on.testRecord)
			t.Run("retention", on.testRetention)
			t.Run("receipt", on.testReceipt)
			t.Run("other versions", on.testOtherVersions)
			t.Run("broken records", on.testBrokenRecords)
			t.Run("list", on.testList)
			t.Run("list pages", on.testListPages)
			t.Run("list cursors", on.testListCursors)
			t.Run("list budget", on.testListBudget)
			t.Run("list trimmed", on.testListTrimmed)
			t.Run("stale dead", on.testStaleDead)
			t.Run("dead again", on.testDeadAgain)
			t.Run("delivered at last", on.testDeliveredAtLast)
			t.Run("dead letters", on.testDeadLetters)
			t.Run("death in between", on.testDeathInBetween)
			t.Run("replay", on.testReplay)
			t.Run("replay persists", on.testReplayPersists)
			t.Run("replay refuses", on.testReplayRefuses)
			t.Run("replay at once", on.testReplayAtOnce)
			t.Run("replay and death", on.testReplayDeath)
			t.Run("delivery", on.testDelivery)
			t.Run("delete", on.testDelete)
			t.Run("delete refuses", on.testDeleteRefuses)
			t.Run("delete and death", on.testDeleteDeath)
			t.Run("list after delete", on.testListAfterDelete)
			t.Run("overdue", on.testOverdue)
			t.Run("overdue after death", on.testOverdueAfterDeath)
			t.Run("overdue odd records", on.testOverdueOddRecords)
			t.Run("slow writer", on.testSlowWriter)
			t.Run("overdue shares", on.testOverdueShares)
			t.Run("closed leave the index", on.testClosedLeaveTheIndex)
			t.Run("closed and forgotten", on.testClosedAndForgotten)
			t.Run("stands", on.testStands)
			t.Run("dead letter bytes", on.testDeadLetterBytes)
			t.Run("tenants", on.testTenants)
			t.Run("index is a superset", on.testIndexIsASuperset)
			t.Run("index under load", on.testIndexUnderLoad)
		})
	}
}

type suite struct{ rdb redis.UniversalClient } // on one of them

// world is a tenant of its own with its store.
type world struct {
	*Store
	t      *testing.T
	tenant string
	start  time.Time
	events int
}

func newWorld(t *testing.T, rdb redis.UniversalClient, r Retention) *world {
	t.Helper()
	return &world{Store: New(rdb, r), t: t, tenant: uuid.NewString(), start: time.Now().UTC()}
}

// event makes the next event, a second after the one before.
func (w *world) event() *event.Event {
	at := w.start.Add(time.Duration(w.events) * time.Second)
	w.events++
	return &event.Event{
		ID: event.NewID(at), Type: event.RequestBreakGlass, TenantID: w.tenant, Source: "acme-p0", Platform: "p0",
		ReceivedAt: at, OccurredAt: at.Add(-time.Minute),
		Request: &event.Request{ID: "1", Reason: "<fire> & \"smoke\" ümläut \u2028"},
		Raw:     []byte(`{"id":1.50,"html":"<b>&amp;</b>","big":12345678901234567890}`),
	}
}

// plan makes pending deliveries to n channels, alternately of two types.
func plan(ev *event.Event, n int) []event.Delivery {
	out := make([]event.Delivery, n)
	for i := range out {
		out[i] = event.Delivery{
			EventID: ev.ID, N: i, Round: 1, State: event.StatePending,
			ChannelID: fmt.Sprint("channel-", i), ChannelName: fmt.Sprint("name ", i),
			ChannelType: []string{"slack_webhook", "generic_webhook"}[i%2],
			CreatedAt:   ev.ReceivedAt.Add(time.Millisecond), RoundAt: ev.ReceivedAt.Add(time.Millisecond),
		}
	}
	return out
}

// open makes and opens the next event with n deliveries.
func (w *world) open(n int) []event.Delivery {
	w.t.Helper()
	ev := w.event()
	ds, err := w.Open(w.t.Context(), ev, plan(ev, n))
	if err != nil {
		w.t.Fatal(err)
	}
	return ds
}

// record moves d to a state and records it.
func (w *world) record(d event.Delivery, to event.State) event.Delivery {
	w.t.Helper()
	d = moved(d, to)
	if err := w.Record(w.t.Context(), w.tenant, d); err != nil {
		w.t.Fatal(err)
	}
	return d
}

// moved is d after one more attempt, which ended in state to.
func moved(d event.Delivery, to event.State) event.Delivery {
	d.State = to
	d.Attempts++
	at := d.CreatedAt.Add(time.Duration(d.Attempts) * time.Second)
	d.NextAttemptAt, d.DeliveredAt, d.DeadAt = time.Time{}, time.Time{}, time.Time{}
	switch to {
	case event.StateDelivered:
		d.DeliveredAt = at
	case event.StateDead:
		d.DeadAt, d.LastReason, d.LastError = at, "http_500", "the destination answered 500"
	case event.StateRetrying, event.StateThrottled:
		d.NextAttemptAt, d.LastReason, d.LastError = at.Add(time.Minute), "timeout", "no answer in time"
		d.RetriesUsed++
	case event.StatePending:
	}
	return d
}

// replay writes the record of a replay and no more, as one does who dies then.
func (w *world) replay(d event.Delivery) event.Delivery {
	w.t.Helper()
	d.Round, d.State, d.DeadAt = d.Round+1, event.StatePending, time.Time{}
	d.RoundAt = d.RoundAt.Add(time.Hour)
	value, err := encodeDelivery(d)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.rdb.HSet(w.t.Context(), recordKey(d.EventID), fieldDelivery(d.N), value).Err(); err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) load(d event.Delivery) event.Delivery {
	w.t.Helper()
	_, got, err := w.Load(w.t.Context(), d.EventID, d.N)
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

// list reads a whole list, page by page.
func (w *world) list(q Query) (ids []string) {
	w.t.Helper()
	q.TenantID = w.tenant
	for range 10000 {
		items, next, err := w.List(w.t.Context(), q)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, i := range items {
			ids = append(ids, i.ID())
		}
		if next == "" {
			return ids
		}
		q.Cursor = next
	}
	w.t.Fatal("the list has no end")
	return nil
}

// deathAt is a hook that lets the process die before it sends any command on a
// key: the command and all after it are not sent.
type deathAt struct {
	key     atomic.Value
	scripts atomic.Bool // let other commands pass
}

var (
	death   deathAt
	errDied = errors.New("the process died here")
)

func (h *deathAt) on(t *testing.T, key string) {
	t.Helper()
	h.key.Store(key)
	t.Cleanup(h.off)
}

// onScript is on, for scripts alone.
func (h *deathAt) onScript(t *testing.T, key string) {
	t.Helper()
	h.scripts.Store(true)
	h.on(t, key)
}

func (h *deathAt) off() {
	h.key.Store("")
	h.scripts.Store(false)
}

func (h *deathAt) hits(cmd redis.Cmder) bool {
	key, _ := h.key.Load().(string)
	if key == "" || h.scripts.Load() && !strings.HasPrefix(cmd.Name(), "eval") {
		return false
	}
	for _, a := range cmd.Args() {
		if s, ok := a.(string); ok && strings.HasPrefix(s, key) {
			return true
		}
	}
	return false
}

func (h *deathAt) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *deathAt) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if h.hits(cmd) {
			cmd.SetErr(errDied)
			return errDied
		}
		return next(ctx, cmd)
	}
}

func (h *deathAt) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			if h.hits(cmd) {
				return errDied
			}
		}
		return next(ctx, cmds)
	}
}
