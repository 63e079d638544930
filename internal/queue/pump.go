package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"
)

// Handlers are what a worker does with tasks. A nil error ends the task. Any
// other runs it again: after the wait it names, if it has a method
// RunAgainAfter, else after a few seconds. Handlers bound themselves in time;
// their context is not cancelled by the pump.
type Handlers struct {
	Event    func(context.Context, EventTask) error
	Delivery func(context.Context, DeliveryTask) error
}

// runAgain is an error that says when its task is to run again, and whether
// that is because something failed (the dashboard counts failures).
type runAgain interface {
	RunAgainAfter() time.Duration
	Failed() bool
}

// PumpConfig is what a [Pump] needs. Every field must be set but Room.
type PumpConfig struct {
	Handlers            Handlers
	EventConcurrency    int           // events handled at a time
	DeliveryConcurrency int           // deliveries in hand at a time
	ShutdownTimeout     time.Duration // how long Shutdown waits for running handlers
	Log                 *slog.Logger
	// Room reports whether a delivery should be taken now, and waits for that at most
	// so long: a worker that has enough to send leaves the rest to the others. It is
	// not called by two at a time. nil: always.
	Room func(limit time.Duration) bool
}

// Pump takes tasks off the queues and runs the handlers.
type Pump struct {
	servers  []*asynq.Server
	handlers []asynq.Handler // of the servers, in their order
	park     *parking
	sweep    *sweeper
}

// NewPump returns a Pump that is not yet running. rdb must be the pump's own
// client: a hook on it holds back the answers to dequeues. It stays the
// caller's to close, after Shutdown.
func NewPump(rdb redis.UniversalClient, cfg PumpConfig) *Pump {
	p := &Pump{park: newParking(rdb, cfg.Room), sweep: newSweeper(rdb, cfg.Log)}
	log := newServerLog(cfg.Log)
	queues := shardsOn(rdb).queues
	add := func(kind string, concurrency int, h asynq.Handler) {
		p.servers = append(p.servers, asynq.NewServerFromRedisClient(rdb, serverConfig(queues[kind], concurrency, cfg.ShutdownTimeout, log)))
		p.handlers = append(p.handlers, p.sweep.ended.watched(h))
	}
	add(Events, cfg.EventConcurrency, handler(kindEvent, decodeEvent, cfg.Handlers.Event, cfg.Log))
	add(Deliveries, cfg.DeliveryConcurrency, handler(kindDelivery, decodeDelivery, cfg.Handlers.Delivery, cfg.Log))
	return p
}

// serverConfig leaves no setting of asynq's to its default that matters: they
// are made for polling and for tasks that may be given up.
func serverConfig(queues []string, concurrency int, shutdown time.Duration, log asynq.Logger) asynq.Config {
	weights := map[string]int{}
	for _, q := range queues {
		weights[q] = 1 // with equal weights asynq draws their order anew each time
	}
	return asynq.Config{
		Concurrency: concurrency,
		Queues:      weights,
		// The wait between polls is the parking's; this comes on top of it.
		TaskCheckInterval: time.Microsecond,
		// A due retry waits up to this long.
		DelayedTaskCheckInterval: time.Second,
		RetryDelayFunc:           retryDelay,
		IsFailure:                isFailure,
		ShutdownTimeout:          shutdown,
		// Nothing completed is kept and readiness has its own check.
		JanitorInterval:     10 * time.Minute,
		HealthCheckInterval: 10 * time.Minute,
		Logger:              log,
		LogLevel:            asynq.WarnLevel,
	}
}

// Start begins to take tasks.
func (p *Pump) Start() error {
	p.park.start()
	for i, s := range p.servers {
		if err := s.Start(p.handlers[i]); err != nil {
			return fmt.Errorf("starting pump: %w", err)
		}
	}
	p.sweep.start()
	return nil
}

// Shutdown stops taking tasks and waits for running handlers, at most for
// PumpConfig.ShutdownTimeout; a task whose handler is still running then is
// handed back to the queue.
func (p *Pump) Shutdown() {
	p.sweep.close()
	p.park.close() // first: a parked dequeue would keep its server from stopping
	var wg sync.WaitGroup
	for _, s := range p.servers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			s.Shutdown()
		}()
	}
	wg.Wait()
	p.sweep.last()
}

// handler adapts a typed handler to asynq. A task that this version cannot read
// is an error, so it stays in the queue, among its retries, for a version that
// can.
func handler[T any](kind string, decode func(map[string]string, []byte) (T, error),
	run func(context.Context, T) error, log *slog.Logger,
) asynq.Handler {
	// Such tasks come again every minute, and there may be thousands.
	left := sparseLog{log: log, limit: rate.NewLimiter(rate.Every(unreadableLogged), 1)}
	return asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		if t.Type() != kind {
			left.error("task of a kind this version does not know is left in the queue", "kind", t.Type())
			return unreadable{fmt.Errorf("unknown kind of task %q", t.Type())}
		}
		task, err := decode(t.Headers(), t.Payload())
		if err != nil {
			left.error("task that cannot be read is left in the queue", "kind", kind, "error", err)
			return unreadable{err}
		}
		// asynq cancels a handler whose lease it could not renew. Cutting a send
		// off then would lose its outcome and repeat it, so handlers go on.
		err = recovered(context.WithoutCancel(ctx), task, run, log)
		var again runAgain
		if err != nil && !errors.As(err, &again) && !errors.Is(err, errPanicked) { // what has a plan has told of it
			log.Warn("task not finished; it will run again", "kind", kind, "error", err)
		}
		return err
	})
}

// recovered turns a handler's panic into an error that quotes nothing: asynq
// would store the panic's value, which may be text of an event.
func recovered[T any](ctx context.Context, task T, run func(context.Context, T) error, log *slog.Logger) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("handler panicked; its task will run again", "value", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = errPanicked
		}
	}()
	return run(ctx, task)
}

var errPanicked = errors.New("handler panicked")

const (
	unreadableAgain  = time.Minute
	unreadableLogged = 10 * time.Minute // at most one line in so long
)

// unreadable is not counted as a failure: the ceiling of the task is that of the
// version which enqueued it, and beyond it lies asynq's archive.
type unreadable struct{ error }

func (unreadable) RunAgainAfter() time.Duration { return unreadableAgain }
func (unreadable) Failed() bool                 { return false }

// sparseLog writes a line now and then, with how many were left out since.
type sparseLog struct {
	log   *slog.Logger
	limit *rate.Limiter
	cut   atomic.Int64
}

func (l *sparseLog) error(msg string, attrs ...any) {
	if !l.limit.Allow() {
		l.cut.Add(1)
		return
	}
	if cut := l.cut.Swap(0); cut > 0 {
		attrs = append(attrs, "suppressed", cut)
	}
	l.log.Error(msg, attrs...)
}

// isFailure decides what asynq counts. A lost lease, a throttled delivery and
// Redis trouble are nobody's failure; none of them may bring a task nearer to
// the archive.
func isFailure(err error) bool {
	var again runAgain
	return errors.As(err, &again) && again.Failed()
}

func retryDelay(_ int, err error, _ *asynq.Task) time.Duration {
	return wholeSeconds(time.Now(), delayFor(err))
}

func delayFor(err error) time.Duration {
	var again runAgain
	switch {
	case errors.As(err, &again):
		return again.RunAgainAfter()
	case errors.Is(err, asynq.ErrLeaseExpired):
		return 0
	default: // Redis trouble, a panic: soon, but not all at once
		return 2*time.Second + rand.N(2*time.Second)
	}
}

// wholeSeconds lengthens d so that now+d falls on a whole second: asynq cuts
// the fraction off the due time, which would make a retry come early.
func wholeSeconds(now time.Time, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	due := now.Add(d)
	if whole := due.Truncate(time.Second); !whole.Equal(due) {
		due = whole.Add(time.Second)
	}
	return due.Sub(now)
}
