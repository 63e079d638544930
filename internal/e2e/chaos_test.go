package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/chaos"
)

// breakThings carries a plan out and demands a clean account.
func breakThings(t *testing.T, p chaos.Plan) *chaos.Account {
	t.Helper()
	progress := &strings.Builder{}
	p.Bin, p.Dir, p.Keep, p.Progress = bin, filepath.Join(t.TempDir(), "chaos"), true, progress
	a, err := chaos.Run(t.Context(), p)
	if err != nil {
		t.Fatalf("%v\n%s", err, progress)
	}
	if !a.Clean() {
		table := &strings.Builder{}
		a.Write(table)
		t.Errorf("%s\n%s", progress, table)
	}
	return a
}

// TestChaos breaks each thing once while events come in: every event that was
// acknowledged arrives where it belongs, and what arrives twice has a reason.
// make chaos does the same for longer. Not beside other tests: it has time-outs
// of its own, and a process that gets no turn looks like one that hangs.
func TestChaos(t *testing.T) {
	const events = 600
	a := breakThings(t, chaos.Plan{Seed: 11, Events: events, Duration: 25 * time.Second, Workers: 2})
	if a.Sent != events || a.Acknowledged != events || len(a.Schedule) < 8 {
		t.Errorf("%d sent, %d acknowledged, %d faults", a.Sent, a.Acknowledged, len(a.Schedule))
	}
	if a.Answers["200"] == a.Tries() {
		t.Error("no sender noticed anything: nothing was broken")
	}
}

// TestShutdownUnderLoad50: of 50 clean stops under load, of workers and ingests
// in turn, no event notices: none is lost and none delivered twice. Not beside
// other tests, as above.
func TestShutdownUnderLoad50(t *testing.T) {
	const events = 1000
	a := breakThings(t, chaos.Plan{Seed: 12, Events: events, Duration: 30 * time.Second, Workers: 2, Faults: chaos.CleanStops})
	if len(a.Schedule) != 50 || a.Acknowledged != events || len(a.Doubles) != 0 {
		t.Errorf("%d stops, %d acknowledged, %d doubles", len(a.Schedule), a.Acknowledged, len(a.Doubles))
	}
}
