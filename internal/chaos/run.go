package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// Run carries out a plan and gives its account. The error is of the harness: it
// could not start something, or ctx ended. What the relay did wrong is in the
// account, see [Account.Problems]. Every process is gone when it returns.
func Run(ctx context.Context, p Plan) (*Account, error) {
	p.setDefaults()
	if err := p.check(); err != nil {
		return nil, err
	}
	dir, err := makeDir(p.Dir)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	a, err := run(ctx, p, dir)
	keep := p.Keep || err != nil || !a.Clean()
	if a != nil {
		a.Took = time.Since(begun)
		if keep {
			a.LogDir = dir
		}
	}
	switch {
	case err != nil:
		err = fmt.Errorf("%w (logs: %s)", err, dir)
	case !keep && p.Dir == "":
		_ = os.RemoveAll(dir)
	}
	return a, err
}

func makeDir(dir string) (string, error) {
	if dir == "" {
		made, err := os.MkdirTemp("", "accessrelay-chaos-")
		if err != nil {
			return "", fmt.Errorf("making a folder for the logs: %w", err)
		}
		return made, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("--dir: %w", err)
	}
	return dir, nil
}

func run(ctx context.Context, p Plan, dir string) (*Account, error) {
	faults := Schedule(p)
	fmt.Fprintf(p.Progress, "seed %d: %v; faults:\n", p.Seed, &p) // first, so that it is known whatever comes
	for _, f := range faults {
		fmt.Fprintf(p.Progress, "  %v\n", f)
	}
	r, err := newRig(ctx, p, dir)
	if r != nil {
		defer r.close()
	}
	if err != nil {
		return nil, fmt.Errorf("starting everything: %w", err)
	}
	r.say("everything runs")
	m := newManager(r.apis)
	defer m.close()

	// Senders go on after the faults, until the end of settling.
	all, cancel := context.WithTimeout(ctx, p.Duration+p.Settle)
	defer cancel()
	r.unruly.Store(p.Faults == AllFaults)
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	background.Go(func() { r.report(all) })
	sent := make(chan struct{})
	background.Go(func() {
		defer close(sent)
		newLoad(r.site, r.ledger, r.hooks).run(all, p.Duration)
	})
	faulty, stop := context.WithTimeout(all, p.Duration)
	defer stop()
	r.breakThings(faulty, faults)
	<-faulty.Done()
	r.heal()
	if err := r.awaitReady(all); err != nil {
		r.strange("after the last fault: " + err.Error())
	}
	r.say("healed; waiting until all is settled")
	replayed, unsettled := r.settle(all, m, sent)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cancel()
	background.Wait()
	return r.conclude(ctx, m, faults, replayed, unsettled)
}

// conclude makes the account.
func (r *rig) conclude(ctx context.Context, m *manager, faults []Fault, replayed int, unsettled error) (*Account, error) {
	r.say("verifying")
	left, err := r.verify(ctx, m)
	if err != nil {
		left.over = append(left.over, "not verified: "+err.Error())
	}
	if unsettled != nil {
		left.over = append(left.over, "not settled in time: "+unsettled.Error())
	}
	a := judge(r.plan, r.ledger, r.outages.all(), func(p place) Loss { return r.trace(ctx, m, p) })
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, errors.New("while the account was made"))
	}
	r.stopAll()
	r.scanLogs()
	a.Schedule, a.Replayed, a.Leftovers, a.Forgotten = faults, replayed, left.over, left.forgotten
	r.mu.Lock()
	a.Oddities = append(a.Oddities, r.oddities...)
	r.mu.Unlock()
	return a, nil
}

const reportEvery = 3 * time.Second

// report says how far it is, until ctx ends.
func (r *rig) report(ctx context.Context) {
	begun := time.Now()
	for wait(ctx, reportEvery) {
		t := r.ledger.tally()
		line := fmt.Sprintf("%4.0fs  sent %d, acknowledged %d, delivered %d of %d, twice %d",
			time.Since(begun).Seconds(), t.sent, t.acked, t.arrived, t.wanted, t.doubles)
		if t.strangers > 0 {
			line += fmt.Sprintf(", WRONG %d", t.strangers)
		}
		if broken := r.outages.now(); len(broken) > 0 {
			line += "  [" + strings.Join(broken, ", ") + "]"
		}
		r.say("%s", line)
	}
}
