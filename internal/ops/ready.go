package ops

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Check reports why the program cannot do its job now, or nil. The text of its
// error is shown to whoever asks: it holds no secret.
type Check func(ctx context.Context) error

const (
	// checkBudget bounds one run of the checks. With room for the answer itself
	// it keeps the promise of an answer within a second.
	checkBudget = 750 * time.Millisecond
	// checkMaxAge counts from the start of a run, so a result is never older
	// than this, however long the run took.
	checkMaxAge = time.Second
)

var errHung = errors.New("no answer within " + checkBudget.String())

// readiness runs the checks at most once at a time and remembers the result for
// a moment, so that probes cost the same whoever asks how often.
type readiness struct {
	checks map[string]*guarded
	now    func() time.Time

	mu      sync.Mutex
	current *round // the newest, perhaps still running
}

// round is one run of all checks.
type round struct {
	began  time.Time
	done   chan struct{}
	failed map[string]string // to be read after done
}

func newReadiness(checks map[string]Check) *readiness {
	r := &readiness{checks: map[string]*guarded{}, now: time.Now}
	for name, c := range checks {
		r.checks[name] = &guarded{check: c}
	}
	return r
}

// failed returns the checks that fail and why; it is empty when all is well.
func (r *readiness) failed() map[string]string {
	r.mu.Lock()
	c := r.current
	if c == nil || r.now().Sub(c.began) >= checkMaxAge {
		c = &round{began: r.now(), done: make(chan struct{})}
		r.current = c
		go r.run(c)
	}
	r.mu.Unlock()
	<-c.done
	return c.failed
}

// run ends within checkBudget, whether the checks do or not. The asker's own
// context is left out on purpose: the result is for others too.
func (r *readiness) run(c *round) {
	defer close(c.done)
	ctx, cancel := context.WithTimeout(context.Background(), checkBudget)
	defer cancel()
	var mu sync.Mutex
	failed := map[string]string{}
	var wg sync.WaitGroup
	for name, g := range r.checks {
		wg.Go(func() {
			if err := g.run(ctx); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed[name] = err.Error()
			}
		})
	}
	wg.Wait()
	c.failed = failed
}

// guarded keeps a check that hangs from being started again and again: until
// the last call has come back, it stands for the next.
type guarded struct {
	check Check

	mu      sync.Mutex
	pending chan error // of the call that has not been read yet
}

func (g *guarded) run(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock() // never waited for: a round is over before the next may begin
	if g.pending != nil {
		select {
		case <-g.pending: // a late answer to an old question
			g.pending = nil
		default:
			return errHung
		}
	}
	res := make(chan error, 1)
	go func() { res <- g.check(ctx) }()
	select {
	case err := <-res:
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
			return errHung // whatever the check wrote around it
		}
		return err
	case <-ctx.Done():
		g.pending = res
		return errHung
	}
}
