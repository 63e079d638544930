package queue

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
)

// asynq's defaults would make a delivery wait a second, retry it 25 times and
// cut it off after half an hour. A setting that a new version adds must be
// looked at.
func TestServerConfigLeavesNothingToDefaults(t *testing.T) {
	deliberately := map[string]string{
		"BaseContext":      "handlers take no context of ours",
		"StrictPriority":   "a server's queues are shards of one, and equal",
		"ErrorHandler":     "asynq does not call it for tasks that it recovers, so nothing may hang on it",
		"HealthCheckFunc":  "readiness has its own check",
		"JanitorBatchSize": "nothing completed is kept",
		"GroupGracePeriod": "no groups", "GroupMaxDelay": "no groups", "GroupMaxSize": "no groups", "GroupAggregator": "no groups",
	}
	cfg := reflect.ValueOf(serverConfig([]string{Events}, 3, time.Second, newServerLog(quiet())))
	for i := range cfg.NumField() {
		name := cfg.Type().Field(i).Name
		if _, ok := deliberately[name]; ok == cfg.Field(i).IsZero() {
			continue
		}
		t.Errorf("%s: zero is %v, deliberately so is %v", name, cfg.Field(i).IsZero(), !cfg.Field(i).IsZero())
	}
}

func TestKindsAreComparedWhole(t *testing.T) {
	s, rdb := newRedis(t)
	raw := asynq.NewClientFromRedisClient(rdb)
	var ran atomic.Int32
	startPump(t, s.Addr(), Handlers{Event: func(context.Context, EventTask) error { ran.Add(1); return nil }})
	task := asynq.NewTaskWithHeaders("event:v10", sampleEvent().Body, sampleEvent().encode().Headers())
	if _, err := raw.Enqueue(task, asynq.Queue(Events), asynq.TaskID("x")); err != nil {
		t.Fatal(err)
	}
	inspector := asynq.NewInspectorFromRedisClient(rdb)
	eventually(t, "the task of a later version is put back for one that knows it", func() bool {
		info, err := inspector.GetTaskInfo(Events, "x")
		return err == nil && info.State == asynq.TaskStateRetry
	})
	if ran.Load() != 0 {
		t.Error("event:v10 was taken for event:v1")
	}
}

func TestUnreadableTaskIsKept(t *testing.T) {
	s, rdb := newRedis(t)
	raw := asynq.NewClientFromRedisClient(rdb)
	startPump(t, s.Addr(), Handlers{})
	if _, err := raw.Enqueue(asynq.NewTask(kindDelivery, []byte("{")), asynq.Queue(Deliveries), asynq.TaskID("x"), asynq.MaxRetry(maxFailures)); err != nil {
		t.Fatal(err)
	}
	inspector := asynq.NewInspectorFromRedisClient(rdb)
	eventually(t, "the task waits", func() bool {
		info, err := inspector.GetTaskInfo(Deliveries, "x")
		return err == nil && info.State == asynq.TaskStateRetry
	})
}

// Thousands of tasks of a later version come again every minute. One line says
// so, and they are not counted towards any end.
func TestUnreadableTasksFillNoLog(t *testing.T) {
	var log bytes.Buffer
	h := handler(kindEvent, decodeEvent, func(context.Context, EventTask) error { return nil }, slog.New(slog.NewTextHandler(&log, nil)))
	later := asynq.NewTaskWithHeaders("event:v2", sampleEvent().Body, sampleEvent().encode().Headers())
	for range 1000 {
		err := h.ProcessTask(t.Context(), later)
		if err == nil || isFailure(err) {
			t.Fatalf("the task ended with %v, a failure: %v", err, isFailure(err))
		}
		if d := retryDelay(0, err, later); d < unreadableAgain {
			t.Fatalf("comes again in %v", d)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "event:v2") {
		t.Errorf("%d lines: %s", n, &log)
	}
}

// A run that had to wait is not counted; one that failed is, and neither comes
// near asynq's archive, which forgets.
func TestWaitingIsNotCounted(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	counts := make(chan int, 8)
	answers := []error{again{0, false}, errors.New("Redis trouble"), again{0, true}, nil}
	var run atomic.Int32
	startPump(t, s.Addr(), Handlers{Delivery: func(ctx context.Context, _ DeliveryTask) error {
		n, _ := asynq.GetRetryCount(ctx)
		counts <- n
		return answers[run.Add(1)-1]
	}})
	if err := c.EnqueueDelivery(t.Context(), DeliveryTask{EventID: sampleEvent().ID, Round: 1}); err != nil {
		t.Fatal(err)
	}
	var got []int
	for range answers {
		select {
		case n := <-counts:
			got = append(got, n)
		case <-time.After(20 * time.Second):
			t.Fatalf("runs so far saw the counts %v", got)
		}
	}
	if want := []int{0, 0, 0, 1}; !reflect.DeepEqual(got, want) {
		t.Errorf("failures counted before each run: %v, want %v", got, want)
	}
	eventually(t, "the task is done", func() bool { return rdb.Exists(t.Context(), queueKey(Deliveries, "active")).Val() == 0 })
	if n := rdb.ZCard(t.Context(), queueKey(Deliveries, "archived")).Val(); n != 0 {
		t.Errorf("%d tasks in the archive", n)
	}
}

func TestAfterAPanicTheTaskRunsAgain(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	var run atomic.Int32
	done := make(chan struct{})
	startPump(t, s.Addr(), Handlers{Event: func(context.Context, EventTask) error {
		if run.Add(1) == 1 {
			panic("CANARY: text of an event")
		}
		close(done)
		return nil
	}})
	e := sampleEvent()
	if err := c.EnqueueEvent(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the task waits for its next run", func() bool {
		return rdb.HGet(t.Context(), queueKey(Events, "t:"+e.ID), "state").Val() == "retry"
	})
	if msg := rdb.HGet(t.Context(), queueKey(Events, "t:"+e.ID), "msg").Val(); strings.Contains(msg, "CANARY") {
		t.Error("the task keeps what the panic said, for the dashboard to show")
	}
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("never run again")
	}
}

// asynq recovers a killed worker's tasks when a server starts, and would charge
// each a retry.
func TestAKilledWorkersTaskIsNotCharged(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	if err := c.EnqueueDelivery(t.Context(), DeliveryTask{EventID: sampleEvent().ID, Round: 1}); err != nil {
		t.Fatal(err)
	}
	kill(t, rdb, Deliveries, time.Now().Add(-time.Minute))
	counts := make(chan int, 1)
	startPump(t, s.Addr(), Handlers{Delivery: func(ctx context.Context, _ DeliveryTask) error {
		n, _ := asynq.GetRetryCount(ctx)
		counts <- n
		return nil
	}})
	select {
	case n := <-counts:
		if n != 0 {
			t.Errorf("the recovered task has %d failures, none of which happened", n)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("never recovered")
	}
}

func TestWholeSeconds(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1_700_000_000, int64(ms)*int64(time.Millisecond)) }
	for _, tt := range []struct {
		now  time.Time
		d    time.Duration
		want time.Duration
	}{
		{at(900), time.Second, 1100 * time.Millisecond},
		{at(0), time.Second, time.Second},
		{at(1), time.Millisecond, 999 * time.Millisecond},
		{at(999), 2 * time.Second, 2001 * time.Millisecond},
		{at(500), 0, 0},
		{at(500), -time.Second, 0},
	} {
		if got := wholeSeconds(tt.now, tt.d); got != tt.want {
			t.Errorf("wholeSeconds(.%03d, %v) = %v, want %v", tt.now.Nanosecond()/1e6, tt.d, got, tt.want)
		}
	}
}

// asynq cuts the fraction of a second off a due time: a retry in 1 s asked for
// at x.9 would run after 0.1 s.
func TestARetryNeverComesEarly(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	const wait = time.Second
	runs := make(chan time.Time, 2)
	var run atomic.Int32
	startPump(t, s.Addr(), Handlers{Delivery: func(context.Context, DeliveryTask) error {
		if run.Add(1) > 1 {
			runs <- time.Now()
			return nil
		}
		now := time.Now()
		late := now.Truncate(time.Second).Add(900 * time.Millisecond)
		if late.Before(now) {
			late = late.Add(time.Second)
		}
		<-time.After(time.Until(late)) // the worst moment to ask
		runs <- time.Now()
		return again{wait, true}
	}})
	if err := c.EnqueueDelivery(t.Context(), DeliveryTask{EventID: sampleEvent().ID, Round: 1}); err != nil {
		t.Fatal(err)
	}
	first, second := <-runs, <-runs
	if gap := second.Sub(first); gap < wait {
		t.Errorf("ran again after %v, asked for %v", gap, wait)
	}
}

func TestShutdownWaitsForRunningHandlers(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	started, finish := make(chan struct{}), make(chan struct{})
	var finished atomic.Bool
	p := NewPump(newRedisClient(t, s.Addr()), PumpConfig{
		Handlers: Handlers{
			Event: func(context.Context, EventTask) error {
				close(started)
				<-finish
				finished.Store(true)
				return nil
			},
			Delivery: func(context.Context, DeliveryTask) error { return nil },
		},
		EventConcurrency: 1, DeliveryConcurrency: 1, ShutdownTimeout: 20 * time.Second, Log: quiet(),
	})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.EnqueueEvent(t.Context(), sampleEvent()); err != nil {
		t.Fatal(err)
	}
	<-started
	down := make(chan struct{})
	go func() { p.Shutdown(); close(down) }()
	select {
	case <-down:
		t.Fatal("shut down under a running handler")
	case <-time.After(50 * time.Millisecond):
	}
	close(finish)
	<-down
	if !finished.Load() {
		t.Error("the handler was cut off")
	}
	if n := rdb.Exists(t.Context(), queueKey(Events, "active"), queueKey(Events, "pending")).Val(); n != 0 {
		t.Error("the finished task is still in the queue")
	}
}

func TestHandlersAreNotCancelled(t *testing.T) {
	h := handler(kindEvent, decodeEvent, func(ctx context.Context, _ EventTask) error { return ctx.Err() }, quiet())
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // as asynq does when it could not renew a lease
	if err := h.ProcessTask(ctx, sampleEvent().encode()); err != nil {
		t.Errorf("a handler whose lease was lost saw %v; a send cut off then is repeated", err)
	}
}

// A task that goes round and round for a reason that nobody hears of could
// never be mended. What has a plan of its own has told of it.
func TestAnUnplannedErrorIsLogged(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"no answer from Redis", errors.New("loading event: no answer"), true},
		{"a planned retry", again{time.Second, true}, false},
		{"success", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			h := handler(kindEvent, decodeEvent, func(context.Context, EventTask) error { return tt.err }, slog.New(slog.NewTextHandler(&log, nil)))
			if err := h.ProcessTask(t.Context(), sampleEvent().encode()); !errors.Is(err, tt.err) {
				t.Errorf("the handler's error became %v", err)
			}
			if got := strings.Contains(log.String(), "it will run again"); got != tt.want {
				t.Errorf("logged %t, want %t: %s", got, tt.want, &log)
			}
		})
	}
}
