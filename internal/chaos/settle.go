package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Asking for replays and for the queues, while waiting.
const (
	lookEvery   = 500 * time.Millisecond
	replayEvery = 3 * time.Second
)

// settle waits until every event is acknowledged and delivered and the queues
// are empty. It replays dead letters, as an operator would once destinations are
// well again, and returns how many. It returns an error if ctx ended before.
func (r *rig) settle(ctx context.Context, m *manager, sent <-chan struct{}) (replayed int, err error) {
	nextReplay := time.Now()
	last := "nothing was looked at"
	for calm := 0; calm < 2; { // twice, for a task may be between two lists
		t := r.ledger.tally()
		queues, err := waiting(ctx, r.store.client)
		sending := true
		select {
		case <-sent:
			sending = false
		default:
		}
		switch {
		case err != nil:
			last, calm = err.Error(), 0
		case sending || t.acked < r.plan.Events || t.arrived < t.wanted || len(queues) > 0:
			last = fmt.Sprintf("%d of %d acknowledged, %d of %d delivered, queues: %s",
				t.acked, r.plan.Events, t.arrived, t.wanted, describe(queues))
			calm = 0
		default:
			calm++
		}
		if t.arrived < t.wanted && time.Now().After(nextReplay) {
			for _, tenant := range r.site.tenants {
				n, err := m.replayDead(ctx, tenant)
				replayed += n
				if err != nil {
					last = err.Error()
				}
			}
			nextReplay = time.Now().Add(replayEvery)
		}
		if !wait(ctx, lookEvery) {
			return replayed, errors.New(last)
		}
	}
	return replayed, nil
}

func describe(queues map[string]int64) string {
	if len(queues) == 0 {
		return "empty"
	}
	var out []string
	for k, n := range queues {
		out = append(out, fmt.Sprintf("%s %d", k, n))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// verify looks at what is left in Redis and through the API, once all is
// settled, and says what should not be there.
func (r *rig) verify(ctx context.Context, m *manager) (leftovers []string, err error) {
	c := r.store.client
	queues, err := waiting(ctx, c)
	if err != nil {
		return nil, err
	}
	if len(queues) > 0 {
		leftovers = append(leftovers, "queues: "+describe(queues))
	}
	tasks, err := keys(ctx, c, "asynq:{*}:t:*")
	if err != nil {
		return nil, err
	}
	if len(tasks) > 0 {
		leftovers = append(leftovers, fmt.Sprintf("%d tasks that no queue lists, such as %s", len(tasks), tasks[0]))
	}
	ids, err := recordedEvents(ctx, c)
	if err != nil {
		return nil, err
	}
	open, err := r.openRecords(ctx, m, ids)
	return append(leftovers, open...), err
}

// openRecords asks for the receipt of every event and names those that are not
// finished.
func (r *rig) openRecords(ctx context.Context, m *manager, ids []string) ([]string, error) {
	owner := map[string]*tenant{}
	for n, e := range r.ledger.events {
		if e.id != "" {
			owner[e.id] = r.site.tenantOf(n)
		}
	}
	for _, id := range ids {
		if owner[id] == nil { // enqueued, and answered with something else than 200
			owner[id] = r.site.tenants[0]
		}
	}
	var mu sync.Mutex
	var open []string
	var failed error
	work := make(chan string)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for id := range work {
				what, err := r.look(ctx, m, owner[id], id)
				mu.Lock()
				if what != "" {
					open = append(open, what)
				}
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	for id := range owner {
		work <- id
	}
	close(work)
	wg.Wait()
	slices.Sort(open)
	if n := len(open); n > 20 {
		open = append(open[:20], fmt.Sprintf("and %d more", n-20))
	}
	return open, failed
}

// look says what is unfinished about an event, "" if nothing is.
func (r *rig) look(ctx context.Context, m *manager, t *tenant, id string) (string, error) {
	got, err := m.receipt(ctx, t, id)
	for _, other := range r.site.tenants {
		if errors.Is(err, errNotFound) {
			got, err = m.receipt(ctx, other, id)
		}
	}
	if errors.Is(err, errNotFound) {
		return "no receipt of " + id, nil
	}
	if err != nil {
		return "", err
	}
	if got.open() {
		return fmt.Sprintf("event %s is %s", id, got.Status), nil
	}
	for _, d := range got.Deliveries {
		if d.State != "delivered" {
			return fmt.Sprintf("delivery of %s to %s is %s", id, d.ChannelName, d.State), nil
		}
	}
	return "", nil
}
