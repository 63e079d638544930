package relay

import (
	"context"
	"fmt"
)

// What a sweep may cost. A delivery is due for a look half a minute after it
// should have been attempted, and workers sweep every ten seconds, so 20 s are
// left of the minute within which a lost one goes on.
//
// A sweep finds at most [sweepLimit]/2 deliveries: 200 a second and worker, about
// one per cent of its time. So while more than 4,000 deliveries a worker are
// overdue and have their tasks all the same, because workers do not keep up, a
// lost one among them is found later than a minute: after one round through all
// of them. Deliveries that wait for a retry are not overdue, however many. Where
// the tasks of many were lost together, it goes on at once and is not bounded so.
const (
	sweepLimit  = 4000
	sweepRounds = 20
	sweepLines  = 10 // of the log, a sweep
)

// Sweep looks for open deliveries whose task vanished and enqueues them again,
// also those of events whose fan-out was begun and never finished. It is called
// every ten seconds; several workers share the work. Deliveries that it could not
// enqueue come up again in half a minute. It ends with ctx.
func (r *Relay) Sweep(ctx context.Context) error {
	resumed := 0
	defer func() {
		if more := resumed - sweepLines; more > 0 {
			r.Log.Warn("more deliveries without a task were resumed", "count", more)
		}
	}()
	for range sweepRounds {
		overdue, err := r.Records.Overdue(ctx, sweepLimit)
		failed, before := 0, resumed
		for _, d := range overdue {
			if ctx.Err() != nil {
				return fmt.Errorf("sweeping: %w", ctx.Err())
			}
			ok, resumeErr := r.Queue.ResumeDelivery(ctx, Due{EventID: d.EventID, N: d.N, Round: d.Round})
			if resumeErr != nil {
				failed++
				err = resumeErr
				continue
			}
			if !ok {
				continue
			}
			resumed++
			r.Metrics.resumed.Inc()
			if resumed <= sweepLines {
				r.Log.Warn("delivery without a task is resumed", "event", d.EventID, "delivery", d.ID(),
					"channel", d.ChannelID, "channel_type", d.ChannelType, "state", d.State, "attempts", d.Attempts)
			}
		}
		switch {
		case failed > 0:
			return fmt.Errorf("resuming %d of %d overdue deliveries: %w", failed, len(overdue), err)
		case err != nil:
			return fmt.Errorf("looking for overdue deliveries: %w", err)
		case 2*(resumed-before) < len(overdue) || len(overdue) == 0:
			return nil
		}
	}
	return nil
}
