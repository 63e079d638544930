package e2e

import (
	"slices"
	"testing"
	"time"

	"accessrelay/internal/redistest"
)

// pending is a list of a queue: what is killed is a master that has tasks.
const pending = "asynq:{events}:pending"

// TestClusterMasterKilled: a master of a Cluster dies while events come in, with
// tasks and records on all of them.
func TestClusterMasterKilled(t *testing.T) {
	t.Parallel()
	c := redistest.StartClusterOf(t, 3, 1)
	hook, wrong := newSink(t), newSink(t)
	r := newRelayOn(t, c.Nodes()[0], toTwo(hook, wrong)...)
	r.redisURL = c.URL()
	events := underTraffic(t, r, "--ack=replicas:1")
	for i, m := range c.Masters() {
		queues, err := m.Client().Keys(t.Context(), "asynq:{*}:processed").Result()
		if err != nil || len(queues) == 0 {
			t.Errorf("no queue is used on master %d (%v)", i+1, err)
		}
		records, err := m.Client().Keys(t.Context(), "ar:{evt_*").Result()
		if err != nil || len(records) == 0 {
			t.Errorf("no record is on master %d (%v)", i+1, err)
		}
	}

	master := c.Serving(pending)
	master.Kill()
	killed := time.Now()
	eventually(t, failoverWithin, "a replica serves the dead master's slots", func() bool {
		masters := c.Masters()
		return len(masters) == 3 && !slices.Contains(masters, master)
	})
	t.Logf("a replica serves the slots after %v", time.Since(killed).Round(time.Millisecond))
	// The new master has no replica yet, and what nobody has twice is not
	// acknowledged. The dead one comes back as its replica.
	master.Restart()
	c.Await()
	back := time.Now()
	t.Logf("200 again %v after the dead master's return", events.awaitSince(back))
	r.awaitAllReady()
	t.Logf("all is well after %v", time.Since(killed).Round(time.Millisecond))
	events.await(50)
	events.settled(hook, wrong).check(t)
}
