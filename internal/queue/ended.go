package queue

import (
	"context"
	"sync"

	"github.com/hibiken/asynq"
)

// ended remembers the tasks whose handlers have returned in this process. One of
// them that is active all the same, with a lease that is over, is run by nobody:
// Redis was gone when asynq wanted to write its end, and asynq gives that up
// with the lease. The sweep need not watch it first to make sure.
type ended struct {
	mu   sync.Mutex
	ids  map[string]map[string]struct{} // by queue
	late chan struct{}                  // holds one after a handler outlived its lease
}

func newEnded() *ended {
	return &ended{ids: map[string]map[string]struct{}{}, late: make(chan struct{}, 1)}
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

func (e *ended) began(queue, id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.ids[queue], id)
}

func (e *ended) add(queue, id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ids[queue] == nil {
		e.ids[queue] = map[string]struct{}{}
	}
	e.ids[queue][id] = struct{}{}
}

// has reports whether the handler of the queue's task has returned and was not
// begun again.
func (e *ended) has(queue, id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.ids[queue][id]
	return ok
}

// known returns what is remembered of a queue.
func (e *ended) known(queue string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]string, 0, len(e.ids[queue]))
	for id := range e.ids[queue] {
		out = append(out, id)
	}
	return out
}

// forget drops the tasks of a queue.
func (e *ended) forget(queue string, ids []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range ids {
		delete(e.ids[queue], id)
	}
}
