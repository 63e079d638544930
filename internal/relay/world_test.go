package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/source"
	"accessrelay/internal/source/canonical"
	"accessrelay/internal/transport"
)

const tenant = "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11"

var (
	errDied    = errors.New("the process died here")
	errTrouble = errors.New("no answer from Redis")
)

// world is everything that a Relay asks for, in memory, with a clock of its
// own. It can die at any of its operations, just before or just after it.
type world struct {
	t   *testing.T
	now time.Time

	claims     map[string]string // key to the original's id
	records    map[string]*record
	channels   []*channel.Channel
	tasks      map[string]any // by task id: what is queued
	due        map[string]time.Time
	sends      map[string]int // by channel id and event id
	answers    func(ch *channel.Channel, nth int) error
	metrics    *prometheus.Registry
	log        *bytes.Buffer
	operations int
	dieAt      int // the operation to die at, from 1; 0: never
	dieAfter   bool
	trouble    bool // an error instead of a death
	gate       *fakeGate
	recipients func(transport.Attempt) []event.Recipient // of the destination; nil: it has none
}

type record struct {
	ev         *event.Event
	receipt    event.Receipt
	deliveries []event.Delivery
}

func newWorld(t *testing.T, channels ...*channel.Channel) (*world, *Relay) {
	t.Helper()
	w := &world{
		t: t, now: t0, claims: map[string]string{}, records: map[string]*record{}, channels: channels,
		tasks: map[string]any{}, due: map[string]time.Time{}, sends: map[string]int{}, metrics: prometheus.NewRegistry(),
		log: &bytes.Buffer{}, gate: newFakeGate(), answers: func(*channel.Channel, int) error { return nil },
	}
	return w, w.relay()
}

func (w *world) relay() *Relay {
	w.metrics = prometheus.NewRegistry()
	platforms := map[string]source.Platform{"own": canonical.New("own"), "panics": panicking{}}
	r := New(Config{
		Gate: w, Concurrency: 64,
		Source: func(id string) (Source, bool) {
			p, ok := platforms[id]
			return Source{Platform: p, DedupWindow: 2 * time.Hour}, ok
		},
		Platform: func(name string) (source.Platform, bool) { p, ok := platforms[name]; return p, ok },
		Claims:   w, Records: w, Channels: w, Switch: w, Queue: w, Transports: []transport.Transport{w},
		Policy:  func() Policy { return policy },
		Metrics: NewMetrics(w.metrics, append(canonical.Names(), "own"), []string{"fake"}),
		Log:     slog.New(slog.NewTextHandler(io.MultiWriter(w.log), &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:     func() time.Time { return w.now },
	})
	r.sleep = func(_ string, d time.Duration) bool { w.now = w.now.Add(d); return true }
	return r
}

type panicking struct{ canonical.Platform }

func (panicking) Name() string { return "panics" }

func (panicking) Normalize([]byte, *event.Event) { panic("a bug") }

// step runs one operation, or dies before or after it.
func (w *world) step(do func() error) error {
	w.operations++
	if w.operations != w.dieAt {
		return do()
	}
	if w.trouble {
		return errTrouble
	}
	if w.dieAfter {
		_ = do()
	}
	runtime.Goexit() // nothing can recover from it
	return nil
}

func (w *world) Claim(_ context.Context, key, id string, _ time.Time, window time.Duration) (original string, err error) {
	err = w.step(func() error {
		if window == 0 {
			return nil
		}
		if by, ok := w.claims[key]; ok && by != id {
			original = by
		} else {
			w.claims[key] = id
		}
		return nil
	})
	return original, err
}

func (w *world) Release(_ context.Context, key, id string) error {
	return w.step(func() error {
		if w.claims[key] == id {
			delete(w.claims, key)
		}
		return nil
	})
}

func (w *world) Open(_ context.Context, ev *event.Event, plan []event.Delivery) (stored []event.Delivery, err error) {
	err = w.step(func() error {
		if w.records[ev.ID] == nil {
			w.records[ev.ID] = &record{ev: ev, deliveries: slices.Clone(plan)}
		}
		stored = slices.Clone(w.records[ev.ID].deliveries)
		return nil
	})
	return stored, err
}

func (w *world) Settle(_ context.Context, r event.Receipt) (stood []event.Delivery, err error) {
	err = w.step(func() error {
		if w.records[r.ID] == nil {
			w.records[r.ID] = &record{receipt: r}
		}
		stood = slices.Clone(w.records[r.ID].deliveries)
		return nil
	})
	return stood, err
}

func (w *world) Stands(_ context.Context, id string, _ time.Time) (stands bool, err error) {
	err = w.step(func() error { stands = w.records[id] != nil; return nil })
	return stands, err
}

func (w *world) HoldsEvent(_ context.Context, id string) (holds bool, err error) {
	err = w.step(func() error { _, holds = w.tasks[id]; return nil })
	return holds, err
}

func (w *world) Load(_ context.Context, id string, n int) (ev *event.Event, d event.Delivery, err error) {
	err = w.step(func() error {
		r := w.records[id]
		if r == nil || n >= len(r.deliveries) {
			return event.ErrNoRecord
		}
		ev, d = r.ev, r.deliveries[n]
		return nil
	})
	return ev, d, err
}

func (w *world) Record(_ context.Context, _ string, d event.Delivery) error {
	return w.step(func() error {
		was := &w.records[d.EventID].deliveries[d.N]
		if was.State == event.StateDelivered || was.Round != d.Round {
			return event.ErrStale
		}
		*was = d
		return nil
	})
}

func (w *world) Replay(_ context.Context, _ string, d event.Delivery) error {
	return w.step(func() error {
		was := &w.records[d.EventID].deliveries[d.N]
		if was.State != event.StateDead || was.Round != d.Round {
			return event.ErrStale
		}
		was.Round++
		was.State, was.RetriesUsed, was.RoundAt, was.DeadAt = event.StatePending, 0, w.now, time.Time{}
		return nil
	})
}

func (w *world) Channels(context.Context, string) (chs []*channel.Channel, err error) {
	err = w.step(func() error { chs = w.channels; return nil })
	return chs, err
}

// setEnabled replaces the channel: the old value may be in use.
func (w *world) setEnabled(id string, on bool) {
	for i, ch := range w.channels {
		if ch.ID == id {
			changed := *ch
			changed.Enabled = on
			w.channels = slices.Clone(w.channels)
			w.channels[i] = &changed
		}
	}
}

func (w *world) Disable(_ context.Context, _, id string, _ time.Time, _ string) (bool, error) {
	return true, w.step(func() error { w.setEnabled(id, false); return nil })
}

func (w *world) Enable(_ context.Context, _, id string) (bool, error) {
	return true, w.step(func() error { w.setEnabled(id, true); return nil })
}

func (w *world) EnqueueEvent(_ context.Context, a Accepted) error {
	return w.step(func() error { w.tasks[a.ID] = a; return nil })
}

func (w *world) EnqueueDelivery(_ context.Context, d Due) error {
	return w.step(func() error { w.tasks[taskID(d)] = d; return nil })
}

func taskID(d Due) string { return fmt.Sprintf("%s/%d/%d", d.EventID, d.N, d.Round) }

func (w *world) Overdue(_ context.Context, limit int) (out []event.Delivery, err error) {
	err = w.step(func() error {
		for _, id := range slices.Sorted(maps.Keys(w.records)) {
			for _, d := range w.records[id].deliveries {
				if !d.State.Final() && !d.NextAttemptAt.After(w.now) && len(out) < limit {
					out = append(out, d)
				}
			}
		}
		return nil
	})
	return out, err
}

func (w *world) ResumeDelivery(ctx context.Context, d Due) (bool, error) {
	if _, ok := w.tasks[taskID(d)]; ok {
		return false, w.step(func() error { return nil })
	}
	return true, w.EnqueueDelivery(ctx, d)
}

func (w *world) Type() string { return "fake" }

// Send is the destination: its answer counts from the moment it was asked.
func (w *world) Send(_ context.Context, a transport.Attempt) ([]event.Recipient, error) {
	ch, ev := a.Channel, a.Event
	if w.trouble { // Redis's, which is not the destination's
		w.operations--
	}
	var recipients []event.Recipient
	if w.recipients != nil {
		recipients = w.recipients(a)
	}
	return recipients, w.step(func() error {
		w.sends[ch.Name+" "+string(ev.Type)]++
		return w.answers(ch, w.sends[ch.Name+" "+string(ev.Type)])
	})
}

// run works off all tasks as workers would, restarting a step that died, and
// lets time pass for those that wait.
func (w *world) run() {
	w.t.Helper()
	for range 1000 {
		id, ok := w.next()
		if !ok {
			return
		}
		err := w.once(id)
		var again *Again
		switch {
		case err == nil:
			delete(w.tasks, id)
			delete(w.due, id)
		case errors.As(err, &again):
			w.due[id] = w.now.Add(again.After)
		case !errors.Is(err, errDied) && !errors.Is(err, errTrouble):
			w.t.Fatalf("task %s: %v", id, err)
		}
	}
	w.t.Fatal("the tasks do not come to an end")
}

func (w *world) next() (string, bool) {
	var first string
	for id := range w.tasks {
		if first == "" || w.due[id].Before(w.due[first]) || (w.due[id].Equal(w.due[first]) && id < first) {
			first = id
		}
	}
	if due := w.due[first]; due.After(w.now) {
		w.now = due
	}
	return first, first != ""
}

func (w *world) once(id string) error {
	err := errDied
	done := make(chan struct{})
	go func() { // a life that can end anywhere
		defer close(done)
		switch task := w.tasks[id].(type) {
		case Accepted:
			err = w.relay().Event(context.Background(), task)
		case Due:
			err = w.relay().Delivery(context.Background(), task)
		default:
			err = errors.New("not a task")
		}
	}()
	<-done
	return err
}

func (w *world) accept(body string) Accepted {
	w.now = w.now.Add(time.Millisecond)
	a := Accepted{
		ID: event.NewID(w.now), TenantID: tenant, Source: "own", Platform: "own",
		ReceivedAt: w.now, Body: []byte(body),
	}
	w.tasks[a.ID] = a
	return a
}

func fakeChannel(name string, filters ...string) *channel.Channel {
	return &channel.Channel{ID: "id-" + name, TenantID: tenant, Name: name, Type: "fake", Enabled: true, Filters: filters}
}
