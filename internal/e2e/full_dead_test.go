package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// TestDeadLettersOfAFullRedis: deleting them gives memory back, so a full Redis
// must let it happen. A replay needs memory first: it is refused and leaves the
// delivery as dead as it was.
func TestDeadLettersOfAFullRedis(t *testing.T) {
	t.Parallel()
	broken := newSink(t, status(400))
	r := newRelay(t, webhookTo("broken", broken))
	r.start()
	id := r.send(preapproval("a"))
	dead := r.settle(id, soon).to(t, "broken")
	if dead.State != "dead" {
		t.Fatalf("delivery %+v", dead)
	}
	if err := r.redis.Client().ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if a := r.call(http.MethodPost, "/v1/deliveries/"+dead.ID+"/replay", ""); a.status != http.StatusServiceUnavailable || !strings.Contains(string(a.body), "Redis is full") {
		t.Errorf("replaying: %d %s", a.status, a.body)
	}
	if got := r.settle(id, soon).to(t, "broken"); got.State != "dead" || got.Attempts != 1 || len(broken.of(id)) != 1 {
		t.Errorf("a refused replay left %+v", got)
	}
	if a := r.call(http.MethodDelete, "/v1/deliveries/"+dead.ID, ""); a.status != http.StatusNoContent {
		t.Errorf("deleting: %d %s", a.status, a.body)
	}
	if got := r.settle(id, soon); len(got.Deliveries) != 0 {
		t.Errorf("after it was deleted: %+v", got)
	}
}
