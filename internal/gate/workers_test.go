package gate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"accessrelay/internal/redistest"
)

// Several workers, each with a Gate of its own, let a crowd through by the clock of
// one Redis. However they come, and whatever the destination asks for meanwhile,
// no more pass than the rate allows, none while it is held, and all in the end.
func TestWorkersKeepThePaceTogether(t *testing.T) {
	rdb := redistest.Start(t).Client()
	const crowd, rate, workers = 120, 100, 3
	d := newDesk(t, rdb, perSecond(rate))
	gates := make([]*Gate, workers)
	for i := range gates {
		gates[i] = New(rdb)
	}
	var (
		mu     sync.Mutex
		passed []time.Time // by this process' clock, just after the gate's word
		holds  [][2]time.Time
		wg     sync.WaitGroup
	)
	for i := range crowd {
		wg.Go(func() {
			g, e := gates[i%workers], d.entry(fmt.Sprint(i), 0)
			time.Sleep(rand.N(300 * time.Millisecond)) // they come when they come
			for {
				p, err := g.Enter(t.Context(), e)
				if err != nil {
					t.Error(err)
					return
				}
				if p.Wait > 0 {
					e.Turn = p.Turn
					time.Sleep(p.Wait + rand.N(3*time.Millisecond)) // workers are late
					continue
				}
				mu.Lock()
				defer mu.Unlock()
				now := time.Now()
				passed = append(passed, now)
				if n := len(passed); n == 40 || n == 80 {
					if _, err := g.Report(t.Context(), e, p, Result{Alive: true, Hold: 200 * time.Millisecond}); err != nil {
						t.Error(err)
					}
					holds = append(holds, [2]time.Time{time.Now(), now.Add(200 * time.Millisecond)})
				}
				return
			}
		})
	}
	wg.Wait()
	if len(passed) != crowd {
		t.Fatalf("%d of %d passed", len(passed), crowd)
	}
	slices.SortFunc(passed, time.Time.Compare)
	// A pass may be used a quarter of the gap late, and its word come late here.
	const least, slack = time.Second / rate, 100 * time.Millisecond
	for i := range passed {
		for j := i + 1; j < crowd; j++ {
			if took := passed[j].Sub(passed[i]); took < time.Duration(j-i)*least-slack {
				t.Fatalf("passes %d to %d within %v", i, j, took)
			}
		}
	}
	for _, h := range holds {
		inside := 0
		for _, at := range passed {
			if at.After(h[0].Add(slack/2)) && at.Before(h[1].Add(-slack/2)) {
				inside++
			}
		}
		if inside > 0 {
			t.Errorf("%d passed while the destination was to be left alone", inside)
		}
	}
	if whole := passed[crowd-1].Sub(passed[0]); whole > 4*(crowd*least+2*200*time.Millisecond) {
		t.Errorf("it took %v", whole)
	}
}

// The rate is changed twice while workers wait for promised passes: no rate is broken
// at its time, and nobody waits as the first one asked.
func TestWorkersKeepAChangedPace(t *testing.T) {
	rdb := redistest.Start(t).Client()
	d := newDesk(t, rdb, perSecond(2))
	const crowd = 150
	turns := make([]int64, crowd)
	for i := range turns {
		turns[i] = d.enter(fmt.Sprint(i), 0).Turn
	}
	d.pass(2 * crowd * time.Second)
	for i := range turns {
		turns[i] = d.enter(fmt.Sprint(i), turns[i]).Turn // up to 75 s ahead
	}
	var (
		mu     sync.Mutex
		passed []time.Time
		rates  = []int{200, 50} // the second one from the hundredth on
		rate   atomic.Int32
		slower time.Time
		wg     sync.WaitGroup
	)
	rate.Store(0)
	for i := range crowd {
		wg.Go(func() {
			g, e := New(rdb), d.entry(fmt.Sprint(i), turns[i])
			for {
				e.Rate = perSecond(rates[rate.Load()])
				p, err := g.Enter(t.Context(), e)
				if err != nil {
					t.Error(err)
					return
				}
				if p.Wait > 0 {
					e.Turn = p.Turn
					time.Sleep(min(p.Wait, 100*time.Millisecond))
					continue
				}
				mu.Lock()
				defer mu.Unlock()
				if passed = append(passed, time.Now()); len(passed) == 100 {
					rate.Store(1)
					slower = time.Now()
				}
				return
			}
		})
	}
	wg.Wait()
	if len(passed) != crowd {
		t.Fatalf("%d of %d passed", len(passed), crowd)
	}
	slices.SortFunc(passed, time.Time.Compare)
	const slack = 100 * time.Millisecond
	least := func(i int) time.Duration {
		if passed[i].Before(slower.Add(slack)) { // who has asked before goes by the rate before
			return time.Second / time.Duration(rates[0])
		}
		return time.Second / time.Duration(rates[1])
	}
	for i := range passed {
		for j := i + 1; j < crowd; j++ {
			if took := passed[j].Sub(passed[i]); took < time.Duration(j-i)*least(i)-slack {
				t.Fatalf("passes %d to %d within %v", i, j, took)
			}
		}
	}
	if whole := passed[crowd-1].Sub(passed[0]); whole > 20*time.Second {
		t.Errorf("it took %v", whole)
	}
}

// However many ask, one tries an open breaker.
func TestOneTriesAtATime(t *testing.T) {
	rdb := redistest.Start(t).Client()
	d := newDesk(t, rdb, nil)
	d.open()
	for try := range 10 {
		d.pass(2 * lastProbe)
		var through atomic.Int32
		var probe atomic.Pointer[Entry]
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				e := d.entry(fmt.Sprint(i), 0)
				p, err := New(rdb).Enter(t.Context(), e)
				if err == nil && p.Wait == 0 {
					through.Add(1)
					probe.Store(&e)
				}
			})
		}
		wg.Wait()
		if n := through.Load(); n != 1 {
			t.Fatalf("try %d: %d went", try, n)
		}
		d.report(probe.Load().DeliveryID, Pass{Broken: true}, Result{Down: true})
	}
}
