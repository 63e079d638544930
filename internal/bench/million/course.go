package main

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const sampling = 100 * time.Millisecond

// course is how a program's memory goes while it handles so many events. It is
// safe for concurrent use.
type course struct {
	of     *program
	events int
	start  time.Time
	took   time.Duration // set by end
	done   atomic.Int64  // events so far
	stop   chan struct{}
	wg     sync.WaitGroup

	// In bytes, the highest while so many tenths of the events were done.
	mu    sync.Mutex
	peaks [10]int64
	err   error
}

// newCourse begins to watch p. end must be called.
func newCourse(p *program, events int) *course {
	c := &course{of: p, events: events, start: time.Now(), stop: make(chan struct{})}
	c.wg.Go(func() {
		tick := time.NewTicker(sampling)
		defer tick.Stop()
		for {
			c.sample()
			select {
			case <-c.stop:
				return
			case <-tick.C:
			}
		}
	})
	return c
}

func (c *course) sample() {
	tenth := min(c.done.Load()*10/int64(c.events), 9)
	rss, err := c.of.memory()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.err = err
		return
	}
	c.peaks[tenth] = max(c.peaks[tenth], rss)
}

func (c *course) end() {
	c.took = time.Since(c.start)
	c.sample()
	close(c.stop)
	c.wg.Wait()
}

// growth compares the most memory that was used after the first tenth of the
// events with the most in that tenth.
func (c *course) growth() (first, later int64, ratio float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first = c.peaks[0]
	for _, p := range c.peaks[1:] {
		later = max(later, p)
	}
	return first, later, float64(later) / float64(max(first, 1))
}

func (c *course) flat() error {
	if c.err != nil {
		return c.err
	}
	if _, _, ratio := c.growth(); ratio > flat {
		return fmt.Errorf("%s grew to %.2f times what it was in the first tenth, want at most %.2f", c.of.name, ratio, flat)
	}
	return nil
}

func (c *course) print(what string) {
	n := c.done.Load()
	first, later, ratio := c.growth()
	fmt.Fprintf(os.Stdout, "%d events %s in %v: %.0f/s\n", n, what, c.took.Round(time.Second), float64(n)/c.took.Seconds())
	fmt.Fprintf(os.Stdout, "  %-16s %.1f MiB at most in the first tenth, %.1f after: %.2f\n", c.of.name, mib(first), mib(later), ratio)
	fmt.Fprintf(os.Stdout, "  by tenths       ")
	for _, p := range c.peaks {
		fmt.Fprintf(os.Stdout, " %.1f", mib(p))
	}
	fmt.Fprintln(os.Stdout)
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }
