package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"accessrelay/internal/event"
	"accessrelay/internal/receipt"
)

func (a *api) getEvent(ctx context.Context, c call) (answer, error) {
	if !event.ValidID(c.id) {
		return answer{}, noSuch("event")
	}
	r, err := a.receipt(ctx, c.id)
	if err != nil {
		return answer{}, err
	}
	if r.TenantID != c.tenantID { // as if there were none: ids are not to be probed
		return answer{}, noSuch("event")
	}
	return answer{status: http.StatusOK, body: viewReceipt(r)}, nil
}

// receipt finds an event that was accepted, whether or not a worker has come to
// it. A worker records an event before it is done with the task, so one that is
// neither recorded nor queued may have become recorded in between.
func (a *api) receipt(ctx context.Context, id string) (event.Receipt, error) {
	r, err := a.Receipts.Receipt(ctx, id)
	if !errors.Is(err, receipt.ErrNotFound) {
		return r, err
	}
	t, queued, err := a.Events.Lookup(ctx, id)
	if err != nil {
		return event.Receipt{}, err
	}
	if queued {
		return event.Receipt{
			ID: t.ID, TenantID: t.TenantID, Source: t.Source, Platform: t.Platform, ReceivedAt: t.ReceivedAt,
		}, nil
	}
	return a.Receipts.Receipt(ctx, id)
}

// checkEventID says what is wrong with s, or "".
func checkEventID(s string) string {
	if event.ValidID(s) {
		return ""
	}
	return "is not an event id"
}

const badCursor = "is not a cursor of this list"

func (a *api) listDeliveries(ctx context.Context, c call) (answer, error) {
	p := c.query
	q := receipt.Query{
		TenantID: c.tenantID,
		State: event.State(p.get("state", func(s string) string {
			if slices.Contains(event.States(), event.State(s)) {
				return ""
			}
			return "must be pending, retrying, throttled, delivered or dead"
		})),
		EventID: p.get("event_id", checkEventID),
		Cursor:  p.get("cursor", nil),
		Limit:   p.limit(),
	}
	p.get("channel_id", func(s string) string {
		id, err := channelID(s)
		if err != nil {
			return "is not a channel id"
		}
		q.ChannelID = id
		return ""
	})
	if err := p.err(); err != nil {
		return answer{}, err
	}

	items, next, err := a.Receipts.List(ctx, q)
	switch {
	case errors.Is(err, receipt.ErrBadCursor):
		return answer{}, invalid(map[string]string{"cursor": badCursor})
	case err != nil:
		return answer{}, err
	}
	page := page[itemView]{Data: []itemView{}}
	for _, i := range items {
		page.Data = append(page.Data, viewItem(i))
	}
	if next != "" {
		page.NextCursor = &next
	}
	return answer{status: http.StatusOK, body: page}, nil
}
