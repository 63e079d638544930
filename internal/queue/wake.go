package queue

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// asynq polls: a server that finds its queue empty sleeps and asks again, so it
// is either slow or busy with asking. Here it is neither. A pump's client
// carries a hook that holds back the answer "empty" until a message says that
// something was enqueued. The message is only a hint: one that is missed costs
// at most pollInterval.
const (
	pollInterval = time.Second
	errorPause   = 500 * time.Millisecond // between dequeues that fail, which asynq repeats at once
)

// wakeChannel names the pub/sub channel that says a task of that kind was
// enqueued, in whichever shard.
func wakeChannel(kind string) string { return "ar:wake:" + kind }

// waker publishes wake-ups, one for all tasks enqueued while the last was on
// its way.
type waker struct {
	rdb    redis.UniversalClient
	signal map[string]chan struct{}
	stop   chan struct{}
	once   sync.Once
	wg     sync.WaitGroup
}

func newWaker(rdb redis.UniversalClient) *waker {
	w := &waker{rdb: rdb, signal: map[string]chan struct{}{}, stop: make(chan struct{})}
	for _, kind := range Names() {
		ch := make(chan struct{}, 1)
		w.signal[kind] = ch
		w.wg.Add(1)
		go w.run(kind, ch)
	}
	return w
}

func (w *waker) wake(kind string) {
	select {
	case w.signal[kind] <- struct{}{}:
	default: // one is due already
	}
}

func (w *waker) run(kind string, signal <-chan struct{}) {
	defer w.wg.Done()
	for {
		select {
		case <-w.stop:
			return
		case <-signal:
			ctx, cancel := context.WithTimeout(context.Background(), pollInterval)
			_ = w.rdb.Publish(ctx, wakeChannel(kind), "").Err() // a hint: see pollInterval
			cancel()
		}
	}
}

func (w *waker) close() {
	w.once.Do(func() { close(w.stop) })
	w.wg.Wait()
}

// parking is the hook. One instance serves all queues of one pump's client.
type parking struct {
	rdb    redis.UniversalClient
	shards shards
	wakes  map[string]chan struct{} // by kind, one slot each
	empty  map[string]*atomic.Int32 // by kind: dequeues in a row that found nothing
	stop   chan struct{}
	listen *listener // nil before start
	room   func(limit time.Duration) bool
}

// newParking adds the hook to rdb. start begins to listen; close ends every
// wait at once. room is that of [PumpConfig].
func newParking(rdb redis.UniversalClient, room func(time.Duration) bool) *parking {
	p := &parking{
		rdb: rdb, shards: shardsOn(rdb), stop: make(chan struct{}), room: room,
		wakes: map[string]chan struct{}{}, empty: map[string]*atomic.Int32{},
	}
	for _, kind := range Names() {
		p.wakes[kind] = make(chan struct{}, 1)
		p.empty[kind] = new(atomic.Int32)
	}
	rdb.AddHook(p)
	return p
}

func (p *parking) start() {
	var channels []string
	byChannel := map[string]string{}
	for _, kind := range Names() {
		channels = append(channels, wakeChannel(kind))
		byChannel[wakeChannel(kind)] = kind
	}
	p.listen = newListener(p.rdb, channels, func(channel string) { p.wake(byChannel[channel]) })
	p.listen.start()
}

func (p *parking) close() {
	close(p.stop)
	if p.listen != nil { // else never started
		p.listen.close()
	}
}

func (p *parking) wake(kind string) {
	select {
	case p.wakes[kind] <- struct{}{}:
	default:
	}
}

// DialHook implements redis.Hook.
func (p *parking) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook implements redis.Hook.
func (p *parking) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook implements redis.Hook.
func (p *parking) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		queue, script := recognize(cmd)
		kind, ours := p.shards.kinds[queue]
		switch {
		case script == scriptDequeue && ours:
			return p.dequeue(ctx, cmd, kind, next)
		case script == scriptForward && ours:
			err := next(ctx, cmd)
			if n, ok := scriptCount(cmd); err == nil && ok && n > 0 {
				p.wake(kind) // delayed tasks came due
			}
			return err
		default:
			return next(ctx, cmd)
		}
	}
}

// dequeue holds back the answer "empty" for one wait. asynq asks the shards of a
// kind one after the other, all of them unless one has a task, in an order that
// it draws anew each time. So the wait comes when as many answers in a row were
// empty as there are shards: the last of a round, whichever that is. A wake-up
// that came since the round began ends the wait at once.
//
// The hook must not ask again by itself: the command says until when the task it
// takes is leased, so asynq has to ask anew.
//
// A pump without room for a delivery finds nothing, without asking.
func (p *parking) dequeue(ctx context.Context, cmd redis.Cmder, kind string, next redis.ProcessHook) error {
	if kind == Deliveries && p.room != nil && !p.room(pollInterval) {
		cmd.SetErr(redis.Nil)
		return redis.Nil
	}
	err := next(ctx, cmd)
	empty := p.empty[kind]
	switch {
	case errors.Is(err, redis.Nil):
		if int(empty.Add(1)) < len(p.shards.queues[kind]) {
			return err
		}
		empty.Store(0)
		p.wait(p.wakes[kind], pollInterval)
	case err == nil:
		empty.Store(0)
	case !isNoScript(err): // go-redis answers that one itself, with EVAL
		empty.Store(0) // asynq ends the round here
		p.wait(nil, errorPause)
	}
	return err
}

// wait ends early when the pump stops.
func (p *parking) wait(wake <-chan struct{}, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-wake:
	case <-timer.C:
	case <-p.stop:
	}
}

type script int

const (
	scriptOther script = iota
	scriptDequeue
	scriptForward
)

// recognize tells asynq's scripts apart by the keys they are called with: the
// dequeue takes a queue's pending and paused keys, the forward of due tasks its
// scheduled or retry key and then pending.
func recognize(cmd redis.Cmder) (queue string, s script) {
	if name := cmd.Name(); name != "evalsha" && name != "eval" {
		return "", scriptOther
	}
	args := cmd.Args()
	if len(args) < 5 {
		return "", scriptOther
	}
	first, _ := args[3].(string)
	second, _ := args[4].(string)
	queue, kind, ok := splitKey(first)
	if !ok {
		return "", scriptOther
	}
	_, kind2, _ := splitKey(second)
	switch {
	case kind == "pending" && kind2 == "paused":
		return queue, scriptDequeue
	case (kind == "scheduled" || kind == "retry") && kind2 == "pending":
		return queue, scriptForward
	default:
		return "", scriptOther
	}
}

// splitKey takes asynq:{queue}:kind apart.
func splitKey(key string) (queue, kind string, ok bool) {
	rest, ok := strings.CutPrefix(key, "asynq:{")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "}:")
}

func isNoScript(err error) bool { return strings.HasPrefix(err.Error(), "NOSCRIPT") }

func scriptCount(cmd redis.Cmder) (int64, bool) {
	c, ok := cmd.(*redis.Cmd)
	if !ok {
		return 0, false
	}
	n, ok := c.Val().(int64)
	return n, ok
}
