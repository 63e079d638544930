package relay

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/source"
	"accessrelay/internal/source/canonical"
)

const (
	// defaultWindow serves events whose source left the file after they were accepted.
	defaultWindow = 2 * time.Hour

	// sourceWait is how long an event waits for its source to come into the worker's
	// file, counted from its receipt, and sourceAgain how often it is looked for. The
	// file reaches all programs, but not at one moment: read without it, an event
	// would find neither what its source says nor the channels that came with it.
	sourceWait  = 2 * time.Minute
	sourceAgain = 5 * time.Second

	// noticeWindow makes one notice of the many 410s that deliveries under way
	// to one channel may bring, and of a 410 that is met again by who takes over
	// from a worker that died.
	noticeWindow = 2 * time.Minute
)

// Event takes one accepted event through normalisation, deduplication and
// fan-out. After a nil error the event is recorded and every delivery of it has
// its task; after any other error it must be run again.
func (r *Relay) Event(ctx context.Context, a Accepted) error {
	log := r.Log.With("event", a.ID, "source", a.Source, "tenant", a.TenantID)
	if a.TraceParent != "" {
		log = log.With("trace", a.TraceParent)
	}
	src, err := r.source(ctx, log, a)
	if err != nil {
		return err
	}
	ev := r.normalize(ctx, a, src)
	receipt := event.Receipt{
		ID: a.ID, TenantID: a.TenantID, Type: ev.Type,
		Source: a.Source, Platform: a.Platform, ReceivedAt: a.ReceivedAt,
	}

	key := claimKey(a, ev)
	original, err := r.claim(ctx, log, key, a, src.DedupWindow)
	if err != nil {
		return err
	}
	if original != "" {
		receipt.DuplicateOf = original
		stood, err := r.Records.Settle(ctx, receipt)
		if err != nil {
			return err
		}
		if len(stood) > 0 {
			return r.fanOut(ctx, log, a, ev, stood)
		}
		r.Metrics.event(ev, outcomeDuplicate)
		log.Info("event repeats another", "type", ev.Type, "duplicate_of", original)
		return nil
	}

	channels, err := r.Channels.Channels(ctx, a.TenantID)
	if err != nil {
		return err
	}
	plan := r.plan(a, ev, channels)
	if len(plan) == 0 {
		// First the claim: if we die between the two we are run again and claim
		// it again, whereas a claim left behind would swallow a repeat.
		if err := r.Claims.Release(ctx, key, a.ID); err != nil {
			return err
		}
		receipt.Unrouted = true
		stood, err := r.Records.Settle(ctx, receipt)
		if err != nil {
			return err
		}
		if len(stood) > 0 {
			return r.fanOut(ctx, log, a, ev, stood)
		}
		r.Metrics.event(ev, outcomeUnrouted)
		log.Warn("no channel wants this event", "type", ev.Type)
		return nil
	}

	stored, err := r.Records.Open(ctx, ev, plan)
	if err != nil {
		return err
	}
	if len(stored) == 0 {
		// An earlier run found that no channel wanted it, and that stands.
		return r.Claims.Release(ctx, key, a.ID)
	}
	return r.fanOut(ctx, log, a, ev, stored)
}

// claim claims key, the payload's or the sender's own, for a. It returns the event that a repeats, if that
// stands: an event whose enqueue was never confirmed can be taken by a failover
// after a worker came to it, and its claim, on another master of a Cluster, stay
// behind. Its sender was not answered 200 and sends it again, as a.
func (r *Relay) claim(ctx context.Context, log *slog.Logger, key string, a Accepted, window time.Duration) (original string, err error) {
	for {
		original, err = r.Claims.Claim(ctx, key, a.ID, a.ReceivedAt, window)
		if err != nil || original == "" {
			return "", err
		}
		stands, err := r.stands(ctx, original, a.ReceivedAt.Add(-window))
		if err != nil {
			return "", err
		}
		if stands {
			return original, nil
		}
		log.Warn("the original of this event is gone and gives up its claim", "original", original)
		if err := r.Claims.Release(ctx, key, original); err != nil {
			return "", err
		}
	}
}

// stands reports whether an event received at since or later is on record or on
// its way there. It looks for the record again, which may have been made while it
// looked for the task.
func (r *Relay) stands(ctx context.Context, eventID string, since time.Time) (bool, error) {
	stands, err := r.Records.Stands(ctx, eventID, since)
	if err == nil && !stands {
		stands, err = r.Queue.HoldsEvent(ctx, eventID)
	}
	if err == nil && !stands {
		stands, err = r.Records.Stands(ctx, eventID, since)
	}
	return stands, err
}

// fanOut enqueues what the event's record says is open. A run that died after it
// made the record leaves this to the next, also if no channel wants the event any
// more: the plan of the record counts, and each of its deliveries must come to an
// end.
func (r *Relay) fanOut(ctx context.Context, log *slog.Logger, a Accepted, ev *event.Event, stored []event.Delivery) error {
	for _, d := range stored {
		if d.State.Final() {
			continue
		}
		if err := r.Queue.EnqueueDelivery(ctx, Due{a.ID, d.N, d.Round, a.TraceParent}); err != nil {
			return err
		}
	}
	r.Metrics.event(ev, outcomeRouted)
	log.Info("event routed", "type", ev.Type, "deliveries", len(stored))
	return nil
}

// normalize makes the canonical event. It cannot fail: an event that nothing
// here understands is unrecognized, with all that was sent.
func (r *Relay) normalize(ctx context.Context, a Accepted, src Source) *event.Event {
	ev := &event.Event{
		ID: a.ID, TenantID: a.TenantID, Source: a.Source, Platform: a.Platform,
		ReceivedAt: a.ReceivedAt, Raw: a.Body,
	}
	if src.Platform == nil {
		ev.Type = event.Unrecognized
		r.Log.WarnContext(ctx, "event of a platform this version does not know", "event", a.ID, "platform", a.Platform)
		return ev
	}
	if !readSafely(src.Platform, a.Body, ev) {
		// What the panic says may quote the payload.
		r.Log.ErrorContext(ctx, "normaliser panicked; the event goes on as unrecognized", "event", a.ID, "platform", a.Platform)
		*ev = event.Event{
			ID: a.ID, Type: event.Unrecognized, TenantID: a.TenantID, Source: a.Source,
			Platform: a.Platform, ReceivedAt: a.ReceivedAt, Raw: a.Body,
		}
	}
	return ev
}

// source returns what is known of the event's source; its Platform is nil if nobody
// here knows it. The relay's own sources are none of the file's, which may have one
// of the same id. The error is an *Again while the source may still come.
func (r *Relay) source(ctx context.Context, log *slog.Logger, a Accepted) (Source, error) {
	if own, ok := canonical.Own(a.Platform); ok {
		return Source{Platform: own, DedupWindow: ownWindow(a)}, nil
	}
	src, known := r.Source(a.Source)
	if known && src.Platform.Name() == a.Platform {
		return src, nil
	}
	// The file is an older one than ingest's, or a newer one: the source has left it,
	// or its id has become another platform's.
	if age := r.Now().Sub(a.ReceivedAt).Abs(); age < sourceWait {
		r.waits.WarnContext(ctx, "this worker's file does not have the event's source; the event waits for it",
			"event", a.ID, "source", a.Source, "tenant", a.TenantID, "platform", a.Platform, "at_most", sourceWait.String())
		return Source{}, &Again{After: sourceAgain, because: "its source is not in the file"}
	}
	log.WarnContext(ctx, "this worker's file does not have the event's source", "platform", a.Platform)
	if !known {
		src.DedupWindow = defaultWindow
	}
	src.Platform = nil
	if p, ok := r.Platform(a.Platform); ok {
		src.Platform = p
	}
	return src, nil
}

// ownWindow is the dedup window of an event of the relay's own platforms.
func ownWindow(a Accepted) time.Duration {
	switch {
	case a.ChannelID != "": // asked for by a person, who may ask again
		return 0
	case a.Platform == canonical.Relay:
		return noticeWindow
	default:
		return defaultWindow
	}
}

// readSafely reports false if the normaliser panicked: ev is then half-made.
func readSafely(p source.Platform, body []byte, ev *event.Event) (ok bool) {
	defer func() { ok = recover() == nil }()
	p.Normalize(body, ev)
	return
}

// claimKey names what makes an event of a tenant's source a repeat: the sender's
// own key if there is one, else the payload, which is equal for bodies that are
// equal as JSON. A body without a fingerprint is its own event.
func claimKey(a Accepted, ev *event.Event) string {
	from := a.TenantID + ":" + a.Source + ":"
	if _, own := canonical.Own(a.Platform); own {
		from = a.TenantID + ":/" + a.Source + ":" // no id of a source has a slash
	}
	if a.IdempotencyKey != "" {
		// A fingerprint has no colon, so that no payload can pass for a key. The
		// digest is of one length, and keeps the text out of the name of a key.
		sum := sha256.Sum256([]byte(a.IdempotencyKey))
		return from + "key:" + base64.RawURLEncoding.EncodeToString(sum[:])
	}
	payload, err := event.Fingerprint(ev.Raw)
	if err != nil {
		payload = a.ID
	}
	return from + payload
}

// plan lists the deliveries that the event calls for.
func (r *Relay) plan(a Accepted, ev *event.Event, channels []*channel.Channel) []event.Delivery {
	now := r.Now().UTC()
	var plan []event.Delivery
	for _, ch := range channels {
		if !wants(a, ev, ch) {
			continue
		}
		plan = append(plan, event.Delivery{
			EventID: ev.ID, N: len(plan), Round: 1,
			ChannelID: ch.ID, ChannelName: ch.Name, ChannelType: ch.Type,
			State: event.StatePending, CreatedAt: now, RoundAt: now,
		})
	}
	return plan
}

func wants(a Accepted, ev *event.Event, ch *channel.Channel) bool {
	switch {
	case a.ChannelID != "":
		return ch.ID == a.ChannelID
	case ev.Type == event.ChannelDisabled:
		// Every other channel hears that one is gone, whatever its filters.
		return ch.Enabled && ch.ID != disabledChannel(ev)
	default:
		return ch.Wants(ev.Type)
	}
}

// notice is a canonical event's facts, without those that who receives it knows.
type notice struct {
	Type   event.Type     `json:"type"`
	Access []event.Access `json:"access"`
	Error  *event.Failure `json:"error"`
}

// channelDisabled makes the notice that a channel was disabled.
func channelDisabled(ch *channel.Channel, reason string) notice {
	return notice{
		Type: event.ChannelDisabled,
		Access: []event.Access{{
			Resource: &event.Resource{ID: ch.ID, Name: ch.Name, Type: ch.Type},
		}},
		Error: &event.Failure{
			Type:    reason,
			Message: fmt.Sprintf("Channel %q was disabled because its destination answered %s. Send it a test event when it works again.", ch.Name, reason),
		},
	}
}

func disabledChannel(ev *event.Event) string {
	if len(ev.Access) == 1 && ev.Access[0].Resource != nil {
		return ev.Access[0].Resource.ID
	}
	return ""
}
