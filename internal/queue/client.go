package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"accessrelay/internal/ack"
)

const (
	// asynq archives a task after so many counted failures, and its archive
	// forgets. The relay ends a delivery long before; this is only a ceiling.
	maxFailures = 1 << 30

	// asynq gives up on a handler after so long and runs its task again beside
	// it. Handlers bound themselves far below.
	taskTimeout = time.Hour
)

// Client enqueues tasks. It is safe for concurrent use.
type Client struct {
	rdb       redis.UniversalClient
	shards    shards
	tasks     *asynq.Client
	inspector *asynq.Inspector
	waker     *waker
}

// NewClient returns a Client that writes through rdb, which stays the caller's.
// Close must be called.
func NewClient(rdb redis.UniversalClient) *Client {
	return &Client{
		rdb:       rdb,
		shards:    shardsOn(rdb),
		tasks:     asynq.NewClientFromRedisClient(rdb),
		inspector: asynq.NewInspectorFromRedisClient(rdb),
		waker:     newWaker(rdb),
	}
}

// Close waits for the wake-ups that are under way.
func (c *Client) Close() error {
	c.waker.close()
	return nil
}

// EnqueueEvent returns nil once Redis has confirmed, at the level of package
// ack, that it holds the task, or holds it already. After any error the task may
// still have been enqueued: what is lost is the answer, and only the caller's
// retry can tell.
func (c *Client) EnqueueEvent(ctx context.Context, t EventTask) error {
	if err := c.enqueue(ctx, Events, t.ID, t.ID, t.encode()); err != nil {
		return fmt.Errorf("enqueueing event: %w", err)
	}
	return nil
}

// EnqueueDelivery is EnqueueEvent for a delivery's task.
func (c *Client) EnqueueDelivery(ctx context.Context, t DeliveryTask) error {
	task, err := t.encode()
	if err != nil {
		return err
	}
	if err := c.enqueue(ctx, Deliveries, t.EventID, t.id(), task); err != nil {
		return fmt.Errorf("enqueueing delivery: %w", err)
	}
	return nil
}

func (c *Client) enqueue(ctx context.Context, kind, eventID, id string, task *asynq.Task) error {
	_, err := c.tasks.EnqueueContext(ack.Required(ctx), task,
		asynq.Queue(c.shards.of(kind, eventID)), asynq.TaskID(id), asynq.MaxRetry(maxFailures), asynq.Timeout(taskTimeout))
	// Ids are ours alone, so a conflict is our own earlier try whose answer got
	// lost (go-redis repeats a command when a connection breaks).
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		return err
	}
	c.waker.wake(kind)
	return nil
}

// HoldsEvent reports whether there is a task of that event, once that is confirmed
// as far as the acknowledgement level goes.
func (c *Client) HoldsEvent(ctx context.Context, eventID string) (bool, error) {
	for _, queue := range c.shards.places(Events, eventID) {
		// TOUCH counts the keys that exist; a command that only reads is not confirmed.
		n, err := c.rdb.Touch(ack.Required(ctx), queueKey(queue, "t:"+eventID)).Result()
		if err != nil {
			return false, fmt.Errorf("looking for the task of event %s: %w", eventID, err)
		}
		if n == 1 {
			return true, nil
		}
	}
	return false, nil
}

// Lookup finds an event that no worker has finished with. Body is not filled.
func (c *Client) Lookup(ctx context.Context, eventID string) (t EventTask, found bool, err error) {
	for _, queue := range c.shards.places(Events, eventID) {
		info, err := await(ctx, func() (*asynq.TaskInfo, error) { return c.inspector.GetTaskInfo(queue, eventID) })
		if errors.Is(err, asynq.ErrTaskNotFound) || errors.Is(err, asynq.ErrQueueNotFound) {
			continue
		}
		if err == nil {
			t, err = decodeEvent(info.Headers, nil)
		}
		if err != nil {
			return EventTask{}, false, fmt.Errorf("looking up event in the queue: %w", err)
		}
		return t, true, nil
	}
	return EventTask{}, false, nil
}
