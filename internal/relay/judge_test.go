package relay

import (
	"errors"
	"testing"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

var (
	t0     = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	policy = Policy{
		MaxRetries: 3, Backoff: []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute},
		Timeout: 15 * time.Second, MaxAge: 24 * time.Hour,
	}
)

func failed(c transport.Class, after time.Duration) *transport.SendError {
	return &transport.SendError{Reason: transport.ReasonServerError, Class: c, RetryAfter: after, Err: errors.New("status 500")}
}

func TestJudge(t *testing.T) {
	none := &transport.SendError{Reason: transport.ReasonChannelDisabled, Class: transport.Dead, NoAttempt: true}
	for _, tt := range []struct {
		name    string
		before  event.Delivery
		err     *transport.SendError
		at      time.Time
		state   event.State
		outcome outcome
		tries   int           // attempts afterwards
		used    int           // retries used afterwards
		wait    time.Duration // to the next attempt, ±20 %
		reason  transport.Reason
	}{
		{"delivered at once", event.Delivery{}, nil, t0, event.StateDelivered, outcomeDelivered, 1, 0, 0, ""},
		{"delivered at last", event.Delivery{Attempts: 3, RetriesUsed: 3}, nil, t0, event.StateDelivered, outcomeDelivered, 4, 3, 0, ""},
		{"first failure", event.Delivery{}, failed(transport.Retry, 0), t0, event.StateRetrying, outcomeRetried, 1, 1, 10 * time.Second, transport.ReasonServerError},
		{"second failure", event.Delivery{Attempts: 1, RetriesUsed: 1}, failed(transport.Retry, 0), t0, event.StateRetrying, outcomeRetried, 2, 2, time.Minute, transport.ReasonServerError},
		{"third failure", event.Delivery{Attempts: 2, RetriesUsed: 2}, failed(transport.Retry, 0), t0, event.StateRetrying, outcomeRetried, 3, 3, 5 * time.Minute, transport.ReasonServerError},
		{"fourth failure", event.Delivery{Attempts: 3, RetriesUsed: 3}, failed(transport.Retry, 0), t0, event.StateDead, outcomeDead, 4, 3, 0, transport.ReasonServerError},
		{"throttled", event.Delivery{Attempts: 3, RetriesUsed: 3}, failed(transport.Throttle, 2*time.Second), t0, event.StateThrottled, outcomeThrottled, 4, 3, 2 * time.Second, transport.ReasonServerError},
		{"throttled for no time at all", event.Delivery{}, failed(transport.Throttle, 0), t0, event.StateThrottled, outcomeThrottled, 1, 0, time.Second, transport.ReasonServerError},
		{"throttled to the last moment", event.Delivery{}, failed(transport.Throttle, time.Hour), t0.Add(23 * time.Hour), event.StateThrottled, outcomeThrottled, 1, 0, time.Hour, transport.ReasonServerError},
		{"throttled for too long", event.Delivery{}, failed(transport.Throttle, time.Hour), t0.Add(23*time.Hour + time.Second), event.StateDead, outcomeDead, 1, 0, 0, transport.ReasonMaxAge},
		{"refused", event.Delivery{}, failed(transport.Dead, 0), t0, event.StateDead, outcomeDead, 1, 0, 0, transport.ReasonServerError},
		{"gone", event.Delivery{}, failed(transport.Gone, 0), t0, event.StateDead, outcomeDead, 1, 0, 0, transport.ReasonServerError},
		{"no attempt made", event.Delivery{Attempts: 2}, none, t0, event.StateDead, outcomeDead, 2, 0, 0, transport.ReasonChannelDisabled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.before.RoundAt = t0
			tt.before.NextAttemptAt = t0
			d, o := judge(tt.before, tt.err, tt.at, policy, trial{})
			if d.State != tt.state || o != tt.outcome || d.Attempts != tt.tries || d.RetriesUsed != tt.used || d.LastReason != string(tt.reason) {
				t.Errorf("got %s %s, %d attempts, %d retries used, reason %q", d.State, o, d.Attempts, d.RetriesUsed, d.LastReason)
			}
			if d.State.Final() != d.NextAttemptAt.IsZero() {
				t.Errorf("%s with the next attempt at %v", d.State, d.NextAttemptAt)
			}
			if tt.wait > 0 {
				wait := d.NextAttemptAt.Sub(tt.at)
				if slack := tt.wait / 5; wait < tt.wait-slack || wait > tt.wait+slack {
					t.Errorf("waits %v, want %v ±20 %%", wait, tt.wait)
				}
			}
			if (d.State == event.StateDelivered) == d.DeliveredAt.IsZero() || (d.State == event.StateDead) == d.DeadAt.IsZero() {
				t.Errorf("%s with delivered at %v, dead at %v", d.State, d.DeliveredAt, d.DeadAt)
			}
		})
	}
}

func TestBackoffRepeatsItsLast(t *testing.T) {
	for n, want := range map[int]time.Duration{2: 5 * time.Minute, 3: 5 * time.Minute, 99: 5 * time.Minute} {
		if got := policy.backoff(n); got < want*8/10 || got > want*12/10 {
			t.Errorf("backoff(%d) = %v, want %v ±20 %%", n, got, want)
		}
	}
}
