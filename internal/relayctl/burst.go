package relayctl

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/time/rate"

	"accessrelay/internal/sender"
)

const (
	maxLines = 20              // answers that are shown one by one; refusals as many again
	progress = 2 * time.Second // between the lines that say how far it is
)

// outcome is what has become of one party's webhooks so far.
type outcome struct{ sent, taken int }

// job is one webhook to send.
type job struct {
	from *party
	body body
}

// tally is what has come of a burst so far.
type tally struct {
	out, err io.Writer
	single   bool // few enough to show each
	width    int  // of the parties' names; 0: there is one party

	mu        sync.Mutex
	took      []time.Duration // of those that were taken
	refused   int
	shown     int
	startedAt time.Time
}

// send sends count times every body of the parties, no faster than the rate,
// and reports.
func (c *sendCmd) send(ctx context.Context, parties []*party, t *Terminal) error {
	var round []job
	width := 0
	for _, p := range parties {
		if p.missing != nil {
			continue
		}
		for _, b := range p.bodies {
			round = append(round, job{p, b})
		}
		if len(parties) > 1 {
			width = max(width, len(p.name))
		}
	}
	total := c.Count * len(round)
	tally := &tally{out: t.Out, err: t.Err, single: total <= maxLines || c.Count == 1, width: width, startedAt: time.Now()}
	sent := c.burst(ctx, round, total, tally)
	if len(parties) > 1 {
		showParties(t.Out, parties)
	}
	err := tally.finish(sent, total)
	for _, p := range parties {
		if err == nil && p.missing != nil {
			err = errReported
		}
	}
	return err
}

// burst returns how many were begun.
func (c *sendCmd) burst(ctx context.Context, round []job, total int, tally *tally) (sent int) {
	limit := rate.NewLimiter(rate.Inf, 1)
	if c.Rate > 0 {
		limit = rate.NewLimiter(rate.Limit(c.Rate), 1)
	}
	jobs := make(chan job)
	var workers sync.WaitGroup
	for range min(c.Parallel, total) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for j := range jobs {
				answer, err := j.from.client.Send(ctx, j.body.make())
				if ctx.Err() == nil || err == nil {
					tally.add(j, answer, err)
				}
			}
		}()
	}
	stop := tally.reportProgress(total)
feeding:
	for range c.Count {
		for _, j := range round {
			if limit.Wait(ctx) != nil {
				break feeding
			}
			select {
			case jobs <- j:
				sent++
			case <-ctx.Done():
				break feeding
			}
		}
	}
	close(jobs)
	workers.Wait()
	stop()
	return sent
}

func (y *tally) add(j job, a sender.Answer, err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	ok := err == nil && a.OK()
	j.from.sent++
	if ok {
		j.from.taken++
		y.took = append(y.took, a.Took)
	} else {
		y.refused++
	}
	if !y.single && (ok || y.shown >= maxLines) {
		return
	}
	y.shown++
	name := j.body.name
	if y.width > 0 {
		name = fmt.Sprintf("%-*s  %s", y.width, j.from.name, name)
	}
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

// showParties is a line for each of several parties.
func showParties(w io.Writer, parties []*party) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\nSOURCE\tPLATFORM\tSENT\tTAKEN\tREFUSED")
	for _, p := range parties {
		fmt.Fprintf(tw, "%s\t%s\t%d\t%d\t%d", p.name, p.platform, p.sent, p.taken, p.sent-p.taken)
		if p.missing != nil {
			fmt.Fprintf(tw, "\t%v", p.missing)
		}
		fmt.Fprintln(tw)
	}
	_ = tw.Flush() // as little as of any other line is there to do if the terminal is gone
	fmt.Fprintln(w)
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
