package relay

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

// Whoever waits for a place for long looks again at what was read before.
func TestALongWaitForAPlace(t *testing.T) {
	for name, tt := range map[string]struct {
		wait      time.Duration
		meanwhile func(*world, *event.Delivery)
		sent      int
		state     event.State
		again     bool // another run is asked for
	}{
		"nothing happened":       {15 * time.Second, func(*world, *event.Delivery) {}, 1, event.StateDelivered, false},
		"a short one":            {fresh / 2, func(*world, *event.Delivery) {}, 1, event.StateDelivered, false},
		"the channel is off":     {15 * time.Second, func(w *world, _ *event.Delivery) { w.setEnabled("id-all", false) }, 0, event.StateDead, false},
		"the channel is gone":    {15 * time.Second, func(w *world, _ *event.Delivery) { w.channels = nil }, 0, event.StateDead, false},
		"another has sent it":    {15 * time.Second, func(_ *world, d *event.Delivery) { d.State = event.StateDelivered; d.Attempts++ }, 0, event.StateDelivered, true},
		"another has tried":      {15 * time.Second, func(_ *world, d *event.Delivery) { d.State = event.StateRetrying; d.Attempts++ }, 0, event.StateRetrying, true},
		"it has been replayed":   {15 * time.Second, func(_ *world, d *event.Delivery) { d.Round++ }, 0, event.StatePending, true},
		"Redis does not answer":  {15 * time.Second, func(w *world, _ *event.Delivery) { w.dieAt, w.trouble = w.operations+1, true }, 0, event.StatePending, false},
		"its record is no more ": {15 * time.Second, func(w *world, d *event.Delivery) { delete(w.records, d.EventID) }, 0, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := newWorld(t, fakeChannel("all"))
				a := w.accept(granted)
				if err := w.once(a.ID); err != nil {
					t.Fatal(err)
				}
				var busy []*place
				for range r.places.share() {
					got, _ := r.places.take("id-all")
					busy = append(busy, got)
				}
				done := make(chan error)
				go func() { done <- r.Delivery(context.Background(), Due{EventID: a.ID, Round: 1}) }()
				synctest.Wait()
				time.Sleep(tt.wait)
				record := w.records[a.ID]
				tt.meanwhile(w, &record.deliveries[0])
				busy[0].sent(true)
				err := <-done
				if n := w.sends["all "+string(event.GrantActive)]; n != tt.sent || len(w.gate.results) != tt.sent {
					t.Errorf("sent %d times, told %d results", n, len(w.gate.results))
				}
				if d := record.deliveries[0]; tt.state != "" && d.State != tt.state {
					t.Errorf("%+v", d)
				}
				var again *Again
				if errors.As(err, &again) != tt.again || (err == nil) != (!tt.again && !w.trouble) {
					t.Errorf("%v", err)
				}
				for _, p := range busy[1:] {
					p.unused()
				}
				if r.places.busy != 0 || r.places.active != 0 || r.places.waiting != 0 {
					t.Errorf("busy %d, active %d, waiting %d", r.places.busy, r.places.active, r.places.waiting)
				}
			})
		})
	}
}

type faulty struct{ transport.Transport }

func (faulty) Send(context.Context, transport.Attempt) ([]event.Recipient, error) {
	panic("a bug with a canary")
}

// A bug of a transport costs no place, and a delivery that meets it always comes to
// its end.
func TestAPanicIsAFailedAttempt(t *testing.T) {
	w, r := newWorld(t, fakeChannel("all"))
	r.transports["fake"] = faulty{w}
	a := w.accept(granted)
	if err := w.once(a.ID); err != nil {
		t.Fatal(err)
	}
	for range policy.MaxRetries + 1 {
		_ = r.Delivery(t.Context(), Due{EventID: a.ID, Round: 1})
		w.now = w.now.Add(time.Hour)
	}
	d := w.records[a.ID].deliveries[0]
	if d.State != event.StateDead || d.LastReason != string(transport.ReasonRender) || d.Attempts != policy.MaxRetries+1 {
		t.Errorf("%+v", d)
	}
	if log := w.log.String(); strings.Contains(log+d.LastError, "canary") || !strings.Contains(log, "faulty.Send") {
		t.Errorf("the log does not say where, or quotes what the panic says: %s", log)
	}
	if r.places.busy != 0 || r.places.active != 0 {
		t.Errorf("busy %d, active %d", r.places.busy, r.places.active)
	}
}
