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

	// noHope is after how long without a delivery, and with empty queues, nothing
	// is going to come any more: what a worker or a queue has forgotten is taken
	// up again within a minute.
	noHope = 75 * time.Second
)

// settle waits until every event is acknowledged and delivered and the queues
// are empty, or nothing moves any more. It replays dead letters, as an operator
// would once destinations are well again, and returns how many. It returns an
// error if ctx ended before.
func (r *rig) settle(ctx context.Context, m *manager, sent <-chan struct{}) (replayed int, err error) {
	nextReplay := time.Now()
	last := "nothing was looked at"
	arrived, moved := -1, time.Now()
	for calm := 0; calm < 2; { // twice, for a task may be between two lists
		t := r.ledger.tally()
		queues, err := waiting(ctx, r.store.client)
		sending := true
		select {
		case <-sent:
			sending = false
		default:
		}
		if sending || t.arrived != arrived || len(queues) > 0 {
			arrived, moved = t.arrived, time.Now()
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
		if time.Since(moved) > noHope {
			return replayed, nil
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
func (r *rig) verify(ctx context.Context, m *manager) (left remains, err error) {
	c := r.store.client
	queues, err := waiting(ctx, c)
	if err != nil {
		return left, err
	}
	if len(queues) > 0 {
		left.over = append(left.over, "queues: "+describe(queues))
	}
	tasks, err := keys(ctx, c, "asynq:{*}:t:*")
	if err != nil {
		return left, err
	}
	if len(tasks) > 0 {
		left.over = append(left.over, fmt.Sprintf("%d tasks that no queue lists, such as %s", len(tasks), tasks[0]))
	}
	ids, err := recordedEvents(ctx, c)
	if err != nil {
		return left, err
	}
	err = r.openRecords(ctx, m, ids, &left)
	return left, err
}

// remains are what there is, and what there is not, when all is settled.
type remains struct {
	over      []string // should not be there any more
	forgotten []string // events that were acknowledged and of which nothing is known
}

// openRecords asks for the receipt of every event and names those that are not
// finished, or that have none.
func (r *rig) openRecords(ctx context.Context, m *manager, ids []string, left *remains) error {
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
				switch {
				case errors.Is(err, errNotFound):
					left.forgotten, err = append(left.forgotten, id), nil
				case what != "":
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
	left.over = append(left.over, open...)
	slices.Sort(left.forgotten)
	return failed
}

// look says what is unfinished about an event, "" if nothing is; errNotFound if
// there is no receipt.
func (r *rig) look(ctx context.Context, m *manager, t *tenant, id string) (string, error) {
	got, err := m.receipt(ctx, t, id)
	for _, other := range r.site.tenants {
		if errors.Is(err, errNotFound) {
			got, err = m.receipt(ctx, other, id)
		}
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
