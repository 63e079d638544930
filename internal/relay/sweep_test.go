package relay

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

const resumedMetric = "accessrelay_deliveries_resumed_total"

func (w *world) sweep(r *Relay, resumed int) {
	w.t.Helper()
	if err := r.Sweep(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	want := fmt.Sprintf("# HELP %s Open deliveries whose task had vanished, found and enqueued again.\n# TYPE %[1]s counter\n%[1]s %d\n", resumedMetric, resumed)
	if err := testutil.GatherAndCompare(w.metrics, strings.NewReader(want), resumedMetric); err != nil {
		w.t.Error(err)
	}
}

func TestSweepResumesWhatHasNoTask(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("a"), fakeChannel("b"), fakeChannel("late"))
	w.answers = func(ch *channel.Channel, nth int) error {
		if ch.Name == "late" && nth == 1 {
			return failed(transport.Retry, 0)
		}
		return nil
	}
	a := w.accept(granted)
	if err := w.once(a.ID); err != nil {
		t.Fatal(err)
	}
	var again *Again
	if err := w.once(taskID(Due{EventID: a.ID, N: 2, Round: 1})); !errors.As(err, &again) {
		t.Fatal(err)
	}
	gone := taskID(Due{EventID: a.ID, N: 1, Round: 1})
	clear(w.tasks)
	w.tasks[taskID(Due{EventID: a.ID, N: 0, Round: 1})] = Due{EventID: a.ID, N: 0, Round: 1}

	r := w.relay()
	w.sweep(r, 1) // not the one that has its task, nor the one that waits for its retry
	if _, ok := w.tasks[gone]; !ok || len(w.tasks) != 2 {
		t.Errorf("tasks %v", w.tasks)
	}
	if !strings.Contains(w.log.String(), "event="+a.ID) || !strings.Contains(w.log.String(), "level=WARN") {
		t.Errorf("the log says\n%s", w.log)
	}
	w.sweep(r, 1)
	w.now = w.records[a.ID].deliveries[2].NextAttemptAt
	w.sweep(r, 2)
	w.run()
	for _, d := range w.records[a.ID].deliveries {
		if d.State != event.StateDelivered {
			t.Errorf("got %+v", d)
		}
	}
}

// A worker dies at every operation of an event, and the event's task dies with
// it. If a record was made, all of its plan is delivered all the same.
func TestSweepFinishesAFanOut(t *testing.T) {
	planned := 0
	for at := 1; at <= 5; at++ { // claim, channels, open, two tasks
		for _, after := range []bool{false, true} {
			w, _ := newWorld(t, fakeChannel("a"), fakeChannel("b"))
			a := w.accept(granted)
			w.dieAt, w.dieAfter = at, after
			_ = w.once(a.ID)
			delete(w.tasks, a.ID)
			rec := w.records[a.ID]
			if rec == nil {
				continue
			}
			planned++
			r := w.relay()
			if err := r.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.run()
			for _, d := range rec.deliveries {
				if d.State != event.StateDelivered || w.sends[d.ChannelName+" grant.active"] != 1 {
					t.Errorf("death at %d, after=%v: sent %v, got %+v", at, after, w.sends, d)
				}
			}
		}
	}
	if planned < 5 {
		t.Errorf("a record was made in %d cases only", planned)
	}
}

// Many lost together go on at once, with a bounded number of lines.
func TestSweepOfMany(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("a"))
	const n = 3 * sweepLines
	for i := range n {
		a := w.accept(fmt.Sprintf(`{"type":"grant.active","request":{"id":"%d"}}`, i))
		if err := w.once(a.ID); err != nil {
			t.Fatal(err)
		}
	}
	clear(w.tasks)
	w.log.Reset()
	w.sweep(w.relay(), n)
	if lines := strings.Count(w.log.String(), "\n"); lines != sweepLines+1 {
		t.Errorf("%d lines:\n%s", lines, w.log)
	}
	if len(w.tasks) != n {
		t.Errorf("%d tasks", len(w.tasks))
	}
}

// What one sweep cannot do, the next does; what it can do, it does.
func TestSweepInTrouble(t *testing.T) {
	for at := 1; at <= 4; at++ {
		w, _ := newWorld(t, fakeChannel("a"), fakeChannel("b"), fakeChannel("c"))
		a := w.accept(granted)
		if err := w.once(a.ID); err != nil {
			t.Fatal(err)
		}
		clear(w.tasks)
		w.operations, w.dieAt, w.trouble = 0, at, true
		r := w.relay()
		if err := r.Sweep(t.Context()); !errors.Is(err, errTrouble) {
			t.Errorf("trouble at %d: %v", at, err)
		}
		if want := 2; at > 1 && len(w.tasks) != want {
			t.Errorf("trouble at %d: %d tasks, want %d", at, len(w.tasks), want)
		}
		w.dieAt = 0
		w.sweep(r, 3)
		if len(w.tasks) != 3 {
			t.Errorf("trouble at %d: tasks %v", at, w.tasks)
		}
	}
}
