package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"accessrelay/internal/redistest"
)

// TestAckReplicas: 200 means that a replica has the event. With the replica
// stopped nobody of many may be told 200, whichever connection asks.
func TestAckReplicas(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	host, port, err := net.SplitHostPort(master.Addr())
	if err != nil {
		t.Fatal(err)
	}
	r := newRelayOn(t, master, webhookTo("hook", newSink(t)))
	r.writeFile()
	ingest := r.launch("ingest", []string{
		"ACCESSRELAY_HOOKS_ADDR=127.0.0.1:0", "ACCESSRELAY_API_ADDR=127.0.0.1:0", "ACCESSRELAY_OPS_ADDR=127.0.0.1:0", "--ack=replicas:1",
		"--enqueue-timeout=5s", // a burst of signatures keeps a small machine busy for longer than the default
	})
	r.ingest = ingest
	ops := ingest.listener("ops")
	eventually(t, soon, "ingest misses the replica", func() bool {
		return probe(t, ops+"/readyz") == http.StatusServiceUnavailable && strings.Contains(get(t, ops+"/readyz"), "0 of the 1 replicas")
	})
	replica := redistest.Start(t, "--replicaof", host+" "+port)
	ingest.awaitReady()

	const callers = 64
	n := 0
	post := func() map[int]int {
		requests := make([]*http.Request, callers)
		for i := range requests {
			n++
			requests[i] = r.hook(preapproval(fmt.Sprint("ack", n)))
		}
		statuses := make([]int, callers)
		var wg sync.WaitGroup
		for i, req := range requests {
			wg.Go(func() {
				a, err := do(req)
				if err == nil {
					statuses[i] = a.status
				}
			})
		}
		wg.Wait()
		count := map[int]int{}
		for _, s := range statuses {
			count[s]++
		}
		return count
	}
	eventually(t, soon, "all of a burst are accepted", func() bool { return post()[http.StatusOK] == callers }) // warms the pool
	replica.Pause()
	for range 3 {
		if got := post(); got[http.StatusServiceUnavailable] != callers {
			t.Errorf("with the replica stopped: %v, want 503 alone", got)
		}
	}
	replica.Resume()
	eventually(t, soon, "all of a burst are accepted again", func() bool { return post()[http.StatusOK] == callers })
}

// TestAckFsyncIsRefused: a Redis that does not write through to its disk cannot
// keep what --ack=fsync promises, so neither program starts.
func TestAckFsyncIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "set appendonly yes and appendfsync always"},
		{[]string{"--appendonly", "yes"}, "appendfsync is everysec; set it to always"},
	} {
		r := newRelayOn(t, redistest.Start(t, tt.args...), webhookTo("hook", newSink(t)))
		r.writeFile()
		for _, name := range []string{"ingest", "worker"} {
			got := runProgram(t, name, []string{
				"ACCESSRELAY_CONFIG=" + r.path(), "ACCESSRELAY_REDIS_URL=" + r.redisURL, "ACCESSRELAY_OPS_ADDR=127.0.0.1:0",
			}, "--ack=fsync")
			if got.code == 0 || !strings.Contains(got.stderr, tt.want) || strings.Count(strings.TrimSpace(got.stderr), "\n") > 0 {
				t.Errorf("%s with %v: code %d, %s", name, tt.args, got.code, got.stderr)
			}
		}
	}
}

// TestAckFsync: with a Redis that does, events go through.
func TestAckFsync(t *testing.T) {
	t.Parallel()
	r := newRelayOn(t, redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always"), webhookTo("hook", newSink(t)))
	r.writeFile()
	r.startIngest("--ack=fsync")
	r.startWorker("--ack=fsync")
	if got := r.settle(r.send(preapproval("fsync")), soon); got.Status != "delivered" {
		t.Errorf("%+v", got)
	}
}
