package queue

import (
	"context"
	"errors"
	"strings"
	"sync"
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

// wakeChannel names the pub/sub channel that says something was enqueued.
func wakeChannel(queue string) string { return "ar:wake:" + queue }

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
	for _, q := range Names() {
		ch := make(chan struct{}, 1)
		w.signal[q] = ch
		w.wg.Add(1)
		go w.run(q, ch)
	}
	return w
}

func (w *waker) wake(queue string) {
	select {
	case w.signal[queue] <- struct{}{}:
	default: // one is due already
	}
}

func (w *waker) run(queue string, signal <-chan struct{}) {
	defer w.wg.Done()
	for {
		select {
		case <-w.stop:
			return
		case <-signal:
			ctx, cancel := context.WithTimeout(context.Background(), pollInterval)
			_ = w.rdb.Publish(ctx, wakeChannel(queue), "").Err() // a hint: see pollInterval
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
	rdb   redis.UniversalClient
	wakes map[string]chan struct{} // by queue, one slot each
	stop  chan struct{}
	wg    sync.WaitGroup
}

// newParking adds the hook to rdb. start begins to listen; close ends every
// wait at once.
func newParking(rdb redis.UniversalClient) *parking {
	p := &parking{rdb: rdb, wakes: map[string]chan struct{}{}, stop: make(chan struct{})}
	for _, q := range Names() {
		p.wakes[q] = make(chan struct{}, 1)
	}
	rdb.AddHook(p)
	return p
}

func (p *parking) start() {
	var channels []string
	byChannel := map[string]string{}
	for _, q := range Names() {
		channels = append(channels, wakeChannel(q))
		byChannel[wakeChannel(q)] = q
	}
	sub := p.rdb.Subscribe(context.Background(), channels...)
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		defer func() { _ = sub.Close() }()
		messages := sub.ChannelWithSubscriptions()
		for {
			select {
			case <-p.stop:
				return
			case m, ok := <-messages:
				if !ok {
					return
				}
				switch m := m.(type) {
				case *redis.Message:
					p.wake(byChannel[m.Channel])
				case *redis.Subscription: // connected (again): messages may have been missed
					p.wake(byChannel[m.Channel])
				}
			}
		}
	}()
}

func (p *parking) close() {
	close(p.stop)
	p.wg.Wait()
}

func (p *parking) wake(queue string) {
	select {
	case p.wakes[queue] <- struct{}{}:
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
		switch script {
		case scriptDequeue:
			return p.dequeue(ctx, cmd, queue, next)
		case scriptForward:
			err := next(ctx, cmd)
			if n, ok := scriptCount(cmd); err == nil && ok && n > 0 {
				p.wake(queue) // delayed tasks came due
			}
			return err
		default:
			return next(ctx, cmd)
		}
	}
}

// dequeue holds back the answer "empty" for one wait. It must not ask again by
// itself: the command says until when the task it takes is leased, so asynq has
// to ask anew.
func (p *parking) dequeue(ctx context.Context, cmd redis.Cmder, queue string, next redis.ProcessHook) error {
	err := next(ctx, cmd)
	switch {
	case err == nil:
	case errors.Is(err, redis.Nil):
		p.wait(p.wakes[queue], pollInterval)
	case !isNoScript(err): // go-redis answers that one itself, with EVAL
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
