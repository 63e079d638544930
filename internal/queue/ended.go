package queue

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hibiken/asynq"
)

// leaseTime is asynq's: a lease ends so long after it was taken or renewed.
const leaseTime = 30 * time.Second

// ended remembers the tasks whose handlers have returned in this process. One of
// them that is active all the same, with a lease that is over, is run by nobody:
// Redis was gone when asynq wanted to write its end, and asynq gives that up
// with the lease. The sweep need not watch it first to make sure.
type ended struct {
	mu   sync.Mutex
	at   map[string]map[string]time.Time // when, by queue and id
	now  func() time.Time
	late chan struct{} // holds one after a handler outlived its lease
}

func newEnded() *ended {
	return &ended{at: map[string]map[string]time.Time{}, now: time.Now, late: make(chan struct{}, 1)}
}

// watched is h with its tasks' ends remembered.
func (e *ended) watched(h asynq.Handler) asynq.Handler {
	return asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		queue, _ := asynq.GetQueueName(ctx)
		id, _ := asynq.GetTaskID(ctx)
		e.began(queue, id)
		defer func() { // also of a panic
			e.add(queue, id)
			if ctx.Err() != nil { // the lease was lost, or the pump ends
				select {
				case e.late <- struct{}{}:
				default:
				}
			}
		}()
		return h.ProcessTask(ctx, t)
	})
}

func (e *ended) began(queue, id string) { e.forget(queue, id) }

func (e *ended) add(queue, id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.at[queue] == nil {
		e.at[queue] = map[string]time.Time{}
	}
	e.at[queue][id] = e.now()
}

// owned reports whether a lease of the queue's task is one that this process had
// when the task's handler returned. A later one is another worker's, who took the
// task since.
func (e *ended) owned(queue, id string, lease time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	at, ok := e.at[queue][id]
	return ok && !lease.After(at.Add(leaseTime))
}

// known returns what is remembered of a queue.
func (e *ended) known(queue string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Keys(e.at[queue]))
}

// forget drops tasks of a queue.
func (e *ended) forget(queue string, ids ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range ids {
		delete(e.at[queue], id)
	}
}
