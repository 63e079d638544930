package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// TestHang: one of ten destinations hangs until the time-out, the one that gets all
// events and has many places when that begins. The others do not notice, its breaker
// opens, and when it is well again it gets all that waited. It measures time, so no
// other test of this package runs beside it.
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
		if i > 0 {
			c.filters = []string{typ}
		}
		sinks, channels = append(sinks, s), append(channels, c)
	}
	ill, well := sinks[0], sinks[1:]
	r := newRelay(t, channels...)
	r.programs = plainBuild(t)
	r.writeFile()
	r.startIngest()
	for range 3 {
		r.startWorker()
	}
	const (
		pace     = 10 * time.Millisecond // of all events
		share    = 3 * 64 / 8            // of three workers' places
		grown    = share + 3*64/4        // the most that one channel has of them
		takes    = grown * 7 / 10 * pace // so it needs two thirds of that
		most     = grown + 3*share       // what may be asked of it until ten have failed, and then the probes
		each     = 5 * time.Second
		harmful  = 3 // windows, as long as the time-out: then the first fail
		timedOut = harmful * each
	)
	ill.answers(answer{takes: takes})
	r.windows(1, "warm", types, pace, 2*time.Second)
	before := r.windows(2, "before", types, pace, each)

	healed := make(chan struct{})
	ill.answers(answer{hold: healed})
	asked := func() int { return len(ill.all()) }
	well0 := asked()
	during := r.windows(1, "during", types, pace, each)
	if n := asked() - well0; n <= share || n > grown {
		t.Errorf("it had %d places when it began to hang, want more than %d and no more than %d", n, share, grown)
	}
	during = append(during, r.windows(harmful, "on", types, pace, each)...)
	gauge := series("accessrelay_breakers_open", "channel_type", "generic_webhook")
	eventually(t, 2*timedOut, "the breaker is open", func() bool { return r.worker.scrape()[gauge] == 1 })
	hung := asked() - well0
	close(healed)

	const recovery = 2 * time.Minute
	events := append(slices.Clone(before), during...)
	eventually(t, recovery, "all is delivered", func() bool { return cameTo(events, ill) })
	eventually(t, recovery, "the breaker is closed", func() bool { return r.worker.scrape()[gauge] == 0 })
	wantUnharmed(t, "the other nine", before, during[:harmful], well...)
	for _, state := range []string{"pending", "retrying", "throttled", "dead"} {
		eventually(t, recovery, "no delivery is "+state, func() bool {
			a := r.call(http.MethodGet, "/v1/deliveries?state="+state, "")
			return len(decode[list[delivery]](t, a, http.StatusOK).Data) == 0
		})
	}
	if hung > most {
		t.Errorf("the destination was asked %d times while it hung, want at most %d", hung, most)
	}
	t.Logf("the destination was asked %d times while it hung", hung)
}
