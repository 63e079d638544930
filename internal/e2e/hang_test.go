package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestHang: one of ten destinations hangs until the time-out. The others do not
// notice, its breaker opens, and when it is well again it gets all that waited. It
// measures time, so no other test of this package runs beside it.
func TestHang(t *testing.T) { //nolint:paralleltest // see above
	types := []string{
		"request.pending", "request.approved", "request.denied", "request.expired", "request.cancelled",
		"grant.active", "grant.expiring_soon", "grant.expired", "grant.revoked", "grant.failed",
	}
	var sinks []*sink
	var channels []channelConf
	for i, typ := range types {
		s := newSink(t)
		c := webhookTo(fmt.Sprintf("c%d", i), s)
		c.filters = []string{typ}
		sinks, channels = append(sinks, s), append(channels, c)
	}
	ill, well := sinks[0], sinks[1:]
	r := newRelay(t, channels...)
	r.writeFile()
	r.startIngest()
	for range 3 {
		r.startWorker()
	}
	const pace = 10 * time.Millisecond // of all ten together
	r.windows(1, "warm", types, pace, 2*time.Second)
	before := r.windows(2, "before", types, pace, 5*time.Second)

	healed := make(chan struct{})
	ill.answers(answer{hold: healed})
	during := r.windows(4, "during", types, pace, 5*time.Second)
	gauge := series("accessrelay_breakers_open", "channel_type", "generic_webhook")
	eventually(t, soon, "the breaker is open", func() bool { return r.worker.scrape()[gauge] == 1 })
	asked := len(ill.all()) - arrivals(before, ill)
	close(healed)

	eventually(t, 90*time.Second, "all is delivered", func() bool { return cameTo(append(before, during...), sinks...) })
	eventually(t, soon, "the breaker is closed", func() bool { return r.worker.scrape()[gauge] == 0 })
	wantUnharmed(t, "the other nine", before, during, well...)
	for _, state := range []string{"pending", "retrying", "throttled", "dead"} {
		eventually(t, soon, "no delivery is "+state, func() bool {
			a := r.call(http.MethodGet, "/v1/deliveries?state="+state, "")
			return len(decode[list[delivery]](t, a, http.StatusOK).Data) == 0
		})
	}
	// Three workers have their share of 64 places there, twice until ten have failed, and
	// then the probes. Without that it would be all events.
	if share := 3 * 64 / 8; asked > 4*share {
		t.Errorf("the destination was asked %d times while it hung", asked)
	}
	t.Logf("the destination was asked %d times while it hung", asked)
}

// arrivals counts the publishers' events that came to a sink.
func arrivals(publishers []*publisher, to *sink) (n int) {
	for _, p := range publishers {
		n += len(p.latencies(to))
	}
	return n
}
