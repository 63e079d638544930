package gate

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/ratelimit"
	"accessrelay/internal/redistest"
)

// backend is a Redis that a test is run on.
type backend struct {
	*testing.T
	rdb redis.UniversalClient
}

// TestGate is on every Redis that the relay is run on.
func TestGate(t *testing.T) {
	for name, rdb := range redistest.Backends(t) {
		for what, test := range map[string]func(backend){
			"a channel without rate goes at once":        testAChannelWithoutRateGoesAtOnce,
			"the line is in the order of coming":         testTheLineIsInTheOrderOfComing,
			"who misses its turn gets a pass of its own": testWhoMissesItsTurnGetsAPassOfItsOwn,
			"the breaker":                            testTheBreaker,
			"a probe that dies":                      testAProbeThatDies,
			"a probe that says nothing":              testAProbeThatSaysNothing,
			"a test goes whatever stands against it": testATestGoesWhateverStandsAgainstIt,
			"a raised rate counts for those in line": testARaisedRateCountsForThoseInLine,
			"a changed rate makes promises void":     testAChangedRateMakesPromisesVoid,
			"another version of a channel is as new": testAnotherVersionIsAsNew,
			"a test lifts what the others wait for":  testATestLiftsWhatTheOthersWaitFor,
			"a lost gate loses nobody":               testALostGateLosesNobody,
			"a gate ends":                            testAGateEnds,
			"hold":                                   testHold,
			"overload":                               testOverload,
			"no turn that is too late":               testNoTurnThatIsTooLate,
			"the line of those that ended":           testTheLineOfThoseThatEnded,
			"a slow destination that is well":        testASlowDestinationThatIsWell,
		} {
			t.Run(what+" on "+name, func(t *testing.T) { test(backend{t, rdb}) })
		}
	}
}

func testAChannelWithoutRateGoesAtOnce(on backend) {
	t, rdb := on.T, on.rdb
	d := newDesk(t, rdb, nil)
	for i := range 100 {
		if p := d.enter(fmt.Sprint(i), 0); p != (Pass{}) {
			t.Fatalf("%+v", p)
		}
		if n := d.report(fmt.Sprint(i), Pass{}, Result{Alive: true}); n != (News{}) {
			t.Fatalf("%+v", n)
		}
	}
	if n := rdb.Exists(t.Context(), gateKey(d.id)).Val(); n != 0 {
		t.Error("a healthy channel left something in Redis")
	}
}

func testTheLineIsInTheOrderOfComing(on backend) {
	t, rdb := on.T, on.rdb
	d := newDesk(t, rdb, perSecond(1))
	if p := d.enter("first", 0); p.Wait != 0 {
		t.Fatalf("an idle channel has the first wait: %+v", p)
	}
	var turns []int64
	for i := range 5 {
		p := d.enter(fmt.Sprint(i), 0)
		if want := time.Duration(i+1) * 1040 * time.Millisecond; !about(p.Wait, want) {
			t.Errorf("%d waits %v, want %v", i, p.Wait, want)
		}
		turns = append(turns, p.Turn)
	}
	if p := d.enter("3", turns[3]); !about(p.Wait, 4*1040*time.Millisecond) || p.Turn != turns[3] {
		t.Errorf("who asks again keeps its turn: %+v", p)
	}
	for i, turn := range turns {
		d.pass(1040 * time.Millisecond)
		if p := d.enter(fmt.Sprint(i), turn); p.Wait != 0 {
			t.Errorf("%d waits %v at its turn", i, p.Wait)
		}
		if i+1 < len(turns) {
			if p := d.enter("next", turns[i+1]); p.Wait == 0 {
				t.Error("the next goes with it")
			}
		}
	}
}

func testWhoMissesItsTurnGetsAPassOfItsOwn(on backend) {
	t, rdb := on.T, on.rdb
	d := newDesk(t, rdb, perSecond(1))
	d.enter("first", 0)
	var turns []int64
	for i := range 5 {
		turns = append(turns, d.enter(fmt.Sprint(i), 0).Turn)
	}
	d.pass(time.Minute)
	if p := d.enter("0", turns[0]); p.Wait != 0 {
		t.Fatalf("the first to come waits: %+v", p)
	}
	for i := 1; i < 5; i++ {
		p := d.enter(fmt.Sprint(i), turns[i])
		if want := time.Duration(i) * time.Second; !about(p.Wait, want) || p.Turn >= 0 {
			t.Errorf("%d: %+v, want a pass in %v", i, p, want)
		}
		turns[i] = p.Turn
	}
	d.pass(time.Second)
	const second = int64(1e6) // a promised pass is a time
	if p := d.enter("1", turns[1]+second); p.Wait != 0 {
		t.Errorf("the promised pass: %+v", p)
	}
	next := d.enter("2", turns[2]+second)
	if !about(next.Wait, time.Second) || next.Turn != turns[2]+second {
		t.Errorf("the next: %+v", next)
	}
	// A hold takes the promise, and not the place before those in line.
	d.report("1", Pass{}, Result{Alive: true, Hold: 10 * time.Second})
	inLine := d.enter("new", 0)
	next = d.enter("2", next.Turn)
	if again := d.enter("2", next.Turn); next.Turn >= 0 || next.Wait >= inLine.Wait+5*time.Second || again.Turn != next.Turn {
		t.Errorf("%+v, then %+v; in line %+v", next, again, inLine)
	}
}

// A hold stops the line and keeps its order.
func testHold(on backend) {
	t, rdb := on.T, on.rdb
	for name, rate := range map[string]int{"with a rate": 1, "without": 0} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, rdb, nil)
			gap := drainGap
			if rate > 0 {
				d.rate, gap = perSecond(rate), 1040*time.Millisecond
			}
			first := d.enter("first", 0)
			var second Pass
			if rate > 0 {
				second = d.enter("second", 0)
			}
			n := d.report("first", first, Result{Alive: true, Hold: 30 * time.Second})
			if !about(n.Wait, 30*time.Second) || n.Opened {
				t.Errorf("%+v", n)
			}
			again := d.enter("first", first.Turn)
			if !about(again.Wait, 30*time.Second) || again.Broken {
				t.Errorf("who was turned away: %+v", again)
			}
			second = d.enter("second", second.Turn)
			third := d.enter("third", 0)
			if !about(second.Wait, 30*time.Second+gap) || third.Wait <= second.Wait {
				t.Errorf("the others wait %v and %v", second.Wait, third.Wait)
			}
			d.pass(30 * time.Second)
			if p := d.enter("first", again.Turn); p.Wait != 0 {
				t.Errorf("after it the first: %+v", p)
			}
			d.pass(gap)
			if p := d.enter("second", second.Turn); p.Wait != 0 {
				t.Errorf("then the second: %+v", p)
			}
		})
	}
}

func (d *desk) fail(times int, event string) (n News) {
	d.Helper()
	for range times {
		n = d.report(event, Pass{}, Result{Down: true})
		if n.Opened {
			return n
		}
	}
	return n
}

func testTheBreaker(on backend) {
	t, rdb := on.T, on.rdb
	d := newDesk(t, rdb, nil)
	if n := d.fail(50, "one"); n.Opened {
		t.Error("one event has opened it")
	}
	d.pass(rowTime)
	if n := d.fail(1, "two"); !n.Opened || n.Wait < firstProbe*8/10 {
		t.Fatalf("%+v", n)
	}
	if open, err := d.gate.Broken(t.Context(), []string{d.id, "other"}); err != nil || len(open) != 1 || !open[d.id] {
		t.Errorf("Broken = %v, %v", open, err)
	}
	a := d.enter("a", 0)
	b := d.enter("b", 0)
	if a.Wait < 4*time.Second || !a.Broken || b.Wait <= a.Wait {
		t.Fatalf("%+v, %+v", a, b)
	}
	for try, least := range []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute} {
		d.pass(70 * time.Second)
		p := d.enter("a", a.Turn)
		if p.Wait != 0 || !p.Broken {
			t.Fatalf("try %d: %+v", try, p)
		}
		for _, other := range []string{"b", "c"} {
			if q := d.enter(other, 0); q.Wait == 0 {
				t.Fatalf("%s goes beside the probe", other)
			}
		}
		if n := d.report("a", p, Result{Down: true}); n.Wait < least*8/10 || n.Wait > least*11/10 || n.Opened {
			t.Errorf("try %d: %+v, want %v", try, n, least)
		}
	}
	d.pass(70 * time.Second)
	p := d.enter("a", a.Turn)
	if n := d.report("a", p, Result{Alive: true}); !n.Closed || n.Wait != 0 || n.Fails != 0 {
		t.Errorf("%+v", n)
	}
	if p := d.enter("fresh", 0); p.Wait != 0 || p.Broken || p.Watched {
		t.Errorf("after it: %+v", p)
	}
	if n := d.fail(Threshold-1, "one"); n.Opened || n.Fails != Threshold-1 {
		t.Errorf("a new row: %+v", n)
	}
}

// Who tries the breaker and dies is followed by another.
func testAProbeThatDies(on backend) {
	t, rdb := on.T, on.rdb
	d := newDesk(t, rdb, nil)
	d.open()
	d.pass(10 * time.Second)
	if p := d.enter("dies", 0); p.Wait != 0 || !p.Broken {
		t.Fatalf("%+v", p)
	}
	p := d.enter("waits", 0)
	if !about(p.Wait, 20*time.Second) {
		t.Fatalf("%+v, want the lease", p)
	}
	d.pass(20 * time.Second)
	if p := d.enter("waits", p.Turn); p.Wait != 0 || !p.Broken {
		t.Errorf("%+v", p)
	}
	// What the first one says late counts as an answer all the same.
	if n := d.report("dies", Pass{Broken: true}, Result{Alive: true}); !n.Closed {
		t.Errorf("%+v", n)
	}
}

func (d *desk) open() {
	d.Helper()
	d.fail(Threshold, "one")
	d.pass(rowTime)
	if n := d.fail(1, "two"); !n.Opened {
		d.Fatalf("%+v", n)
	}
}

// A probe that says nothing of the destination makes room for another.
func testAProbeThatSaysNothing(on backend) {
	t, rdb := on.T, on.rdb
	d := newDesk(t, rdb, nil)
	d.open()
	d.pass(10 * time.Second)
	p := d.enter("a", 0)
	if n := d.report("a", p, Result{}); n.Closed || n.Wait != 0 {
		t.Errorf("%+v", n)
	}
	if p := d.enter("b", 0); p.Wait != 0 || !p.Broken {
		t.Errorf("%+v", p)
	}
}

func testATestGoesWhateverStandsAgainstIt(on backend) {
	t, rdb := on.T, on.rdb
	d := newDesk(t, rdb, perSecond(1))
	d.open()
	e := d.entry("test", 0)
	e.Test = true
	p, err := d.gate.Enter(t.Context(), e)
	if err != nil || p.Wait != 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	if n, err := d.gate.Report(t.Context(), e, p, Result{Down: true}); err != nil || n.Closed || n.Wait > firstProbe*11/10 {
		t.Errorf("one that failed: %+v, %v", n, err)
	}
	if n, err := d.gate.Report(t.Context(), e, p, Result{Alive: true}); err != nil || !n.Closed {
		t.Errorf("one that arrived: %+v, %v", n, err)
	}
	d.pass(time.Second)
	if p := d.enter("a", 0); p.Wait != 0 {
		t.Errorf("the others then: %+v", p)
	}
}

func testARaisedRateCountsForThoseInLine(on backend) {
	t, rdb := on.T, on.rdb
	d := newDesk(t, rdb, perSecond(1))
	var last Pass
	for i := range 101 {
		last = d.enter(fmt.Sprint(i), 0)
	}
	d.rate = perSecond(10)
	if p := d.enter("last", last.Turn); !about(p.Wait, 100*104*time.Millisecond) {
		t.Errorf("waits %v after %v", p.Wait, last.Wait)
	}
	d.rate = nil
	if p := d.enter("last", last.Turn); p.Wait > 1100*time.Millisecond {
		t.Errorf("without a rate it waits %v", p.Wait)
	}
}

// Those who missed their turns are promised passes far ahead. With another rate that
// is over, for them and for who comes then.
func testAChangedRateMakesPromisesVoid(on backend) {
	for name, raised := range map[string]*ratelimit.Rate{"raised": perSecond(100), "from 1 an hour": perSecond(1)} {
		on.Run(name, func(t *testing.T) {
			rate := perSecond(1)
			if *raised == *rate {
				rate = &ratelimit.Rate{N: 1, Per: time.Hour}
			}
			d := newDesk(t, on.rdb, rate)
			const late = 100
			d.left = 4 * late * rate.Per
			turns := make([]int64, late)
			for round := range 2 { // in line, and then too late
				for i := range turns {
					p := d.enter(fmt.Sprint(i), turns[i])
					if turns[i] = p.Turn; round == 1 && i > 0 && p.Turn >= 0 {
						t.Fatalf("%d: %+v, want a promise", i, p)
					}
				}
				if round == 0 {
					d.pass(2 * late * rate.Per)
				}
			}
			d.rate = raised
			if p := d.enter("new", 0); p.Wait > raised.Per/time.Duration(raised.N) {
				t.Errorf("who comes then waits %v", p.Wait)
			}
			gap := raised.Per / time.Duration(raised.N)
			for i, turn := range turns {
				p := d.enter(fmt.Sprint(i), turn)
				if p.Wait > time.Duration(i+2)*gap {
					t.Fatalf("%d waits %v", i, p.Wait)
				}
				if again := d.enter(fmt.Sprint(i), p.Turn); p.Wait > 0 && (again.Turn != p.Turn || again.Wait > p.Wait) {
					t.Fatalf("%d: %+v, then %+v", i, p, again)
				}
			}
			// Workers of which one has an old file are at cross purposes. Somebody goes.
			d.pass(time.Hour)
			went := 0
			for i := range 20 {
				if d.rate = raised; i%2 == 0 {
					d.rate = rate
				}
				if d.enter(fmt.Sprint("new", i), 0).Wait == 0 {
					went++
				}
				d.pass(2 * rate.Per)
			}
			if went < 10 {
				t.Errorf("with two rates at a time %d of 20 went", went)
			}
		})
	}
}

// A channel that was changed may have another destination.
func testAnotherVersionIsAsNew(on backend) {
	for name, rate := range map[string]*ratelimit.Rate{"with a rate": perSecond(1), "without": nil} {
		on.Run(name, func(t *testing.T) {
			d := newDesk(t, on.rdb, rate)
			d.version = 1
			d.report("a", Pass{}, Result{Alive: true, Hold: 24 * time.Hour})
			first := d.enter("first", 0)
			if first.Wait < 23*time.Hour {
				t.Fatalf("%+v", first)
			}
			d.version = 2
			if p := d.enter("new", 0); p.Wait > 2*time.Second {
				t.Errorf("after the change: %+v", p)
			}
			d.pass(3 * time.Second)
			if p := d.enter("first", first.Turn); p.Wait > 0 {
				t.Errorf("who waited already: %+v", p)
			}
			d.open()
			d.version = 3
			d.pass(time.Second)
			if p := d.enter("b", 0); p.Wait > 0 || p.Broken || p.Watched {
				t.Errorf("after the breaker opened: %+v", p)
			}
			d.version = 4
			d.fail(Threshold-1, "one")
			d.version = 5
			d.pass(rowTime)
			if n := d.fail(1, "two"); n.Fails != 1 {
				t.Errorf("what failed before counts: %+v", n)
			}
			d.version = 6
			d.open()
			d.version = 7
			if n := d.report("late", Pass{Broken: true}, Result{Alive: true}); n.Wait > 0 || n.Fails > 0 {
				t.Errorf("%+v", n)
			}
			if open, err := d.gate.Broken(t.Context(), []string{d.id}); err != nil || open[d.id] {
				t.Errorf("%v, %v", open, err)
			}
		})
	}
}

func testATestLiftsWhatTheOthersWaitFor(on backend) {
	for name, rate := range map[string]*ratelimit.Rate{"with a rate": perSecond(1), "without": nil} {
		on.Run(name, func(t *testing.T) {
			d := newDesk(t, on.rdb, rate)
			d.report("a", Pass{}, Result{Alive: true, Hold: 24 * time.Hour})
			first, second := d.enter("first", 0), d.enter("second", 0)
			e := d.entry("test", 0)
			e.Test = true
			p, err := d.gate.Enter(t.Context(), e)
			if err != nil || p.Wait > 0 {
				t.Fatalf("%+v, %v", p, err)
			}
			if _, err := d.gate.Report(t.Context(), e, p, Result{Alive: true}); err != nil {
				t.Fatal(err)
			}
			d.pass(3 * time.Second)
			if p := d.enter("first", first.Turn); p.Wait > 0 {
				t.Errorf("the first waits on: %+v", p)
			}
			if p := d.enter("second", second.Turn); p.Wait > time.Second {
				t.Errorf("the second waits on: %+v", p)
			}
		})
	}
}

func testALostGateLosesNobody(on backend) {
	t, rdb := on.T, on.rdb
	d := newDesk(t, rdb, perSecond(1))
	for i := range 5 {
		d.enter(fmt.Sprint(i), 0)
	}
	rdb.Del(t.Context(), gateKey(d.id))
	a, b := d.enter("a", 4), d.enter("b", 5)
	if a.Wait != 0 || !about(b.Wait, 1040*time.Millisecond) {
		t.Errorf("%+v, %+v", a, b)
	}
}

func testAGateEnds(on backend) {
	t, rdb := on.T, on.rdb
	d := newDesk(t, rdb, perSecond(1))
	for range 100 {
		d.enter("a", 0)
	}
	if ttl := rdb.PTTL(t.Context(), gateKey(d.id)).Val(); ttl < time.Hour+100*time.Second || ttl > 2*time.Hour {
		t.Errorf("it ends in %v", ttl)
	}
	e := newDesk(t, rdb, nil)
	e.fail(1, "one")
	if ttl := rdb.PTTL(t.Context(), gateKey(e.id)).Val(); ttl < 59*time.Minute || ttl > 2*time.Hour {
		t.Errorf("with a failure it ends in %v", ttl)
	}
}

// Without Redis a channel without a rate goes on; one with a rate waits.
func TestWithoutRedis(t *testing.T) {
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	t.Cleanup(func() { _ = rdb.Close() })
	if p := newDesk(t, rdb, nil).enter("a", 0); p.Wait != 0 {
		t.Errorf("%+v", p)
	}
	d := newDesk(t, rdb, perSecond(1))
	if p, err := d.gate.Enter(t.Context(), d.entry("a", 0)); err == nil {
		t.Errorf("%+v and no error", p)
	}
}
