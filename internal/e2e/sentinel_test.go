package e2e

import (
	"strings"
	"testing"
	"time"

	"accessrelay/internal/redistest"
)

// TestSentinelMasterKilled: the master under Sentinels dies while events come
// in. The programs find the replica that takes its place.
func TestSentinelMasterKilled(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinel(t)
	hook, wrong := newSink(t), newSink(t)
	r := newRelayOn(t, s.Nodes()[0], toTwo(hook, wrong)...)
	r.redisURL = s.URL()
	events := underTraffic(t, r, "--ack=replicas:1")

	master := s.Master()
	master.Kill()
	killed := time.Now()
	t.Logf("200 again after %v", events.awaitSince(killed))
	r.awaitAllReady()
	t.Logf("both programs ready after %v", time.Since(killed).Round(time.Millisecond))
	eventually(t, failoverWithin, "the sentinels agree on another", func() bool { return s.Master() != master })
	events.await(50)
	events.settled(hook, wrong).check(t)
}

// TestSentinelMasterStandsStill: the master does not answer for so long that
// another takes its place, and comes back believing that it is the master.
func TestSentinelMasterStandsStill(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinel(t)
	hook, wrong := newSink(t), newSink(t)
	r := newRelayOn(t, s.Nodes()[0], toTwo(hook, wrong)...)
	r.redisURL = s.URL()
	events := underTraffic(t, r, "--ack=replicas:1")

	old := s.Master()
	old.Pause()
	paused := time.Now()
	t.Logf("200 again after %v", events.awaitSince(paused))
	r.awaitAllReady()
	t.Logf("both programs ready after %v", time.Since(paused).Round(time.Millisecond))
	old.Resume()
	resumed := time.Now()
	eventually(t, failoverWithin, "the old master is a replica", func() bool {
		return strings.Contains(old.Client().Info(t.Context(), "replication").Val(), "role:slave")
	})
	t.Logf("the old master is a replica after %v", time.Since(resumed).Round(time.Millisecond))
	if s.Master() == old {
		t.Error("the old master is the master again")
	}
	events.await(100)
	events.settled(hook, wrong).check(t)
}
