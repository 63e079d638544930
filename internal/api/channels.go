package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"accessrelay/internal/channel"
	"accessrelay/internal/channelstore"
	"accessrelay/internal/event"
	"accessrelay/internal/problem"
	"accessrelay/internal/queue"
	"accessrelay/internal/source/canonical"
)

// updateTries is how often an update starts over because the channel changed
// under it.
const updateTries = 5

func (a *api) createChannel(ctx context.Context, c call) (answer, error) {
	kind := a.Kinds.BySlug(c.slug)
	if kind == nil {
		return answer{}, &fault{status: http.StatusNotFound, code: "not_found",
			message: "there is no such channel type; the types are " + strings.Join(a.Kinds.Slugs(), ", ")}
	}
	s, err := readCreate(c.body, kind, a.admit)
	if err != nil {
		return answer{}, err
	}
	if a.fileHas(c.tenantID, *s.name) {
		return answer{}, nameTaken()
	}
	now := a.stamp()
	rec := channelstore.Record{Channel: channel.Channel{
		ID: uuid.NewString(), TenantID: c.tenantID, Type: kind.Type(),
		Enabled: true, Filters: []string{}, ManagedBy: channel.ManagedByAPI, CreatedAt: now,
	}}
	sealed, err := a.seal(rec.Channel, s.config)
	if err != nil {
		return answer{}, err
	}
	apply(&rec, s, sealed, kind, now)
	if err := a.Channels.Create(ctx, rec); err != nil {
		return answer{}, err
	}
	return answer{
		status: http.StatusCreated,
		header: map[string]string{"Location": "/v1/notification-channels/" + rec.ID},
		body:   a.view(rec.Channel),
	}, nil
}

func (a *api) updateChannel(ctx context.Context, c call) (answer, error) {
	rec, err := a.writable(ctx, c)
	if err != nil {
		return answer{}, err
	}
	kind := a.Kinds.ByType(rec.Type)
	if kind == nil { // made by a version that knew more
		return answer{}, &fault{status: http.StatusConflict, code: "unsupported_channel_type",
			message: "this version does not know the channel's type and cannot change it"}
	}
	s, err := readUpdate(c.body, kind, a.admit)
	if err != nil {
		return answer{}, err
	}
	if s.name != nil && *s.name != rec.Name && a.fileHas(c.tenantID, *s.name) {
		return answer{}, nameTaken()
	}
	var sealed []byte
	if s.config != nil {
		if sealed, err = a.seal(rec.Channel, s.config); err != nil {
			return answer{}, err
		}
	}
	for try := 1; ; try++ {
		apply(&rec, s, sealed, kind, a.stamp())
		err := a.Channels.Update(ctx, rec)
		if err == nil {
			return answer{status: http.StatusOK, body: a.view(rec.Channel)}, nil
		}
		if !errors.Is(err, channelstore.ErrConflict) || try == updateTries {
			return answer{}, err
		}
		if rec, err = a.Channels.Get(ctx, c.tenantID, rec.ID); err != nil {
			return answer{}, err
		}
	}
}

// admit says what the operator's file has against cfg, nil if nothing.
func (a *api) admit(cfg channel.Config) *channel.InvalidError {
	if field, instead := channel.Plain(cfg); field != "" && !a.PlainHTTP() {
		return channel.Invalid(field, "must be %s; without encryption a channel reaches only what the operator's delivery.allow_networks admits, which is nothing", instead)
	}
	if a.Admit == nil {
		return nil
	}
	return a.Admit(cfg)
}

// apply writes what s says into rec. sealed belongs to s.config.
func apply(rec *channelstore.Record, s settings, sealed []byte, kind channel.Kind, now time.Time) {
	if s.name != nil {
		rec.Name = *s.name
	}
	if s.enabled != nil { // whoever says so takes over from the relay's own switch
		rec.Enabled, rec.DisabledReason = *s.enabled, ""
	}
	if s.filters != nil {
		rec.Filters = s.filters
	}
	if s.redact != nil {
		rec.Redact = s.redact
	}
	if s.rate != nil {
		rec.RateLimit = s.rate.limit
	}
	if s.config != nil {
		rec.Sealed, rec.Masked = sealed, kind.Mask(s.config.Reveal())
	}
	rec.UpdatedAt = now
}

// deleteChannel does not read the channel first: one that nobody can read goes too.
func (a *api) deleteChannel(ctx context.Context, c call) (answer, error) {
	id, err := a.writableID(c)
	if err != nil {
		return answer{}, err
	}
	if err := a.Channels.Delete(ctx, c.tenantID, id); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

// testChannel asks for a test event to one channel alone: it goes the way of
// every event, whatever the channel's filters and even if it is disabled.
func (a *api) testChannel(ctx context.Context, c call) (answer, error) {
	ch, err := a.channel(ctx, c)
	if err != nil {
		return answer{}, err
	}
	now := a.Now().UTC().Truncate(time.Microsecond) // what a task keeps
	body, err := json.Marshal(testFacts{
		Type: event.Test, OccurredAt: now.Truncate(time.Millisecond),
		Request: event.Request{Reason: fmt.Sprintf(
			"This is a test of the channel %q. Nobody asked for access and nothing was granted.", ch.Name)},
	})
	if err != nil {
		return answer{}, &fault{status: http.StatusInternalServerError, code: "internal", err: fmt.Errorf("encoding test event: %w", err)}
	}
	id := event.NewID(now)
	err = a.Events.EnqueueEvent(ctx, queue.EventTask{
		ID: id, TenantID: c.tenantID, Source: canonical.Relay, Platform: canonical.Relay,
		ReceivedAt: now, ChannelID: ch.ID, Body: body,
	})
	if err != nil {
		return answer{}, err
	}
	a.Log.InfoContext(ctx, "event accepted", "event", id, "source", canonical.Relay, "tenant", c.tenantID,
		"platform", canonical.Relay, "channel", ch.ID, "request_id", problem.ID(ctx))
	return answer{status: http.StatusAccepted, header: map[string]string{eventIDHeader: id}}, nil
}

// testFacts is a test event in the keys of the canonical event. Who and when
// are added by whoever takes it from the queue.
type testFacts struct {
	Type       event.Type    `json:"type"`
	OccurredAt time.Time     `json:"occurred_at"`
	Request    event.Request `json:"request"`
}

// seal closes cfg with the channel's and the tenant's ids, so that nobody who
// writes to the store can move it to another channel.
func (a *api) seal(ch channel.Channel, cfg channel.Config) ([]byte, error) {
	if a.Sealer == nil {
		return nil, &fault{status: http.StatusServiceUnavailable, code: "secrets_not_configured",
			message: "channels cannot be stored: the setting ACCESSRELAY_SECRETS_RECIPIENTS (--secrets-recipients) is missing"}
	}
	sealed, err := channelstore.Seal(a.Sealer, ch.TenantID, ch.ID, ch.Type, cfg.Reveal())
	if err != nil {
		return nil, &fault{status: http.StatusInternalServerError, code: "internal", err: fmt.Errorf("sealing channel config: %w", err)}
	}
	return sealed, nil
}

// stamp is now as channels keep it: in milliseconds, so that every answer shows
// the same time.
func (a *api) stamp() time.Time { return a.Now().UTC().Truncate(time.Millisecond) }
