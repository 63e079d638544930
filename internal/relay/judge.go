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
)

// judge says what d becomes after an attempt that ended with err at now. It is
// the whole retry policy and touches nothing.
func judge(d event.Delivery, err *transport.SendError, now time.Time, p Policy) (event.Delivery, outcome) {
	d.NextAttemptAt = time.Time{}
	if err == nil {
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
		if d.RetriesUsed < p.MaxRetries {
			d.State = event.StateRetrying
			d.NextAttemptAt = now.Add(p.backoff(d.RetriesUsed))
			d.RetriesUsed++
			return d, outcomeRetried
		}
	case transport.Throttle:
		next := now.Add(max(err.RetryAfter, shortestThrottle))
		if !next.After(d.RoundAt.Add(p.MaxAge)) {
			d.State, d.NextAttemptAt = event.StateThrottled, next
			return d, outcomeThrottled
		}
		d.LastReason = string(transport.ReasonMaxAge)
		d.LastError = "throttled beyond delivery.max_age; last: " + d.LastError
	case transport.Dead, transport.Gone:
	}
	d.State, d.DeadAt = event.StateDead, now
	return d, outcomeDead
}

// backoff is the wait before the retry after n others.
func (p Policy) backoff(n int) time.Duration {
	if len(p.Backoff) == 0 {
		return 0
	}
	d := p.Backoff[min(n, len(p.Backoff)-1)]
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*rand.Float64()))
}
