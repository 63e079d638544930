package e2e

import (
	"net/http"
	"testing"
)

// TestReplay: what died is delivered in the end, under the same event id, and
// the gauge goes down with it; what is deleted is gone.
func TestReplay(t *testing.T) {
	t.Parallel()
	mended := newSink(t, status(400), status(200))
	broken := newSink(t, status(400))
	r := newRelay(t, webhookTo("mended", mended), webhookTo("broken", broken))
	r.start()
	id := r.send(preapproval("a"))
	got := r.settle(id, soon)
	if got.Status != "failed" {
		t.Fatalf("status %s", got.Status)
	}
	gauge := func(n float64) {
		t.Helper()
		eventually(t, soon, "the gauge shows the dead deliveries", func() bool {
			return r.worker.scrape()[series("accessrelay_dead_letters", "channel_type", "generic_webhook")] == n
		})
	}
	gauge(2)

	page := decode[list[delivery]](t, r.call(http.MethodPost, "/v1/deliveries/replay", `{}`), http.StatusAccepted)
	if len(page.Data) != 2 || page.NextCursor != nil {
		t.Fatalf("replayed %+v", page)
	}
	eventually(t, soon, "the replays are done", func() bool {
		got = r.settle(id, soon)
		return got.to(t, "broken").Attempts == 2 && got.to(t, "mended").Attempts == 2
	})
	if d := got.to(t, "mended"); got.Status != "partial" || d.State != "delivered" {
		t.Errorf("%s, %+v", got.Status, d)
	}
	if n := len(mended.of(id)); n != 2 {
		t.Errorf("%d requests of the event", n)
	}
	gauge(1)

	dead := got.to(t, "broken")
	if a := r.call(http.MethodDelete, "/v1/deliveries/"+dead.ID, ""); a.status != http.StatusNoContent {
		t.Fatalf("deleting: %+v", a)
	}
	gauge(0)
	if got = r.settle(id, soon); got.Status != "partial" || len(got.Deliveries) != 1 {
		t.Errorf("after it was deleted: %+v", got)
	}
}
