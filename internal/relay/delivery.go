package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/source/canonical"
	"accessrelay/internal/transport"
)

const (
	// persistFor bounds how long the outcome of a send is held while Redis does
	// not answer. It outlasts most outages.
	persistFor = 10 * time.Minute

	// goneReason is the disabled_reason of a channel that answered 410.
	goneReason = "410 Gone"
)

// Delivery makes at most one attempt at one delivery and records it. A nil
// error means that nothing is left to do; an [*Again] says when to look again;
// any other error means that the record could not be read or written.
func (r *Relay) Delivery(ctx context.Context, due Due) error {
	r.places.arrive()
	defer r.places.leave()
	ev, d, err := r.load(ctx, due)
	switch {
	case errors.Is(err, event.ErrNoRecord):
		r.Log.Warn("delivery without a record is dropped", "event", due.EventID, "n", due.N)
		return nil
	case err != nil:
		return err
	case d.Round != due.Round || d.State == event.StateDelivered:
		return nil // another task's business, or done
	case d.State == event.StateDead:
		// Whoever recorded it may have died before listing it.
		return stale(r.Records.Record(ctx, ev.TenantID, d))
	}
	if wait := d.NextAttemptAt.Sub(r.Now()); wait > lookAhead && !inLine(d) || wait > 0 && d.Turn == 0 {
		return &Again{After: comeBackIn(d, wait), because: "not due yet"}
	}
	log := r.Log.With("event", ev.ID, "source", ev.Source, "tenant", ev.TenantID,
		"delivery", d.ID(), "channel", d.ChannelID, "channel_name", d.ChannelName, "channel_type", d.ChannelType)
	if due.TraceParent != "" {
		log = log.With("trace", due.TraceParent)
	}

	way, sendErr, err := r.admit(ctx, log, ev, d)
	if err != nil || sendErr == nil && way.place == nil {
		return err
	}
	var news News
	ch := way.channel
	if sendErr == nil {
		defer way.place.unused() // also if a transport panics
		d.Turn = way.pass.Turn
		d.Recipients, sendErr = r.send(ctx, ch, ev, d)
		way.place.sent(sendErr == nil || says(sendErr).Alive)
		if news = r.report(ctx, log, way, sendErr, d); news.Wait <= 0 {
			news.Wait = probeAgain
		}
	}
	now := r.Now().UTC()
	next, outcome := judge(d, sendErr, now, r.Policy(), trial{way.pass.Broken && !way.entry.Test, news.Wait})

	// What follows from the send is written before its record: whoever takes
	// over from a worker that died in between sends again and writes both.
	switch {
	case sendErr == nil && ev.Type == event.Test && !ch.Enabled:
		err = persist(ctx, log, "enabling channel", func(ctx context.Context) error {
			_, err := r.Switch.Enable(ctx, ev.TenantID, ch.ID)
			return err
		})
	case sendErr != nil && sendErr.Class == transport.Gone && ch.Enabled:
		err = r.disable(ctx, log, ev, ch)
	}
	if err != nil {
		return err
	}
	err = persist(ctx, log, "recording delivery", func(ctx context.Context) error {
		return stale(r.Records.Record(ctx, ev.TenantID, next))
	})
	if err != nil {
		return err
	}
	r.Metrics.delivery(ev, next, outcome, sendErr)
	logOutcome(log, next, outcome, sendErr)
	if next.State.Final() {
		return nil
	}
	return &Again{
		After: comeBackIn(next, next.NextAttemptAt.Sub(now)), failed: next.State == event.StateRetrying,
		because: fmt.Sprintf("%s: %s", next.State, next.LastReason),
	}
}

// load loads the delivery that due is about. A task of the round after the one
// that the delivery died in is a replay that somebody asked for and may not have
// lived to write down: that comes first then.
func (r *Relay) load(ctx context.Context, due Due) (*event.Event, event.Delivery, error) {
	ev, d, err := r.Records.Load(ctx, due.EventID, due.N)
	if err != nil || d.State != event.StateDead || due.Round != d.Round+1 {
		return ev, d, err
	}
	if err := stale(r.Records.Replay(ctx, ev.TenantID, d)); err != nil {
		return nil, event.Delivery{}, err
	}
	return r.Records.Load(ctx, due.EventID, due.N)
}

// channel finds where d goes. A *SendError says why it goes nowhere.
func (r *Relay) channel(ctx context.Context, ev *event.Event, d event.Delivery) (*channel.Channel, *transport.SendError, error) {
	ch, err := r.find(ctx, ev.TenantID, d.ChannelID)
	switch {
	case err != nil:
		return nil, nil, err
	case ch == nil:
		return nil, noAttempt(transport.ReasonChannelDeleted, transport.Dead, "the channel does not exist any more"), nil
	case !ch.Enabled && ev.Type != event.Test:
		return ch, noAttempt(transport.ReasonChannelDisabled, transport.Dead, "the channel is disabled"), nil
	case ch.ConfigErr != nil || r.transports[ch.Type] == nil:
		// Perhaps only this worker cannot read it: others get their chance.
		return ch, noAttempt(transport.ReasonChannelConfig, transport.Retry, "this worker cannot read the channel's config"), nil
	}
	return ch, nil, nil
}

// find returns the tenant's channel as it is now, nil if there is none.
func (r *Relay) find(ctx context.Context, tenantID, channelID string) (*channel.Channel, error) {
	channels, err := r.Channels.Channels(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	for _, ch := range channels {
		if ch.ID == channelID {
			return ch, nil
		}
	}
	return nil, nil
}

func noAttempt(reason transport.Reason, class transport.Class, text string) *transport.SendError {
	return &transport.SendError{Reason: reason, Class: class, NoAttempt: true, Err: errors.New(text)}
}

// send makes the attempt. It returns how the recipients of d stand.
func (r *Relay) send(ctx context.Context, ch *channel.Channel, ev *event.Event, d event.Delivery) ([]event.Recipient, *transport.SendError) {
	ctx, cancel := context.WithTimeout(ctx, r.Policy().Timeout)
	defer cancel()
	start := time.Now()
	recipients, err := r.sendSafely(ctx, ch.Type, transport.Attempt{
		Channel: ch, Event: event.Redact(ev, ch.Redact), Now: r.Now(), Recipients: d.Recipients,
	})
	took := time.Since(start)
	if recipients == nil { // nothing was tried
		recipients = d.Recipients
	}
	var sendErr *transport.SendError
	if err != nil {
		sendErr = transport.AsSendError(err)
	}
	if sendErr == nil || !sendErr.NoAttempt {
		r.Metrics.attempted(ch.Type, took)
	}
	return recipients, sendErr
}

// sendSafely makes one failed attempt of a panic: else the task would come back for
// ever, and nothing would be on record.
func (r *Relay) sendSafely(ctx context.Context, typ string, a transport.Attempt) (recipients []event.Recipient, err error) {
	defer func() {
		if recover() == nil {
			return
		}
		// What the panic says may quote the event.
		r.Log.ErrorContext(ctx, "transport panicked; please report it", "event", a.Event.ID, "channel", a.Channel.ID,
			"channel_type", typ, "stack", string(debug.Stack()))
		recipients = nil
		err = &transport.SendError{Reason: transport.ReasonRender, Class: transport.Retry, Err: errors.New("the transport failed inside; the log has more")}
	}()
	return r.transports[typ].Send(ctx, a)
}

// disable turns off a channel whose destination is gone for good, and tells the
// tenant's other channels. The notice goes first: if we die after it, the
// delivery is tried again and both follow again, the notice once. A channel that was
// changed since the send began, or switched off, stays as it is: its destination may
// be another.
func (r *Relay) disable(ctx context.Context, log *slog.Logger, ev *event.Event, ch *channel.Channel) error {
	body, err := json.Marshal(channelDisabled(ch, goneReason))
	if err != nil {
		return fmt.Errorf("encoding notice: %w", err)
	}
	now := r.Now().UTC().Truncate(time.Microsecond)
	notice := Accepted{
		ID: event.NewID(now), TenantID: ev.TenantID, Source: canonical.Relay, Platform: canonical.Relay,
		ReceivedAt: now, Body: body,
	}
	return persist(ctx, log, "disabling channel", func(ctx context.Context) error {
		is, err := r.find(ctx, ev.TenantID, ch.ID)
		if err != nil || is == nil || !is.Enabled || !is.UpdatedAt.Equal(ch.UpdatedAt) {
			return err
		}
		if err := r.Queue.EnqueueEvent(ctx, notice); err != nil {
			return err
		}
		_, err = r.Switch.Disable(ctx, ev.TenantID, ch.ID, ch.UpdatedAt, goneReason)
		return err
	})
}

// persist writes something that follows from a send, and does not give up on it
// while Redis is away: to forget it would mean to send twice.
func persist(ctx context.Context, log *slog.Logger, what string, write func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, persistFor)
	defer cancel()
	const shortest, longest = 20 * time.Millisecond, time.Second
	for pause := shortest; ; pause = min(2*pause, longest) {
		err := write(ctx)
		if err == nil {
			return nil
		}
		if pause == shortest {
			log.Warn("not written yet; trying on", "what", what, "error", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, err)
		case <-time.After(pause):
		}
	}
}

// stale turns the news that a record moved on without us into none.
func stale(err error) error {
	if errors.Is(err, event.ErrStale) || errors.Is(err, event.ErrNoRecord) {
		return nil
	}
	return err
}

func logOutcome(log *slog.Logger, d event.Delivery, o outcome, err *transport.SendError) {
	if err == nil {
		log.Info("delivered", "attempts", d.Attempts)
		return
	}
	level := slog.LevelWarn
	if d.State == event.StateDead {
		level = slog.LevelError
	}
	attrs := []any{"outcome", o, "reason", d.LastReason, "error", d.LastError, "attempts", d.Attempts, "retries_used", d.RetriesUsed}
	if !d.State.Final() {
		attrs = append(attrs, "next_attempt_at", d.NextAttemptAt)
	}
	log.Log(context.Background(), level, "not delivered", attrs...)
}
