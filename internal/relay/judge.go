package relay

import (
	"math/rand/v2"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

// outcome is what an attempt came to: a label of the metric.
type outcome string

const (
	outcomeDelivered outcome = "delivered"
	outcomeRetried   outcome = "retried"
	outcomeThrottled outcome = "throttled"
	outcomeDead      outcome = "dead"
)

const (
	// jitter spreads retries by this share to either side.
	jitter = 0.2

	// shortestThrottle is the least that a throttled delivery waits, also for a
	// destination that says "Retry-After: 0" again and again.
	shortestThrottle = time.Second
	// longestThrottle is for destinations that do not say for how long.
	longestThrottle = time.Minute
)

// trial says whether an attempt was made to try an open breaker, and how long the
// breaker lets nobody through after it. Who tries it does so for all that wait: if
// nobody answers that uses up no retry, so that an outage by itself kills nothing
// before max_age.
type trial struct {
	probe bool
	wait  time.Duration
}

// judge says what d becomes after an attempt that ended with err at now. It is
// the whole retry policy and touches nothing.
func judge(d event.Delivery, err *transport.SendError, now time.Time, p Policy, t trial) (event.Delivery, outcome) {
	d.NextAttemptAt = time.Time{}
	turn := d.Turn
	d.Turn = 0
	if err == nil {
		if d.Attempts == 0 { // it only waited
			d.LastReason, d.LastError = "", ""
		}
		d.Attempts++
		d.State, d.DeliveredAt = event.StateDelivered, now
		return d, outcomeDelivered
	}
	if !err.NoAttempt {
		d.Attempts++
	}
	d.LastReason, d.LastError = string(err.Reason), err.Error()

	switch err.Class {
	case transport.Retry:
		if t.probe && !err.NoAttempt && !err.Alive {
			d, _ = postpone(d, t.wait, now, p)
			return d, stateOutcome(d)
		}
		if d.RetriesUsed < p.MaxRetries {
			d.State = event.StateRetrying
			d.NextAttemptAt = now.Add(p.backoff(d.RetriesUsed))
			d.RetriesUsed++
			return d, outcomeRetried
		}
	case transport.Throttle:
		next := now.Add(throttleFor(d, err))
		if !next.After(d.RoundAt.Add(p.MaxAge)) {
			d.State, d.NextAttemptAt = event.StateThrottled, next
			d.Turn = turn // it goes first when the others may go again
			return d, outcomeThrottled
		}
		return tooOld(d, now), outcomeDead
	case transport.Dead, transport.Gone:
	}
	d.State, d.DeadAt = event.StateDead, now
	return d, outcomeDead
}

// throttleFor is how long a delivery waits that the destination does not want now.
// One that does not say for how long is asked ever more seldom.
func throttleFor(d event.Delivery, err *transport.SendError) time.Duration {
	if err.RetryAfter > 0 {
		return max(err.RetryAfter, shortestThrottle)
	}
	wait := min(shortestThrottle<<min(max(d.Attempts-1, 0), 10), longestThrottle)
	return wait + time.Duration(jitter*rand.Float64()*float64(wait))
}

// postpone has d wait without using a retry. It is dead once max_age is over, and
// not before: it comes back then to see whether it may go after all.
func postpone(d event.Delivery, wait time.Duration, now time.Time, p Policy) (event.Delivery, bool) {
	ends := d.RoundAt.Add(p.MaxAge)
	if !now.Before(ends) {
		return tooOld(d, now), false
	}
	d.State, d.NextAttemptAt = event.StateThrottled, now.Add(max(wait, time.Millisecond))
	if d.NextAttemptAt.After(ends) {
		d.NextAttemptAt = ends
	}
	return d, true
}

func tooOld(d event.Delivery, now time.Time) event.Delivery {
	d.LastReason = string(transport.ReasonMaxAge)
	d.LastError = "throttled beyond delivery.max_age; last: " + d.LastError
	d.State, d.DeadAt, d.NextAttemptAt, d.Turn = event.StateDead, now, time.Time{}, 0
	return d
}

func stateOutcome(d event.Delivery) outcome {
	if d.State == event.StateDead {
		return outcomeDead
	}
	return outcomeThrottled
}

// backoff is the wait before the retry after n others.
func (p Policy) backoff(n int) time.Duration {
	if len(p.Backoff) == 0 {
		return 0
	}
	d := p.Backoff[min(n, len(p.Backoff)-1)]
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*rand.Float64()))
}
