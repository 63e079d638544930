package ops

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// lateGrace is what a step still gets once the time for the whole shutdown is
// over: enough to close a connection, not to wait for anybody.
const lateGrace = 250 * time.Millisecond

// Lifecycle undoes a start: what was added last is stopped first, so that
// nothing loses what it uses before it has stopped itself. The zero value is
// not usable; see [NewLifecycle]. It is safe for concurrent use.
type Lifecycle struct {
	log *slog.Logger

	mu    sync.Mutex
	steps []step
}

type step struct {
	name string
	stop func(ctx context.Context) error
}

// NewLifecycle returns an empty Lifecycle that logs its steps to log.
func NewLifecycle(log *slog.Logger) *Lifecycle { return &Lifecycle{log: log} }

// Add registers how to stop what has just been started.
func (l *Lifecycle) Add(name string, stop func(ctx context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.steps = append(l.steps, step{name, stop})
}

// Stop runs the steps, last in first out, one at a time, each once. ctx bounds
// all of them together. After its end the steps left over still run, but each
// is abandoned if it takes longer than a moment. The error joins those of the
// steps.
func (l *Lifecycle) Stop(ctx context.Context) error {
	l.mu.Lock()
	steps := l.steps
	l.steps = nil
	l.mu.Unlock()

	var errs []error
	for i := len(steps) - 1; i >= 0; i-- {
		s := steps[i]
		start := time.Now()
		err := run(ctx, s)
		took := slog.String("took", time.Since(start).Round(time.Microsecond).String())
		if err != nil {
			l.log.Error("shutdown step", "step", s.name, took, "error", err)
			errs = append(errs, fmt.Errorf("stopping %s: %w", s.name, err))
			continue
		}
		// Not for everybody: a start that fails undoes itself, and what is wrong
		// must be the one line that is read.
		l.log.Debug("shutdown step", "step", s.name, took)
	}
	return errors.Join(errs...)
}

// run waits for s, and for a moment longer than ctx. A step that does not heed
// its context is left behind: the process is about to end.
func run(ctx context.Context, s step) error {
	done := make(chan error, 1)
	go func() { done <- s.stop(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(lateGrace)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return fmt.Errorf("abandoned: %w", ctx.Err())
	}
}
