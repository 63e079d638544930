package receipt

import (
	"testing"

	"github.com/google/uuid"

	"accessrelay/internal/event"
)

// The estimate is near what the records and their lists take.
func (on suite) testDeadLetterBytes(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t, on.rdb, week)
	other := newWorld(t, on.rdb, week)
	types := []string{"slack_webhook", "generic_webhook", "other"}
	tenants := []string{w.tenant, uuid.NewString(), other.tenant}
	if got, err := w.DeadLetterBytes(ctx, tenants, types); err != nil || len(got) != 3 || got["slack_webhook"] != 0 || got["other"] != 0 {
		t.Errorf("of nothing: %v, %v", got, err)
	}
	var records int64
	for i, world := range []*world{w, w, w, w, w, other, other, other} {
		ds := world.open(2 + i%2) // one or two of them slack
		for _, d := range ds {
			to := event.StateDead
			if d.ChannelType != "slack_webhook" {
				to = event.StateDelivered
			}
			world.record(d, to)
		}
		records += on.rdb.MemoryUsage(ctx, recordKey(ds[0].EventID)).Val()
	}
	gone := w.record(w.open(1)[0], event.StateDead)
	on.rdb.Del(ctx, recordKey(gone.EventID))
	dead := int64(8 + 4 + 1)
	want := float64(records) + float64(dead*deadEntryBytes)
	sum := 0.0
	const times = 10
	for range times {
		got, err := w.DeadLetterBytes(ctx, tenants, types)
		if err != nil || got["generic_webhook"] != 0 || got["other"] != 0 {
			t.Fatalf("%v, %v", got, err)
		}
		sum += float64(got["slack_webhook"])
	}
	if mean := sum / times; mean < want*0.7 || mean > want*1.3 {
		t.Errorf("estimated %.0f bytes, it is about %.0f", mean, want)
	}
}
