package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/problem"
	"accessrelay/internal/queue"
	"accessrelay/internal/source"
	"accessrelay/internal/source/canonical"
)

const (
	eventIDHeader     = "Accessrelay-Event-Id"
	idempotencyHeader = "Idempotency-Key"
	maxIdempotencyKey = 255
)

// publish takes an event of the caller's own. It goes the way of the hooks' from
// here on: 202 only once Redis has confirmed it.
func (a *api) publish(ctx context.Context, c call) (answer, error) {
	key, err := readPublished(c)
	if err != nil {
		return answer{}, err
	}
	now := a.Now().UTC().Truncate(time.Microsecond) // what the deduplication window counts in
	id, trace := event.NewID(now), problem.TraceParent(c.header)
	// Not the request's context: a caller that hangs up has still sent the event.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Timeout)
	defer cancel()
	err = a.Events.EnqueueEvent(ctx, queue.EventTask{
		ID: id, TenantID: c.tenantID, Source: canonical.API, Platform: canonical.API,
		ReceivedAt: now, TraceParent: trace, IdempotencyKey: key, Body: c.raw,
	})
	switch {
	case isFull(err):
		return answer{}, err
	case err != nil:
		return answer{}, &fault{status: http.StatusServiceUnavailable, code: codeUnavailable,
			message: "the event could not be confirmed, and may be there all the same; send it again, as it is", err: err}
	}
	attrs := []any{"event", id, "source", canonical.API, "tenant", c.tenantID, "platform", canonical.API,
		"key", c.key, "request_id", problem.ID(ctx), "bytes", len(c.raw)}
	if trace != "" {
		attrs = append(attrs, "trace", trace)
	}
	a.Log.InfoContext(ctx, "event accepted", attrs...)
	return answer{
		status: http.StatusAccepted, header: map[string]string{eventIDHeader: id}, body: viewAccepted(id),
	}, nil
}

// readPublished checks what was posted, and returns the idempotency key or "". Its
// error is a *fault.
func readPublished(c call) (key string, err error) {
	bad := map[string]string{}
	key, wrong := idempotencyKey(c.header.Values(idempotencyHeader))
	if wrong != "" {
		bad[idempotencyHeader] = wrong
	}
	_, err = canonical.Read(c.raw)
	var envelope *source.EnvelopeError
	var fields *canonical.InvalidError
	switch {
	case errors.As(err, &envelope):
		return "", malformed(envelope.Error())
	case errors.As(err, &fields):
		for field, what := range fields.Fields {
			bad[field] = what
		}
	case err != nil:
		return "", malformed("the body is not an event")
	}
	if len(bad) > 0 {
		return "", invalid(bad)
	}
	return key, nil
}

// idempotencyKey returns the key that a header's values hold, or "" if there are
// none, and what is wrong with them.
func idempotencyKey(values []string) (key, wrong string) {
	switch {
	case len(values) == 0:
		return "", ""
	case len(values) > 1:
		return "", "is given twice"
	}
	key = values[0]
	if key == "" || len(key) > maxIdempotencyKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Sprintf("must be 1 to %d visible ASCII characters", maxIdempotencyKey)
	}
	return key, ""
}
