package relay

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// crowd is deliveries that want places, in a bubble with a clock of its own.
type crowd struct {
	*places
	wg   sync.WaitGroup
	mu   sync.Mutex
	sent map[string]int
	off  map[string][]time.Duration
}

func newCrowd(all int) *crowd {
	return &crowd{places: newPlaces(all), sent: map[string]int{}, off: map[string][]time.Duration{}}
}

// come has n deliveries come to a channel whose destination takes so long.
func (c *crowd) come(channel string, n int, takes time.Duration, fast bool) {
	for range n {
		c.wg.Go(func() {
			c.arrive()
			defer c.leave()
			got, putOff := c.take(channel)
			c.mu.Lock()
			if got == nil {
				c.off[channel] = append(c.off[channel], putOff)
			} else {
				c.sent[channel]++
			}
			c.mu.Unlock()
			if got != nil {
				time.Sleep(takes)
				got.sent(fast)
			}
		})
	}
	synctest.Wait()
}

func (c *crowd) under(channel string) int {
	c.places.mu.Lock()
	defer c.places.mu.Unlock()
	if l := c.lanes[channel]; l != nil {
		return len(l.begun)
	}
	return 0
}

func TestWhoHangsKeepsItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(64)
		c.come("hangs", 100, 15*time.Second, false)
		if n := c.under("hangs"); n != 8 {
			t.Errorf("%d sends under way, want an eighth of 64", n)
		}
		if got := len(c.off["hangs"]); got != 100-8-8*laneWaiters {
			t.Errorf("%d were put off", got)
		}
		if !c.awaitRoom(time.Second) {
			t.Error("there is no room for others")
		}
		c.come("well", 8, 10*time.Millisecond, true)
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		if c.sends("well") != 8 {
			t.Errorf("the others sent %d", c.sent["well"])
		}
		c.wg.Wait()
		if c.sends("hangs") != 8+8*laneWaiters || c.busy != 0 || c.active != 0 || c.waiting != 0 {
			t.Errorf("at the end %d were sent; busy %d, active %d, waiting %d", c.sends("hangs"), c.busy, c.active, c.waiting)
		}
	})
}

// What answers fast grows while it has something to send, and loses it again.
func TestWhoAnswersFastGrows(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		c := newCrowd(64)
		most := 0
		for range 60 {
			c.come("fast", 70-c.queued("fast"), 100*time.Millisecond, true)
			most = max(most, c.under("fast"))
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		if most != 24 {
			t.Errorf("it had %d places, want its eighth and a quarter", most)
		}
		c.come("fast", 40, 15*time.Second, false) // it hangs now
		time.Sleep(2 * slow)
		c.places.mu.Lock()
		limit := c.limit(c.lanes["fast"], time.Now())
		c.places.mu.Unlock()
		if limit != 8 {
			t.Errorf("it may have %d places while it hangs", limit)
		}
		c.wg.Wait()
	})
}

func (c *crowd) sends(channel string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent[channel]
}

func (c *crowd) queued(channel string) int {
	c.places.mu.Lock()
	defer c.places.mu.Unlock()
	if l := c.lanes[channel]; l != nil {
		return len(l.line) + len(l.begun)
	}
	return 0
}

// Who is not let through by the gate says nothing of the destination.
func TestAPlaceThatIsNotUsedChangesNothing(t *testing.T) {
	p := newPlaces(64)
	for range 100 {
		got, _ := p.take("a")
		got.unused()
	}
	if l := p.lanes["a"]; l.took != 0 || l.most != p.share() || p.busy != 0 {
		t.Errorf("%+v, busy %d", l, p.busy)
	}
}

func TestPlacesGoToWhoCameFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(2)
		c.come("a", 1, time.Second, true)
		c.come("b", 1, time.Second, true)
		if c.awaitRoom(time.Millisecond) {
			t.Error("there is room while all places are taken")
		}
		c.come("c", 1, time.Second, true)
		c.come("d", 1, time.Second, true)
		time.Sleep(time.Second)
		synctest.Wait()
		if c.under("c") != 1 || c.under("d") != 1 {
			t.Errorf("%v", c.sent)
		}
		c.wg.Wait()
	})
}

// However many there are, they do not keep the worker busy with coming back.
func TestWhatIsPutOffComesBackInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(64)
		c.come("hangs", 40, 15*time.Second, false)
		time.Sleep(10 * time.Second)
		c.come("hangs", 4000, 0, false)
		waits := c.off["hangs"]
		if len(waits) != 4000 {
			t.Fatalf("%d put off", len(waits))
		}
		soon, longest := 0, (putOffMost+4000*putOffGap)*12/10
		for i, w := range waits {
			if w < putOffLeast || w > longest {
				t.Fatalf("%d is put off for %v", i, w)
			}
			if w < 20*time.Second {
				soon++
			}
		}
		if soon > 2000 {
			t.Errorf("%d come back within 20 s", soon)
		}
		c.wg.Wait()
	})
}

func TestTheEndEndsAllWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(8)
		c.come("hangs", 3, 15*time.Second, false)
		slept := make(chan bool)
		go func() { c.arrive(); defer c.leave(); slept <- c.sleep("other", time.Hour) }()
		synctest.Wait()
		c.drain()
		if <-slept {
			t.Error("it says that its time came")
		}
		synctest.Wait()
		if got := c.off["hangs"]; len(got) != 2 || got[0] != 0 {
			t.Errorf("put off %v", got)
		}
		if c.sleep("other", time.Hour) {
			t.Error("somebody waits after the end")
		}
		if !c.awaitRoom(time.Hour) {
			t.Error("the pump is held up")
		}
		c.wg.Wait()
		synctest.Wait()
		if c.active != 0 || c.waiting != 0 {
			t.Errorf("active %d, waiting %d", c.active, c.waiting)
		}
	})
}

// Channels that were well and busy hang all at once: there is room for others.
func TestAllWhoHaveGrownHangAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(64)
		grown := []string{"a", "b", "c"}
		for range 60 {
			for _, name := range grown {
				c.come(name, 70-c.queued(name), 100*time.Millisecond, true)
			}
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		for range 40 {
			for _, name := range grown {
				c.come(name, 70-c.queued(name), 15*time.Second, false)
			}
			time.Sleep(20 * time.Millisecond)
			synctest.Wait()
		}
		if most := 3*8 + 64/growOf; c.busy > most || c.busy < 3*8 {
			t.Errorf("they hold %d places of 64, want at most %d", c.busy, most)
		}
		if !c.awaitRoom(time.Second) {
			t.Error("the worker takes nothing more")
		}
		c.come("well", 8, time.Millisecond, true)
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if c.sends("well") != 8 {
			t.Errorf("of eight of another channel %d were sent at once", c.sends("well"))
		}
		c.wg.Wait()
		if c.busy != 0 || c.grown != 0 || c.active != 0 || c.waiting != 0 {
			t.Errorf("busy %d, grown %d, active %d, waiting %d", c.busy, c.grown, c.active, c.waiting)
		}
	})
}

// However many wait for their turns, a channel without one is served.
func TestWhoWaitsKeepsNobodyOut(t *testing.T) {
	for _, channels := range []int{5, 40} {
		t.Run(fmt.Sprint(channels, " channels"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(64)
				for i := range channels {
					for range 300 {
						c.wg.Go(func() { c.arrive(); defer c.leave(); c.sleep(fmt.Sprint(i), 3*time.Second) })
					}
				}
				synctest.Wait()
				if c.waiting > Waiting || c.waiting < min(channels*laneSleepers, Waiting) {
					t.Errorf("%d wait", c.waiting)
				}
				if !c.awaitRoom(time.Millisecond) {
					t.Error("the worker takes nothing more")
				}
				c.come("well", 8, time.Millisecond, true)
				time.Sleep(2 * time.Millisecond)
				synctest.Wait()
				if c.sends("well") != 8 {
					t.Errorf("%d were sent", c.sends("well"))
				}
				c.wg.Wait()
			})
		})
	}
}

func TestALaneEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(64)
		for i := range 100 {
			c.come(fmt.Sprint(i), 50, 15*time.Second, false) // some are put off
			c.places.mu.Lock()
			c.lanes[fmt.Sprint(i)].most = 20
			c.places.mu.Unlock()
		}
		c.wg.Wait()
		time.Sleep(10 * time.Minute)
		c.come("new", 1, time.Second, true)
		if len(c.lanes) != 1 {
			t.Errorf("%d lanes are left", len(c.lanes))
		}
		c.wg.Wait()
	})
}

func TestAPlaceIsGivenBackOnce(t *testing.T) {
	p := newPlaces(64)
	got, _ := p.take("a")
	other, _ := p.take("a")
	got.sent(true)
	got.unused()
	if p.busy != 1 {
		t.Errorf("busy %d", p.busy)
	}
	other.unused()
}
