package queue

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
)

// Without the wake-up each task would wait half a poll: 50 of them 25 s.
func TestATaskIsTakenWhenItIsEnqueued(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	ran := make(chan struct{})
	startPump(t, s.Addr(), Handlers{Event: func(context.Context, EventTask) error { ran <- struct{}{}; return nil }})
	start := time.Now()
	for range 50 {
		if err := c.EnqueueEvent(t.Context(), sampleEvent()); err != nil {
			t.Fatal(err)
		}
		<-ran
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("50 tasks one after the other took %v", took)
	}
}

func TestAMissedWakeUpCostsNoMoreThanAPoll(t *testing.T) {
	s, rdb := newRedis(t)
	silent := asynq.NewClientFromRedisClient(rdb)
	ran := make(chan struct{}, 1)
	startPump(t, s.Addr(), Handlers{Event: func(context.Context, EventTask) error { ran <- struct{}{}; return nil }})
	e := sampleEvent()
	if _, err := silent.Enqueue(e.encode(), asynq.Queue(Events), asynq.TaskID(e.ID)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ran:
	case <-time.After(20 * time.Second):
		t.Fatal("never taken")
	}
}

func TestAnIdlePumpAsksLittle(t *testing.T) {
	s, rdb := newRedis(t)
	ran := make(chan struct{}, 1)
	startPump(t, s.Addr(), Handlers{Event: func(context.Context, EventTask) error { ran <- struct{}{}; return nil }})
	c := newClient(t, rdb)
	if err := c.EnqueueEvent(t.Context(), sampleEvent()); err != nil {
		t.Fatal(err)
	}
	<-ran
	const seconds, most = 3, 15
	if n := s.Requests(t, seconds*time.Second); n > seconds*most {
		t.Errorf("%d requests in %d s, want at most %d a second", n, seconds, most)
	} else {
		t.Logf("%.1f requests a second", float64(n)/seconds)
	}
}

func TestPumpSurvivesRedisRestart(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	ran := make(chan struct{}, 16)
	startPump(t, s.Addr(), Handlers{Event: func(context.Context, EventTask) error { ran <- struct{}{}; return nil }})
	s.Kill()
	s.Restart()
	eventually(t, "an event can be enqueued", func() bool { return c.EnqueueEvent(context.Background(), sampleEvent()) == nil })
	select {
	case <-ran:
	case <-time.After(20 * time.Second):
		t.Fatal("the pump did not come back")
	}
}

func TestShutdownOfAParkedPumpIsPrompt(t *testing.T) {
	s, _ := newRedis(t)
	p := NewPump(newRedisClient(t, s.Addr()), PumpConfig{
		Handlers: Handlers{
			Event:    func(context.Context, EventTask) error { return nil },
			Delivery: func(context.Context, DeliveryTask) error { return nil },
		},
		EventConcurrency: 1, DeliveryConcurrency: 1, ShutdownTimeout: time.Minute, Log: quiet(),
	})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { p.Shutdown(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("did not shut down")
	}
}

// asynq computes a task's lease when it asks, not when it is answered. An answer
// that is held back for as long as the queue is empty would give a task a lease
// that is over: nothing it does would count, and it would run again.
func TestATaskTakenAfterAnIdleSpellHasAWholeLease(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	taken, finish := make(chan struct{}), make(chan struct{})
	startPump(t, s.Addr(), Handlers{Event: func(context.Context, EventTask) error { close(taken); <-finish; return nil }})
	const spell, lease = 5 * time.Second, 30 * time.Second
	<-time.After(spell)
	e := sampleEvent()
	asked := time.Now()
	if err := c.EnqueueEvent(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	<-taken
	score := rdb.ZScore(t.Context(), queueKey(Events, "lease"), e.ID).Val()
	close(finish)
	if left := time.Unix(int64(score), 0).Sub(asked); left < lease-pollInterval-2*time.Second {
		t.Errorf("after %v of idling the lease is %v, want about %v", spell, left, lease)
	}
}

// A pump without room leaves deliveries to others, and takes them once it has.
func TestAPumpWithoutRoomTakesNoDelivery(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	var free atomic.Bool
	asked, ran := make(chan struct{}, 1), make(chan struct{}, 1)
	p := NewPump(newRedisClient(t, s.Addr()), PumpConfig{
		Handlers: Handlers{
			Event:    func(context.Context, EventTask) error { return nil },
			Delivery: func(context.Context, DeliveryTask) error { ran <- struct{}{}; return nil },
		},
		EventConcurrency: 1, DeliveryConcurrency: 4, ShutdownTimeout: 5 * time.Second, Log: quiet(),
		Room: func(time.Duration) bool {
			select {
			case asked <- struct{}{}:
			default:
			}
			return free.Load()
		},
	})
	if err := c.EnqueueDelivery(t.Context(), DeliveryTask{EventID: sampleEvent().ID, Round: 1}); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Shutdown)
	for range 10 {
		<-asked
	}
	if n := rdb.LLen(t.Context(), queueKey(Deliveries, "pending")).Val(); n != 1 || len(ran) != 0 {
		t.Errorf("%d deliveries are left", n)
	}
	free.Store(true)
	select {
	case <-ran:
	case <-time.After(20 * time.Second):
		t.Fatal("never taken")
	}
}
