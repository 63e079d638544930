package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"accessrelay/internal/redistest"
)

const (
	refuseWithin  = 600 * time.Millisecond
	recoverWithin = 2 * time.Second
	scrapeWithin  = 10 * time.Second // Prometheus gives up then
	// tries is how often a moment is measured: on two busy cores one of them may
	// be the machine's, not the program's.
	tries = 3
)

// TestRedisHangs: a Redis that does not answer gives 503 in time, however many
// ask, and all is well soon after it is back, without a restart. It measures
// time, so no test runs beside it.
func TestRedisHangs(t *testing.T) {
	hook := newSink(t)
	r := newRelay(t, webhookTo("hook", hook))
	r.start()
	r.settle(r.send(preapproval("before")), soon)
	auth := "Bearer " + r.signer.token()
	url := r.ingest.listener("hooks") + "/v1/hooks/" + theSource
	n := 0
	post := func() *http.Request {
		n++
		req := r.hook(preapproval(fmt.Sprint("hang", n)))
		req.Header.Set("Authorization", auth)
		if req.URL.String() != url {
			t.Fatalf("the hook is %s", req.URL)
		}
		return req
	}

	r.redis.Pause()
	for _, p := range []*process{r.ingest, r.worker} {
		start := time.Now()
		if got := probe(t, p.listener("ops")+"/metrics"); got != http.StatusOK || time.Since(start) > scrapeWithin {
			t.Errorf("/metrics of %s is %d after %v while Redis hangs", p.name, got, time.Since(start))
		}
	}
	r.redis.Resume()
	recovered(t, post)
	for _, callers := range []int{1, 50} {
		best := time.Hour
		for range tries {
			r.redis.Pause()
			slowest := refusedBy(t, post, callers)
			checkUnready(t, r)
			r.redis.Resume()
			back := time.Now()
			recovered(t, post)
			if took := time.Since(back); took > recoverWithin {
				t.Errorf("%d callers: 200 again after %v, want %v", callers, took, recoverWithin)
			}
			if best = min(best, slowest); best <= refuseWithin {
				break
			}
		}
		t.Logf("%d callers: 503 within %v", callers, best)
		if best > refuseWithin {
			t.Errorf("%d callers: the slowest 503 took %v in the best of %d tries, want %v", callers, best, tries, refuseWithin)
		}
	}
	r.ingest.awaitReady()
	r.worker.awaitReady()
	if got := r.settle(r.send(preapproval("after")), soon); got.Status != "delivered" {
		t.Errorf("after the outage: %+v", got)
	}
}

// refusedBy has so many callers refused at a time and returns how long the
// slowest waited.
func refusedBy(t *testing.T, post func() *http.Request, callers int) time.Duration {
	t.Helper()
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		slowest time.Duration
	)
	for range callers {
		req := post()
		wg.Go(func() {
			start := time.Now()
			got, err := do(req)
			took := time.Since(start)
			if err != nil || got.status != http.StatusServiceUnavailable {
				t.Errorf("Redis hangs: status %d, %v, want 503", got.status, err)
				return
			}
			if s, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || s < 1 {
				t.Errorf("Retry-After is %q", got.header.Get("Retry-After"))
			}
			checkProblem(t, hookTest{name: "Redis hangs", status: 503, code: "unavailable"}, got)
			mu.Lock()
			defer mu.Unlock()
			slowest = max(slowest, took)
		})
	}
	wg.Wait()
	return slowest
}

// recovered sends events until one is accepted.
func recovered(t *testing.T, post func() *http.Request) {
	t.Helper()
	eventually(t, soon, "events are accepted again", func() bool {
		got, err := do(post())
		return err == nil && got.status == http.StatusOK
	})
}

// checkUnready: both programs say within a second that they cannot do their
// job, from a check that is at most a second old, and that they live.
func checkUnready(t *testing.T, r *relay) {
	t.Helper()
	for _, p := range []*process{r.ingest, r.worker} {
		ops := p.listener("ops")
		eventually(t, 3*time.Second, p.name+" says that it is not ready", func() bool {
			start := time.Now()
			got := probe(t, ops+"/readyz")
			if took := time.Since(start); took > time.Second+pollEvery {
				t.Errorf("/readyz of %s took %v", p.name, took)
			}
			return got == http.StatusServiceUnavailable
		})
		if got := probe(t, ops+"/healthz"); got != http.StatusOK {
			t.Errorf("/healthz of %s is %d while Redis hangs", p.name, got)
		}
	}
}

// TestRedisRestarts: a Redis that is gone gives 503, and all is well when it is
// back with what it has kept. What was accepted before is delivered.
func TestRedisRestarts(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hook := newSink(t, answer{hold: release}, answer{})
	// It must know after the restart what it knew before.
	redis := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	r := newRelayOn(t, redis, webhookTo("hook", hook))
	r.start()
	held := r.send(preapproval("held"))
	hook.await(t, 1)
	r.redis.Kill()
	for range 3 {
		got, err := do(r.hook(preapproval("lost")))
		if err != nil || got.status != http.StatusServiceUnavailable {
			t.Errorf("without Redis: status %d, %v", got.status, err)
		}
	}
	if got := r.call(http.MethodGet, "/v1/events/"+held, ""); got.status != http.StatusServiceUnavailable {
		t.Errorf("the API without Redis: status %d", got.status)
	}
	close(release) // the outcome is there, and nowhere to write it yet
	r.redis.Restart()
	if got := r.settle(held, 2*soon); got.Status != "delivered" || got.Deliveries[0].Attempts != 1 {
		t.Errorf("sent while Redis was gone: %+v", got)
	}
	if got := r.settle(r.send(preapproval("after")), soon); got.Status != "delivered" {
		t.Errorf("after the restart: %+v", got)
	}
	if n := len(hook.of(held)); n != 1 {
		t.Errorf("%d requests for the event that was under way, want 1", n)
	}
}

// TestStartsWithoutRedis: both programs start without a Redis, say that they
// are not ready, and begin to work when it comes.
func TestStartsWithoutRedis(t *testing.T) {
	t.Parallel()
	hook := newSink(t)
	r := newRelay(t, webhookTo("hook", hook))
	r.writeFile()
	r.redis.Kill()
	r.ingest = r.launch("ingest", []string{
		"ACCESSRELAY_HOOKS_ADDR=127.0.0.1:0", "ACCESSRELAY_API_ADDR=127.0.0.1:0", "ACCESSRELAY_OPS_ADDR=127.0.0.1:0",
	})
	r.worker = r.launch("worker", []string{"ACCESSRELAY_OPS_ADDR=127.0.0.1:0"})
	for _, p := range []*process{r.ingest, r.worker} {
		if got := probe(t, p.listener("ops")+"/readyz"); got != http.StatusServiceUnavailable {
			t.Errorf("/readyz of %s is %d without Redis", p.name, got)
		}
	}
	if got, err := do(r.hook(preapproval("a"))); err != nil || got.status != http.StatusServiceUnavailable {
		t.Errorf("without Redis: status %d, %v", got.status, err)
	}
	r.redis.Restart()
	r.ingest.awaitReady()
	r.worker.awaitReady()
	if got := r.settle(r.send(preapproval("a")), soon); got.Status != "delivered" {
		t.Errorf("with Redis: %+v", got)
	}
}

// TestIdleWorkerIsQuiet: a worker with nothing to do asks Redis rarely.
func TestIdleWorkerIsQuiet(t *testing.T) {
	t.Parallel()
	const (
		watched = 5 * time.Second
		most    = 15 // requests a second
	)
	hook := newSink(t)
	r := newRelay(t, webhookTo("hook", hook))
	r.start()
	r.settle(r.send(preapproval("a")), soon)
	n := r.redis.Requests(t, watched)
	t.Logf("%.1f requests a second", float64(n)/watched.Seconds())
	if n > most*int(watched.Seconds()) {
		t.Errorf("%d requests in %v, want at most %d a second", n, watched, most)
	}
}
