package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"accessrelay/internal/event"
	"accessrelay/internal/problem"
	"accessrelay/internal/queue"
	"accessrelay/internal/receipt"
)

func (a *api) replayDelivery(ctx context.Context, c call) (answer, error) {
	eventID, n, ok := event.ParseDeliveryID(c.id)
	if !ok {
		return answer{}, noSuch("delivery")
	}
	d, err := a.Receipts.Delivery(ctx, c.tenantID, eventID, n)
	if err != nil {
		return answer{}, deliveryFault(err)
	}
	if err := a.replay(ctx, c.tenantID, d); err != nil {
		return answer{}, deliveryFault(err)
	}
	a.Log.InfoContext(ctx, "replay accepted", "delivery", d.ID(), "tenant", c.tenantID, "key", c.key, "request_id", problem.ID(ctx))
	return answer{status: http.StatusAccepted, body: viewAccepted(d.ID())}, nil
}

// replay asks for one more round of a dead delivery. The task goes first: from
// then on a worker does the rest if nobody else does. To ask again is harmless,
// and answered alike until the round has made its first attempt: an answer may
// have been lost.
func (a *api) replay(ctx context.Context, tenantID string, d event.Delivery) error {
	round := d.Round + 1
	switch {
	case d.State == event.StateDead:
	case d.State == event.StatePending && d.Round > 1:
		round = d.Round
	default:
		return receipt.ErrNotDead
	}
	if err := a.Events.EnqueueDelivery(ctx, queue.DeliveryTask{EventID: d.EventID, N: d.N, Round: round}); err != nil {
		return err
	}
	if d.State != event.StateDead {
		return nil
	}
	return a.Receipts.Replay(ctx, tenantID, d)
}

const maxReplays = 100 // in one call, so that it ends in time

// replayDeliveries replays a page of the list of the dead.
func (a *api) replayDeliveries(ctx context.Context, c call) (answer, error) {
	q, err := readReplay(c.body)
	if err != nil {
		return answer{}, err
	}
	q.TenantID, q.State = c.tenantID, event.StateDead
	items, next, err := a.Receipts.List(ctx, q)
	switch {
	case errors.Is(err, receipt.ErrBadCursor):
		return answer{}, invalid(map[string]string{"cursor": badCursor})
	case err != nil:
		return answer{}, err
	}
	page := page[accepted]{Data: []accepted{}}
	for _, i := range items {
		switch err := a.replay(ctx, c.tenantID, i.Delivery); {
		case errors.Is(err, receipt.ErrNotDead), errors.Is(err, receipt.ErrNotFound):
			// Somebody else was quicker.
		case err != nil:
			return answer{}, err
		default:
			page.Data = append(page.Data, viewAccepted(i.ID()))
		}
	}
	if next != "" {
		page.NextCursor = &next
	}
	a.Log.InfoContext(ctx, "replays accepted", "deliveries", len(page.Data), "tenant", c.tenantID, "key", c.key, "request_id", problem.ID(ctx))
	return answer{status: http.StatusAccepted, body: page}, nil
}

// readReplay reads the body of a replay by filter: what the list takes as a
// query, every key optional. A key that nobody reads would be a filter that
// silently lets everything through.
func readReplay(body object) (receipt.Query, error) {
	q := receipt.Query{Limit: defaultLimit}
	bad := map[string]string{}
	text := func(key string, into *string, check func(string) string) {
		raw, ok := body[key]
		if !ok {
			return
		}
		if !read(raw, into) {
			bad[key] = "must be a string"
		} else if wrong := check(*into); wrong != "" {
			bad[key] = wrong
		}
	}
	for key, raw := range body {
		switch key {
		case "event_id":
			text(key, &q.EventID, checkEventID)
		case "channel_id":
			text(key, &q.ChannelID, func(s string) (wrong string) {
				id, err := channelID(s)
				if err != nil {
					return "is not a channel id"
				}
				q.ChannelID = id
				return ""
			})
		case "cursor":
			text(key, &q.Cursor, func(string) string { return "" })
		case "limit":
			if !read(raw, &q.Limit) || q.Limit < 1 || q.Limit > maxReplays {
				bad[key] = fmt.Sprintf("must be a number from 1 to %d", maxReplays)
			}
		default:
			bad[key] = "is not a key of this call"
		}
	}
	if len(bad) > 0 {
		return receipt.Query{}, invalid(bad)
	}
	return q, nil
}

func (a *api) deleteDelivery(ctx context.Context, c call) (answer, error) {
	eventID, n, ok := event.ParseDeliveryID(c.id)
	if !ok {
		return answer{}, noSuch("delivery")
	}
	if err := a.Receipts.Delete(ctx, c.tenantID, eventID, n); err != nil {
		return answer{}, deliveryFault(err)
	}
	a.Log.InfoContext(ctx, "dead delivery deleted", "delivery", c.id, "tenant", c.tenantID, "key", c.key, "request_id", problem.ID(ctx))
	return answer{status: http.StatusNoContent}, nil
}

// deliveryFault is err of a call that names one delivery.
func deliveryFault(err error) error {
	switch {
	case errors.Is(err, receipt.ErrNotFound):
		return noSuch("delivery")
	case errors.Is(err, receipt.ErrNotDead):
		return &fault{status: http.StatusConflict, code: "not_dead", message: "only a dead delivery can be replayed or deleted, and this one is not dead"}
	}
	return err
}
