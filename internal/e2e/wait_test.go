package e2e

import (
	"testing"
	"time"
)

// soon is how long something may take that happens at once on an idle machine.
// It is generous: a busy machine must not make a test fail.
const soon = 20 * time.Second

// A condition is looked at after pollEvery, and again whenever the wait has grown by
// a twentieth, at the latest after pollAtMost: who looks keeps two cores from those
// that are looked at.
const (
	pollEvery  = 10 * time.Millisecond
	pollAtMost = 200 * time.Millisecond
)

// eventually waits until cond holds, at most for limit.
func eventually(t *testing.T, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	start := time.Now()
	for !cond() {
		waited := time.Since(start)
		if waited > limit {
			t.Fatalf("waited %v in vain until %s", limit, what)
		}
		time.Sleep(min(max(pollEvery, waited/20), pollAtMost))
	}
}

// waitUntil returns at the given time: for what a real clock must end.
func waitUntil(at time.Time) { <-time.After(time.Until(at)) }
