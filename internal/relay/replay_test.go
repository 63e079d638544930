package relay

import (
	"errors"
	"fmt"
	"testing"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

// deadThen is a world with one delivery that is dead, to a destination that
// refuses so many attempts.
func deadThen(t *testing.T, refusals int) (*world, string) {
	t.Helper()
	w, _ := newWorld(t, fakeChannel("all"))
	w.answers = func(_ *channel.Channel, nth int) error {
		if nth <= refusals {
			return failed(transport.Dead, 0)
		}
		return nil
	}
	a := w.accept(granted)
	w.run()
	if d := w.records[a.ID].deliveries[0]; d.State != event.StateDead || d.Round != 1 {
		t.Fatalf("got %+v", d)
	}
	return w, a.ID
}

func TestReplayIsARoundOfTheSameEvent(t *testing.T) {
	for _, tt := range []struct {
		name     string
		refusals int
		recorded bool // the round had begun when the worker came to its task
		want     event.State
	}{
		{"begun by who asked for it", 1, true, event.StateDelivered},
		{"begun by the task", 1, false, event.StateDelivered},
		{"dead again", 2, false, event.StateDead},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, id := deadThen(t, tt.refusals)
			died := w.records[id].deliveries[0]
			w.tasks["replay"] = Due{EventID: id, Round: 2}
			if tt.recorded {
				if err := w.Replay(t.Context(), tenant, died); err != nil {
					t.Fatal(err)
				}
			}
			w.now = w.now.Add(policy.MaxAge * 2) // a round's age counts from its own beginning
			w.run()
			d := w.records[id].deliveries[0]
			if d.State != tt.want || d.Round != 2 || d.Attempts != 2 || w.sends["all grant.active"] != 2 {
				t.Errorf("sent %d times, %+v", w.sends["all grant.active"], d)
			}
		})
	}
}

// A replay has all retries again, whatever the round before used up.
func TestReplayHasItsRetries(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	w.answers = func(_ *channel.Channel, nth int) error {
		if nth <= 7 {
			return failed(transport.Retry, 0)
		}
		return nil
	}
	a := w.accept(granted)
	w.run()
	w.tasks["replay"] = Due{EventID: a.ID, Round: 2}
	w.run()
	d := w.records[a.ID].deliveries[0]
	if d.State != event.StateDelivered || d.Attempts != 8 || d.RetriesUsed != 3 {
		t.Errorf("got %+v", d)
	}
}

func TestATaskOfAnotherRoundDoesNothing(t *testing.T) {
	w, id := deadThen(t, 1)
	for _, round := range []int{3, 4} { // not the next one
		if err := w.relay().Delivery(t.Context(), Due{EventID: id, Round: round}); err != nil {
			t.Fatal(err)
		}
	}
	if d := w.records[id].deliveries[0]; d.State != event.StateDead || d.Round != 1 {
		t.Errorf("got %+v", d)
	}
	if err := w.Replay(t.Context(), tenant, w.records[id].deliveries[0]); err != nil {
		t.Fatal(err)
	}
	for _, round := range []int{1, 3} {
		if err := w.relay().Delivery(t.Context(), Due{EventID: id, Round: round}); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.sends["all grant.active"]; n != 1 {
		t.Errorf("sent %d times", n)
	}
}

// Die at every operation of a replay, before it and after it, and go on: it
// comes to its end, and sends twice only around the send.
func TestDeathAtEveryStepOfAReplay(t *testing.T) {
	scenario := func(dieAt int, after bool) (*world, event.Delivery) {
		w, id := deadThen(t, 1)
		w.operations, w.dieAt, w.dieAfter = 0, dieAt, after
		w.tasks["replay"] = Due{EventID: id, Round: 2}
		w.run()
		return w, w.records[id].deliveries[0]
	}
	calm, _ := scenario(0, false)
	if calm.operations < 5 { // load, replay, load, send, record and what is between
		t.Fatalf("only %d operations", calm.operations)
	}
	for at := 1; at <= calm.operations; at++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d after=%v", at, after), func(t *testing.T) {
				w, d := scenario(at, after)
				if n := w.sends["all grant.active"]; d.State != event.StateDelivered || d.Round != 2 || d.Attempts != 2 || n < 2 || n > 3 {
					t.Errorf("sent %d times, %+v", n, d)
				}
			})
		}
	}
	// Redis trouble is no reason to give up on it.
	w, id := deadThen(t, 1)
	w.operations, w.dieAt, w.trouble = 0, 2, true
	if err := w.relay().Delivery(t.Context(), Due{EventID: id, Round: 2}); !errors.Is(err, errTrouble) {
		t.Errorf("Delivery: %v", err)
	}
}
