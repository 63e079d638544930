package e2e

import (
	"testing"
	"time"
)

// soon is how long something may take that happens at once on an idle machine.
// It is generous: a busy machine must not make a test fail.
const soon = 20 * time.Second

const pollEvery = 10 * time.Millisecond

// eventually waits until cond holds, at most for limit.
func eventually(t *testing.T, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain until %s", limit, what)
		}
		time.Sleep(pollEvery)
	}
}

// waitUntil returns at the given time: for what a real clock must end.
func waitUntil(at time.Time) { <-time.After(time.Until(at)) }
