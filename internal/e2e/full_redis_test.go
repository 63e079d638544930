package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/redistest"
)

// drainWithin is how long a worker may take for a Redis full of events.
const drainWithin = 60 * time.Second

// TestRedisIsFull: hooks fill Redis while no worker runs. What it no longer
// takes is refused, what was accepted is whole, and a worker that comes drains
// it although Redis refuses everybody else's writes.
func TestRedisIsFull(t *testing.T) {
	t.Parallel()
	hook := newSink(t)
	r := newRelayOn(t, redistest.Start(t, "--maxmemory", "12mb"), webhookTo("hook", hook))
	r.writeFile()
	r.startIngest()
	long := strings.Repeat("because ", 2<<10) // 16 KiB, so that a few hundred fill it
	event := func(n int) []byte {
		return []byte(strings.Replace(string(preapproval(fmt.Sprint("full", n))), "On call", long, 1))
	}
	var accepted []string
	n := 0
	full := func(a reply) bool { return a.status == http.StatusServiceUnavailable }
	for refused := 0; refused < 20; n++ {
		if n > 2000 {
			t.Fatal("Redis never got full")
		}
		a, err := do(r.hook(event(n)))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case a.status == http.StatusOK:
			accepted = append(accepted, a.eventID())
		case full(a):
			refused++
			if a.header.Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
		default:
			t.Fatalf("status %d: %s", a.status, a.body)
		}
	}
	t.Logf("%d events fill Redis", len(accepted))
	ops := r.ingest.listener("ops")
	eventually(t, soon, "ingest says that it is not ready", func() bool { return probe(t, ops+"/readyz") == http.StatusServiceUnavailable })
	if body := get(t, ops+"/readyz"); !strings.Contains(body, "Redis is full") {
		t.Errorf("readiness does not say what is wrong: %s", body)
	}
	checkQueued(t, r, accepted)
	if got := r.receipt(accepted[0]); got.Status != "accepted" {
		t.Errorf("the receipt of an event that waits in a full Redis: %+v", got)
	}

	r.startWorker()
	eventually(t, drainWithin, "the worker has drained Redis", func() bool {
		return r.redis.Client().LLen(t.Context(), "asynq:{events}:pending").Val() == 0 && len(hook.all()) >= len(accepted)
	})
	r.ingest.awaitReady()
	last := r.send(preapproval("afterwards"))
	if got := r.settle(last, soon); got.Status != "delivered" {
		t.Errorf("after the drain: %+v", got)
	}
	for _, id := range accepted {
		if got := r.settle(id, soon); got.Status != "delivered" {
			t.Errorf("%s is %s", id, got.Status)
		}
	}
	times := map[string]int{}
	for _, q := range hook.all() {
		times[q.id()]++
	}
	for _, id := range append(accepted, last) {
		if times[id] != 1 {
			t.Errorf("%s was delivered %d times", id, times[id])
		}
		delete(times, id)
	}
	if len(times) > 0 {
		t.Errorf("%d events were delivered that were refused", len(times))
	}
}

// checkQueued looks for what is half-written: every task that Redis holds must
// wait in its list, and every event that was accepted must be one of them.
func checkQueued(t *testing.T, r *relay, accepted []string) {
	t.Helper()
	rdb := r.redis.Client()
	waiting, err := rdb.LRange(t.Context(), "asynq:{events}:pending", 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	var tasks []string
	for _, key := range rdb.Keys(t.Context(), "asynq:{*}:t:*").Val() {
		tasks = append(tasks, strings.TrimPrefix(key, "asynq:{events}:t:"))
	}
	slices.Sort(waiting)
	slices.Sort(tasks)
	if !slices.Equal(waiting, tasks) {
		t.Errorf("%d tasks are in the list, %d are there", len(waiting), len(tasks))
	}
	for _, id := range accepted {
		if _, there := slices.BinarySearch(waiting, id); !there {
			t.Errorf("%s was accepted and is not in the queue", id)
		}
	}
}
