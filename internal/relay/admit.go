package relay

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

const (
	// lookAhead is how long before its turn a delivery comes back from the queue,
	// to wait for the rest in the worker: the queue knows whole seconds and looks
	// once in one, so what it runs can be two seconds late.
	lookAhead = 3 * time.Second

	// longestWait is how long a delivery that has a turn stays in the queue before
	// it asks again: a channel's rate may have been raised.
	longestWait = 10 * time.Minute

	// fresh is how long what was read before a wait is taken for what still is. A wait
	// for a place can be as long as all that stand before have time-outs, and a worker
	// can stand still: the channel may be another by then, and the delivery another
	// worker's.
	fresh = time.Second

	// probeAgain is after what time a delivery tries an open breaker again if the gate
	// has not said when.
	probeAgain = 5 * time.Second

	// reportFor bounds the time that the gate is told what came of an attempt.
	reportFor = 2 * time.Second
)

// way is what a delivery needs to be sent.
type way struct {
	channel *channel.Channel // also if it cannot be sent, unless it is gone
	entry   Entry
	pass    Pass
	place   *place // to be given back after the send
}

// admit waits for what the delivery needs: a place in this worker, and to be let
// through to its channel. A *SendError says why it is not sent at all. An [*Again]
// says that the wait is too long to be waited for here, or that the worker ends. With
// neither, and no place, it has waited for too long and that is on record.
func (r *Relay) admit(ctx context.Context, log *slog.Logger, ev *event.Event, d event.Delivery) (way, *transport.SendError, error) {
	read := r.Now()
	if wait := d.NextAttemptAt.Sub(read); wait > 0 && wait <= lookAhead && !r.sleep(d.ChannelID, wait) {
		return way{}, nil, &Again{After: wait, because: "not due yet"}
	}
	for {
		w, sendErr, err := r.try(ctx, ev, d, &read)
		if err != nil || sendErr != nil || w.place != nil {
			return w, sendErr, err
		}
		next, waits := r.standInLine(d, w.pass)
		if waits && w.pass.Wait <= lookAhead && r.sleep(d.ChannelID, w.pass.Wait) {
			d.Turn = w.pass.Turn
			continue
		}
		return way{}, nil, r.postponed(ctx, log, ev, d, next)
	}
}

// try is admit without the waiting for a turn: with no place and nothing else the
// pass says how long that is. read is when d was last seen to be what it is.
func (r *Relay) try(ctx context.Context, ev *event.Event, d event.Delivery, read *time.Time) (way, *transport.SendError, error) {
	// Looked up anew each time: it may have been changed since.
	ch, sendErr, err := r.channel(ctx, ev, d)
	if err != nil || sendErr != nil {
		return way{channel: ch}, sendErr, err
	}
	got, putOff := r.places.take(ch.ID)
	if got == nil {
		return way{}, nil, &Again{After: putOff, because: "its channel has its share of places"}
	}
	goes := false
	defer func() {
		if !goes {
			got.unused()
		}
	}()
	if now := r.Now(); got.waited > fresh || now.Sub(*read) > fresh {
		if err := r.stillDue(ctx, d); err != nil {
			return way{}, nil, err
		}
		*read = now
		if ch, sendErr, err = r.channel(ctx, ev, d); err != nil || sendErr != nil {
			return way{channel: ch}, sendErr, err
		}
	}
	entry := Entry{
		ChannelID: ch.ID, DeliveryID: d.ID(), EventID: ev.ID, Turn: d.Turn,
		Rate: ch.Rate(), Timeout: r.Policy().Timeout, Test: ev.Type == event.Test,
		Left: d.RoundAt.Add(r.Policy().MaxAge).Sub(r.Now()), Version: version(ch),
	}
	pass, err := r.Gate.Enter(ctx, entry)
	if err != nil {
		return way{}, nil, err
	}
	if goes = pass.Wait <= 0; !goes {
		return way{pass: pass}, nil, nil
	}
	return way{ch, entry, pass, got}, nil, nil
}

// version tells a channel from what it was before it was changed. Of a file's channel
// nothing does that could be shown to who reads Redis.
func version(ch *channel.Channel) int64 {
	if ch.UpdatedAt.IsZero() {
		return 0
	}
	return ch.UpdatedAt.UnixMicro()
}

// stillDue reports with an error that a delivery is not what it was when d was read:
// whoever takes it up next sees what it is.
func (r *Relay) stillDue(ctx context.Context, d event.Delivery) error {
	_, is, err := r.Records.Load(ctx, d.EventID, d.N)
	switch {
	case errors.Is(err, event.ErrNoRecord):
	case err != nil:
		return err
	case is.Round == d.Round && is.State == d.State && is.Attempts == d.Attempts:
		return nil
	}
	return &Again{because: "another worker took it up meanwhile"}
}

// inLine reports whether d waits for its turn and for nothing else. When that is may
// have changed since, so who comes early asks.
func inLine(d event.Delivery) bool {
	return d.Turn != 0 && (d.LastReason == string(transport.ReasonRateLimit) || d.LastReason == string(transport.ReasonBreakerOpen))
}

// standInLine is d with its turn, false if it has waited too long.
func (r *Relay) standInLine(d event.Delivery, pass Pass) (event.Delivery, bool) {
	reason, text := transport.ReasonRateLimit, "rate_limit: it waits for its turn"
	switch {
	case pass.Broken:
		reason, text = transport.ReasonBreakerOpen, "breaker_open: its channel fails; it waits for the breaker"
	case pass.Asked:
		text = "rate_limit: its channel's destination has asked for a pause (Retry-After)"
	case pass.Turn == 0:
		text = "rate_limit: more wait for the channel than its rate lets through before this one is too old"
	}
	d.Turn, d.LastReason = pass.Turn, string(reason)
	if d.Attempts == 0 { // else what came of the last attempt says more
		d.LastError = text
	}
	wait := pass.Wait
	if pass.Turn == 0 { // those before it may end otherwise
		wait = min(wait, longestWait)
	}
	return postpone(d, wait, r.Now().UTC(), r.Policy())
}

// postponed records that a delivery waits, or that it has waited too long. The
// error is nil if nothing is left to do.
func (r *Relay) postponed(ctx context.Context, log *slog.Logger, ev *event.Event, d, next event.Delivery) error {
	if err := stale(r.Records.Record(ctx, ev.TenantID, next)); err != nil {
		return err
	}
	if next.State == event.StateDead {
		r.Metrics.failed(next)
		log.Error("not delivered", "outcome", outcomeDead, "reason", next.LastReason, "error", next.LastError,
			"attempts", next.Attempts, "retries_used", next.RetriesUsed)
		return nil
	}
	if d.State != next.State || d.LastReason != next.LastReason { // counted and told once
		r.Metrics.failed(next)
		log.Debug("waits", "reason", next.LastReason, "next_attempt_at", next.NextAttemptAt)
	}
	return &Again{After: comeBackIn(next, next.NextAttemptAt.Sub(r.Now())), because: "throttled: " + next.LastReason}
}

// comeBackIn is how long the task of a delivery that has to wait stays in the queue.
func comeBackIn(d event.Delivery, wait time.Duration) time.Duration {
	if d.Turn == 0 {
		return wait
	}
	return min(max(wait-lookAhead, 0), longestWait)
}

// report tells the gate what an attempt says of the destination. It is not worth
// waiting for: whoever dies here, or has no answer, leaves a gate that finds out by
// the next attempt.
func (r *Relay) report(ctx context.Context, log *slog.Logger, w way, err *transport.SendError, d event.Delivery) News {
	result := Result{Alive: true}
	if err != nil {
		result = says(err)
		if err.Class == transport.Throttle && !err.NoAttempt {
			d.Attempts++
			result.Hold = throttleFor(d, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, reportFor)
	defer cancel()
	news, reportErr := r.Gate.Report(ctx, w.entry, w.pass, result)
	switch {
	case reportErr != nil:
		log.Warn("what an attempt says of its destination is not noted", "error", reportErr)
	case news.Opened:
		log.Warn("the breaker is open: deliveries to the channel wait, and one at a time tries it",
			"failures", news.Fails, "next_try_in", news.Wait.Round(time.Millisecond).String())
	case news.Closed:
		log.Info("the breaker is closed: the channel is delivered to again")
	}
	return news
}

// says is what a failure tells of the destination. One that was about the event, or
// that the relay met before it asked, tells nothing bad. A destination that
// refuses, or wants less, is there.
func says(err *transport.SendError) Result {
	switch {
	case err.NoAttempt:
		return Result{}
	case err.Alive:
		return Result{Alive: true}
	}
	switch err.Reason {
	case transport.ReasonConnection, transport.ReasonTLS, transport.ReasonTimeout, transport.ReasonServerError,
		transport.ReasonUnavailable, transport.ReasonBadResponse, transport.ReasonDeferred:
		return Result{Down: true}
	case transport.ReasonRateLimited:
		return Result{Alive: err.Class == transport.Throttle, Down: err.Class != transport.Throttle}
	case transport.ReasonClientError, transport.ReasonRedirect, transport.ReasonGone, transport.ReasonRejected:
		return Result{Alive: true}
	default:
		return Result{}
	}
}
