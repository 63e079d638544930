package e2e

import (
	"fmt"
	"reflect"
	"sync"
	"syscall"
	"testing"
	"time"
)

// takeover is how long a lost worker's tasks may wait for another: its lease of
// half a minute, then the sweep that comes by every few seconds.
const takeover = 55 * time.Second

// TestKilledInMidDelivery: a worker dies while a destination has its request
// and has not answered. Another sends again; the first attempt was never
// recorded, so it does not count.
func TestKilledInMidDelivery(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	hook := newSink(t, answer{hold: never}, answer{})
	r := newRelay(t, webhookTo("hook", hook))
	r.start()
	id := r.send(preapproval("a"))
	hook.await(t, 1)
	r.worker.kill()
	if got := r.receipt(id); got.Status != "pending" || got.Deliveries[0].Attempts != 0 {
		t.Errorf("after the kill: %+v", got)
	}
	r.startWorker()
	got := r.settle(id, takeover)
	if d := got.to(t, "hook"); got.Status != "delivered" || d.Attempts != 1 || d.RetriesUsed != 0 {
		t.Errorf("%+v", got)
	}
	if n := len(hook.of(id)); n != 2 {
		t.Errorf("%d requests, want the one that was cut off and the one that counts", n)
	}
	if got := r.settle(r.send(preapproval("a")), soon); got.Status != "duplicate" || got.DuplicateOf != id {
		t.Errorf("a repeat after the crash: %+v", got)
	}
}

// TestKilledInMidRetry: a worker dies during the last retry. The attempts that
// were made count, the one that was cut off does not use the retry up.
func TestKilledInMidRetry(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	hook := newSink(t, status(500), answer{hold: never}, answer{})
	r := newRelay(t, webhookTo("hook", hook))
	r.delivery = "  backoff: [1s]\n  max_retries: 1\n"
	r.start()
	id := r.send(preapproval("a"))
	hook.await(t, 2)
	r.worker.kill()
	r.startWorker()
	got := r.settle(id, takeover)
	if d := got.to(t, "hook"); d.State != "delivered" || d.Attempts != 2 || d.RetriesUsed != 1 {
		t.Errorf("%+v", d)
	}
	if n := len(hook.of(id)); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

// TestStoppedForTooLong: a worker that is held up in mid-delivery for so long
// that another takes its place changes nothing when it comes back.
func TestStoppedForTooLong(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hook := newSink(t, answer{status: 500, hold: release}, answer{})
	r := newRelay(t, webhookTo("hook", hook))
	r.delivery = "  timeout: 5m\n"
	r.start()
	id := r.send(preapproval("a"))
	hook.await(t, 1)
	late := r.worker
	late.signal(syscall.SIGSTOP)
	r.startWorker()
	got := r.settle(id, takeover)
	late.signal(syscall.SIGCONT)
	close(release) // its answer is 500: it would try again if it still had a say
	if code := r.worker.stop(); code != 0 {
		t.Errorf("the second worker ended with code %d", code)
	}
	if after := r.settle(r.send(preapproval("b")), soon); after.Status != "delivered" {
		t.Errorf("the worker that was held up does its work no more: %+v", after)
	}
	if again := r.receipt(id); !reflect.DeepEqual(again, got) || again.Status != "delivered" || again.Deliveries[0].Attempts != 1 {
		t.Errorf("the receipt was %+v and is %+v", got, again)
	}
	if n := len(hook.of(id)); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// TestKilledInMidFanOut: workers die one after the other while they make the
// deliveries of events that many channels want.
func TestKilledInMidFanOut(t *testing.T) {
	t.Parallel()
	const (
		eachTime, channels = 2, 100 // events for each worker that is to die
		concurrency        = 8
	)
	kills := []int{3, 30, 90} // after so many requests by that worker

	hook := newSink(t)
	var confs []channelConf
	for i := range channels {
		c := webhookTo(fmt.Sprint("hook", i), hook)
		c.config["headers"] = map[string]any{"X-Channel": c.name}
		confs = append(confs, c)
	}
	r := newRelay(t, confs...)
	r.writeFile()
	r.startIngest()
	var ids []string
	for i, after := range kills {
		for j := range eachTime {
			ids = append(ids, r.send(preapproval(fmt.Sprint(i, j))))
		}
		died := killAt(hook, len(hook.all())+after, func() *process {
			return r.launch("worker", []string{"ACCESSRELAY_OPS_ADDR=127.0.0.1:0", fmt.Sprint("--concurrency=", concurrency)})
		})
		select {
		case <-died:
		case <-time.After(soon):
			t.Fatalf("worker %d has not made %d deliveries", i+1, after)
		}
		if i == 0 {
			checkMidFanOut(t, r, eachTime*channels)
		}
	}
	r.startWorker()

	requests := map[[2]string]int{}
	receipts := map[string]receipt{}
	for _, id := range ids {
		receipts[id] = r.settle(id, takeover)
	}
	for _, q := range hook.all() {
		requests[[2]string{q.id(), q.header.Get("X-Channel")}]++
	}
	for id, got := range receipts {
		if got.Status != "delivered" || len(got.Deliveries) != channels {
			t.Errorf("event %s: %s with %d deliveries", id, got.Status, len(got.Deliveries))
		}
		for _, d := range got.Deliveries {
			if n := requests[[2]string{id, d.ChannelName}]; n < 1 || d.Attempts != 1 || d.RetriesUsed != 0 {
				t.Errorf("%d requests, delivery %+v", n, d)
			}
		}
	}
	if n, most := len(hook.all()), len(ids)*channels+len(kills)*concurrency; n > most {
		t.Errorf("%d requests, want at most %d: only what a dead worker had under way is sent again", n, most)
	}
}

// killAt starts a worker and kills it when the sink has so many requests. The
// channel is closed once it is dead.
func killAt(s *sink, requests int, start func() *process) <-chan struct{} {
	died := make(chan struct{})
	ready := make(chan *process, 1)
	var once sync.Once
	s.mu.Lock()
	s.seen = func(n int) {
		if n >= requests {
			once.Do(func() {
				(<-ready).kill()
				close(died)
			})
		}
	}
	s.mu.Unlock()
	ready <- start()
	return died
}

// checkMidFanOut fails if the first worker died too late for this to be a test.
func checkMidFanOut(t *testing.T, r *relay, all int) {
	t.Helper()
	rdb := r.redis.Client()
	made := rdb.LLen(t.Context(), "asynq:{deliveries}:pending").Val() + rdb.LLen(t.Context(), "asynq:{deliveries}:active").Val()
	if made >= int64(all) {
		t.Errorf("all %d deliveries were in the queue when the worker died", all)
	}
	if n := rdb.LLen(t.Context(), "asynq:{events}:active").Val(); n == 0 {
		t.Error("no event was under way when the worker died")
	}
	t.Logf("%d of %d deliveries were in the queue when the first worker died", made, all)
}
