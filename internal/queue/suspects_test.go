package queue

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A lease that got lost makes asynq's scripts end in their middle: the task is
// off the active list then, and in no other.
func TestATaskThatAsynqDropsIsMended(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first error // of the first run
	}{
		{"when it is done", nil},
		{"when it is to be retried", again{0, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, rdb := newRedis(t)
			c := newClient(t, rdb)
			running, finish := make(chan struct{}), make(chan struct{})
			runs := make(chan int, 4)
			n := 0
			startPump(t, s.Addr(), Handlers{Event: func(context.Context, EventTask) error {
				n++
				runs <- n
				if n > 1 {
					return nil
				}
				close(running)
				<-finish
				return tt.first
			}})
			e := sampleEvent()
			if err := c.EnqueueEvent(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			<-running
			rdb.ZRem(t.Context(), queueKey(Events, "lease"), e.ID)
			close(finish)
			p := place{t, rdb, Events}
			eventually(t, "asynq has dropped the task", func() bool {
				in := p.where(e.ID)
				return len(in) == 0 || in[0] != "active"
			})
			eventually(t, "the task was run again and is gone", func() bool {
				return len(runs) == 2 && rdb.Exists(t.Context(), queueKey(Events, "t:"+e.ID)).Val() == 0
			})
		})
	}
}

// The same at the very end of a pump: it looks once more before it goes.
func TestATaskDroppedAtShutdownIsMended(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	running, finish := make(chan struct{}), make(chan struct{})
	p := NewPump(newRedisClient(t, s.Addr()), PumpConfig{
		Handlers: Handlers{
			Event:    func(context.Context, EventTask) error { close(running); <-finish; return nil },
			Delivery: func(context.Context, DeliveryTask) error { return nil },
		},
		EventConcurrency: 1, DeliveryConcurrency: 1, ShutdownTimeout: time.Millisecond, Log: quiet(),
	})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	defer close(finish)
	e := sampleEvent()
	if err := c.EnqueueEvent(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	<-running
	rdb.ZRem(t.Context(), queueKey(Events, "lease"), e.ID)
	p.Shutdown() // hands the task back, which fails in its middle
	if in := fmt.Sprint(place{t, rdb, Events}.where(e.ID)); in != "[pending]" {
		t.Errorf("the task is in %v", in)
	}
}

func TestTaskOf(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct {
		name      string
		cmd       redis.Cmder
		queue, id string
	}{
		{"done", redis.NewCmd(ctx, "evalsha", "sha", 2, "asynq:{events}:active", "asynq:{events}:lease", "x", 5), "events", "x"},
		{"retry", redis.NewCmd(ctx, "eval", "body", 2, "asynq:{deliveries-10}:t:y", "asynq:{deliveries-10}:active", "y"), "deliveries-10", "y"},
		{"dequeue", redis.NewCmd(ctx, "evalsha", "sha", 1, "asynq:{events}:pending", 5), "", ""},
		{"a script of ours", redis.NewCmd(ctx, "evalsha", "sha", 1, "ar:{evt}:record", 5), "", ""},
		{"no script", redis.NewCmd(ctx, "zadd", "asynq:{events}:lease", "xx", 1, "x"), "", ""},
		{"cut short", redis.NewCmd(ctx, "evalsha", "sha", 2, "asynq:{events}:active", "asynq:{events}:lease"), "", ""},
		{"of one key", redis.NewCmd(ctx, "evalsha", "sha", "2", "asynq:{events}:active"), "", ""},
	} {
		queue, id, ok := taskOf(tt.cmd)
		if queue != tt.queue && ok || id != tt.id || ok != (tt.id != "") {
			t.Errorf("%s: %q, %q, %v", tt.name, queue, id, ok)
		}
	}
}

func TestSuspectsAreBounded(t *testing.T) {
	s := newSuspects()
	for i := range maxSuspects + 10 {
		s.add(Events, fmt.Sprint(i))
	}
	if n := len(s.take(Events)); n != maxSuspects {
		t.Errorf("%d suspects", n)
	}
	if n := len(s.take(Events)); n != 0 {
		t.Errorf("%d suspects after they were taken", n)
	}
}

func TestWhatFailsIsASuspect(t *testing.T) {
	done := redis.NewCmd(context.Background(), "evalsha", "sha", 1, "asynq:{events}:active", "x")
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{redis.Nil, 0},
		{errors.New("NOSCRIPT No matching script"), 0}, // go-redis sends it again, whole
		{errors.New("NOT FOUND"), 1},
		{context.DeadlineExceeded, 1},
	} {
		s := newSuspects()
		got := s.ProcessHook(func(context.Context, redis.Cmder) error { return tt.err })(context.Background(), done)
		if !errors.Is(got, tt.err) {
			t.Errorf("the hook made %v of %v", got, tt.err)
		}
		if n := len(s.take(Events)); n != tt.want {
			t.Errorf("after %v: %d suspects, want %d", tt.err, n, tt.want)
		}
	}
}
