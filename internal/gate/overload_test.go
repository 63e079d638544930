package gate

import (
	"fmt"
	"testing"
	"time"

	"accessrelay/internal/ratelimit"
)

func perHour(n int) *ratelimit.Rate { return &ratelimit.Rate{N: n, Per: time.Hour} }

// waiter is a delivery that asks again and again.
type waiter struct {
	name string
	born int // in which hour
	turn int64
}

// ask returns what the gate says to a waiter in an hour of its own, and whether it
// has become too old by then.
func (d *desk) ask(w *waiter, hour int) (p Pass, old bool) {
	d.Helper()
	e := d.entry(w.name, w.turn)
	e.Left = maxAge - time.Duration(hour-w.born)*time.Hour
	p, err := d.gate.Enter(d.Context(), e)
	if err != nil {
		d.Fatal(err)
	}
	w.turn = p.Turn
	return p, e.Left <= 0
}

// More come than the rate lets through, day after day: what is too much ends, and all
// the others go at the rate.
func testOverload(on backend) {
	d := newDesk(on.T, on.rdb, perHour(1))
	var waiting []*waiter
	const days = 5
	var sent, died [days]int
	for hour := range days * 24 {
		for i := range 2 {
			waiting = append(waiting, &waiter{name: fmt.Sprint(hour, "-", i), born: hour})
		}
		var still []*waiter
		for _, w := range waiting {
			switch p, old := d.ask(w, hour); {
			case p.Wait == 0:
				sent[hour/24]++
			case old:
				died[hour/24]++
			default:
				still = append(still, w)
			}
		}
		waiting = still
		d.pass(time.Hour)
	}
	for day, n := range sent {
		if n < 22 || n > 24 { // turns are 4 % further apart than the rate says
			d.Errorf("day %d: %d were sent and %d died, want 23 sent", day+1, n, died[day])
		}
	}
	if len(waiting) > 50 {
		d.Errorf("%d still wait", len(waiting))
	}
}

func testNoTurnThatIsTooLate(on backend) {
	d := newDesk(on.T, on.rdb, perHour(1))
	for i := range 60 {
		p := d.enter(fmt.Sprint("burst", i), 0)
		if has, want := p.Turn != 0, i <= 23; i > 0 && has != want {
			d.Errorf("number %d of a burst waits %v with turn %d", i, p.Wait, p.Turn)
		}
		if p.Turn == 0 && i > 0 && p.Wait <= maxAge {
			d.Errorf("number %d has no turn although it is only %v away", i, p.Wait)
		}
	}
	// A destination that wants to be left alone for longer than a delivery can wait.
	d = newDesk(on.T, on.rdb, nil)
	d.report("first", Pass{}, Result{Down: true, Hold: 2 * maxAge})
	if p := d.enter("a", 0); p.Turn != 0 || !p.Asked || p.Wait <= maxAge {
		d.Errorf("%+v", p)
	}
}

// Those in line end while they wait, and do not say so.
func testTheLineOfThoseThatEnded(on backend) {
	flood := func(d *desk, n int) {
		for i := range n {
			d.enter(fmt.Sprint("flood", i), 0)
		}
	}
	on.Run("the channel was changed", func(t *testing.T) {
		d := newDesk(t, on.rdb, perSecond(1))
		d.version = 1
		flood(d, 300)
		d.version = 2
		d.pass(5 * time.Second)
		if p := d.enter("new", 0); p.Wait != 0 {
			t.Errorf("a new delivery waits %v", p.Wait)
		}
		if p := d.enter("next", 0); !about(p.Wait, 1040*time.Millisecond) {
			t.Errorf("the next waits %v", p.Wait)
		}
		if p := d.enter("flood200", 200); p.Wait == 0 || p.Wait > 3*time.Second {
			t.Errorf("who is in line all the same waits %v", p.Wait)
		}
	})
	on.Run("nobody comes to its turn", func(t *testing.T) {
		d := newDesk(t, on.rdb, perSecond(1))
		flood(d, 3000)
		d.pass(patience / 2)
		if p := d.enter("early", 0); p.Wait < 40*time.Minute {
			t.Errorf("those in line may still come, and a new delivery waits %v", p.Wait)
		}
		d.pass(patience/2 + time.Second)
		if p := d.enter("new", 0); p.Wait != 0 {
			t.Errorf("a new delivery waits %v", p.Wait)
		}
		if p := d.enter("next", 0); !about(p.Wait, 1040*time.Millisecond) {
			t.Errorf("the next waits %v", p.Wait)
		}
	})
	on.Run("a slow rate takes its time", func(t *testing.T) {
		d := newDesk(t, on.rdb, perHour(1))
		flood(d, 10)
		d.pass(2 * time.Hour)
		if p := d.enter("new", 0); p.Wait < 7*time.Hour {
			t.Errorf("a new delivery waits %v", p.Wait)
		}
	})
}

// The destination is slow, and every third answer a failure. Each success is told,
// also of those that were let in before the first failure.
func testASlowDestinationThatIsWell(on backend) {
	d := newDesk(on.T, on.rdb, nil)
	var passes []Pass
	for i := range 90 {
		passes = append(passes, d.enter(fmt.Sprint("d", i), 0))
	}
	for i, p := range passes {
		r := Result{Alive: true}
		if i%3 == 0 {
			r = Result{Down: true}
		}
		if n := d.report(fmt.Sprint("d", i), p, r); n.Opened {
			d.Fatalf("the breaker opens after %d answers, two of three of them good", i+1)
		}
		d.pass(150 * time.Millisecond)
	}
}
