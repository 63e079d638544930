package relayctl

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"accessrelay/internal/sender"
)

const (
	maxLines = 20              // answers that are shown one by one; refusals as many again
	progress = 2 * time.Second // between the lines that say how far it is
)

// tally is what has come of a burst so far.
type tally struct {
	out, err io.Writer
	single   bool // few enough to show each

	mu        sync.Mutex
	took      []time.Duration // of those that were taken
	refused   int
	shown     int
	startedAt time.Time
}

// send sends count times every body, no faster than the rate, and reports.
func (c *sendCmd) send(ctx context.Context, client *sender.Client, bodies []body, t *Terminal) error {
	total := c.Count * len(bodies)
	tally := &tally{out: t.Out, err: t.Err, single: total <= maxLines, startedAt: time.Now()}
	limit := rate.NewLimiter(rate.Inf, 1)
	if c.Rate > 0 {
		limit = rate.NewLimiter(rate.Limit(c.Rate), 1)
	}

	jobs := make(chan body)
	var workers sync.WaitGroup
	for range min(c.Parallel, total) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for b := range jobs {
				answer, err := client.Send(ctx, b.make())
				if ctx.Err() == nil || err == nil {
					tally.add(b.name, answer, err)
				}
			}
		}()
	}
	stop := tally.reportProgress(total)
	sent := 0
feeding:
	for range c.Count {
		for _, b := range bodies {
			if limit.Wait(ctx) != nil {
				break feeding
			}
			select {
			case jobs <- b:
				sent++
			case <-ctx.Done():
				break feeding
			}
		}
	}
	close(jobs)
	workers.Wait()
	stop()
	return tally.finish(sent, total)
}

func (y *tally) add(name string, a sender.Answer, err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	ok := err == nil && a.OK()
	if ok {
		y.took = append(y.took, a.Took)
	} else {
		y.refused++
	}
	if !y.single && (ok || y.shown >= maxLines) {
		return
	}
	y.shown++
	switch {
	case err != nil:
		fmt.Fprintf(y.out, "---  %-30s  %s: %v\n", "-", name, err)
	case ok:
		id := a.EventID
		if id == "" {
			id = "(no event id)"
		}
		fmt.Fprintf(y.out, "%d  %-30s  %s, %s\n", a.Status, id, name, shortTime(a.Took))
	default:
		fmt.Fprintf(y.out, "%d  %-30s  %s, %s: %s\n", a.Status, "-", name, shortTime(a.Took), a.Message)
	}
	if !y.single && y.shown == maxLines {
		fmt.Fprintln(y.out, "further refusals are only counted")
	}
}

// reportProgress says now and then how far a long burst is, until its result
// is called.
func (y *tally) reportProgress(total int) (stop func()) {
	if y.single {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(progress)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				y.mu.Lock()
				n := len(y.took) + y.refused
				fmt.Fprintf(y.err, "%d of %d, %.0f/s, %d refused\n", n, total, float64(n)/time.Since(y.startedAt).Seconds(), y.refused)
				y.mu.Unlock()
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// finish prints the summary of more than one.
func (y *tally) finish(sent, total int) error {
	n := len(y.took) + y.refused
	if total > 1 {
		elapsed := time.Since(y.startedAt)
		fmt.Fprintf(y.out, "%d sent in %s (%.0f/s), %d taken, %d refused", n, shortTime(elapsed), float64(n)/elapsed.Seconds(), len(y.took), y.refused)
		if len(y.took) > 0 {
			slices.Sort(y.took)
			fmt.Fprintf(y.out, "; answered in p50 %s, p99 %s, max %s",
				shortTime(quantile(y.took, 0.50)), shortTime(quantile(y.took, 0.99)), shortTime(y.took[len(y.took)-1]))
		}
		fmt.Fprintln(y.out)
	}
	switch {
	case sent < total:
		return fmt.Errorf("stopped after %d of %d", n, total)
	case y.refused > 0 || n < total:
		return errReported
	}
	return nil
}

// quantile is of sorted and not empty durations.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// shortTime leaves out the digits that say nothing.
func shortTime(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	default:
		return d.Round(10 * time.Microsecond).String()
	}
}
