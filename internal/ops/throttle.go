package ops

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// Lines a second in the long run, and at once. A reader of the log must see
	// that something goes on, and why, not how often: metrics count.
	throttleRate, throttleBurst = 1, 5
	// throttleTail is after how long what was left out is told at the latest.
	throttleTail = 10 * time.Second
)

// Throttle returns a logger that passes a line a second on to log, and a few at
// once. It is for lines that an outage brings by the thousand, each saying the
// same. What is left out is counted: the next line that passes says how many in
// "suppressed". If none comes for a while, the newest of those left out is
// written after all. Loggers made from one by With share its limit; Throttle
// makes a limit of its own each time.
func Throttle(log *slog.Logger) *slog.Logger {
	return slog.New(throttled{log.Handler(), &throttle{limit: rate.NewLimiter(throttleRate, throttleBurst)}})
}

// throttle is the limit and the account of what it left out.
type throttle struct {
	limit *rate.Limiter

	mu     sync.Mutex
	cut    int // lines left out since the last that passed
	newest slog.Record
	to     slog.Handler // newest's
	armed  bool         // tail will be called
}

type throttled struct {
	slog.Handler
	*throttle
}

// Handle implements [slog.Handler].
func (t throttled) Handle(ctx context.Context, r slog.Record) error {
	t.mu.Lock()
	if !t.limit.Allow() {
		t.cut++
		t.newest, t.to = r.Clone(), t.Handler
		if !t.armed {
			t.armed = true
			time.AfterFunc(throttleTail, t.tail)
		}
		t.mu.Unlock()
		return nil
	}
	cut := t.cut
	t.cut = 0
	t.mu.Unlock()
	return t.Handler.Handle(ctx, suppressed(r, cut))
}

// tail tells of what no later line has told.
func (t *throttle) tail() {
	t.mu.Lock()
	cut, r, to := t.cut, t.newest, t.to
	t.cut, t.armed = 0, false
	t.mu.Unlock()
	if cut > 0 {
		_ = to.Handle(context.Background(), suppressed(r, cut-1)) // a log has nowhere to report to
	}
}

func suppressed(r slog.Record, n int) slog.Record {
	if n > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("suppressed", n))
	}
	return r
}

// WithAttrs implements [slog.Handler].
func (t throttled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return throttled{t.Handler.WithAttrs(attrs), t.throttle}
}

// WithGroup implements [slog.Handler].
func (t throttled) WithGroup(name string) slog.Handler {
	return throttled{t.Handler.WithGroup(name), t.throttle}
}
