package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/ack"
)

// A task is a hash, and its id in the list or set of its state. A hash whose id
// is nowhere is a task that nobody will ever run, and whose id is taken all the
// same. asynq's own scripts can leave one: retry, done and requeue take the id
// off the active list, then miss a lease that got lost, and end with an error
// in the middle of their work.

// longestLook is the longest list of pending tasks that is looked through. It
// takes time with the list, and Redis does nothing else meanwhile. A task that
// says it is pending is believed while the list is longer: it would wait
// behind all the others anyway, and is looked for again when they are done.
const longestLook = 1000

// luaWaits defines waits(id, task): whether the id is where a task waits for
// its turn. It reads each list once, however many ids are asked for.
//
// KEYS[1] asynq:{q}:pending   KEYS[2] asynq:{q}:active   KEYS[3] asynq:{q}:lease
// KEYS[4] asynq:{q}:scheduled KEYS[5] asynq:{q}:retry
// ARGV[1] the longest list to look through
const luaWaits = `
local function members(list)
	local set = {}
	for _, id in ipairs(redis.call("LRANGE", list, 0, -1)) do set[id] = true end
	return set
end
local pending
local long = redis.call("LLEN", KEYS[1]) > tonumber(ARGV[1])
local function waits(id, task)
	if redis.call("ZSCORE", KEYS[4], id) or redis.call("ZSCORE", KEYS[5], id) then return true end
	if long then return redis.call("HGET", task, "state") == "pending" end
	pending = pending or members(KEYS[1])
	return pending[id]
end
`

// mendTasks puts those of the tasks that are in no list back to where the next
// dequeue finds them. The id is pushed first: whatever is refused after that,
// nothing is lost. asynq's archive and its completed tasks are no lists of
// ours: both forget. A hash without a message is what a dequeue makes of an id
// whose task is gone; it is removed.
//
// KEYS[1] asynq:{q}:pending   KEYS[2] asynq:{q}:active    KEYS[3] asynq:{q}:lease
// KEYS[4] asynq:{q}:scheduled KEYS[5] asynq:{q}:retry     KEYS[6] asynq:{q}:archived
// KEYS[7] asynq:{q}:completed KEYS[8…] asynq:{q}:t:<id>, one a task
// ARGV[1] the longest list to look through   ARGV[2] nanoseconds since the epoch
// ARGV[3…] task ids, in the order of their keys
// Returns for each task 0 there is none, 1 it is in a list, 2 it was put back.
var mendTasks = redis.NewScript(luaWaits + `
local active
local out = {}
for i = 3, #ARGV do
	local id, task = ARGV[i], KEYS[i + 5]
	local found = 1
	if redis.call("HEXISTS", task, "msg") == 0 then
		found = 0
		if redis.call("EXISTS", task) == 1 then
			redis.call("LREM", KEYS[2], 0, id)
			redis.call("ZREM", KEYS[3], id)
			redis.call("DEL", task)
		end
	elseif not redis.call("ZSCORE", KEYS[3], id) and not waits(id, task) then
		active = active or members(KEYS[2])
		if not active[id] then
			redis.call("RPUSH", KEYS[1], id)
			redis.call("HSET", task, "state", "pending", "pending_since", ARGV[2])
			redis.call("ZREM", KEYS[6], id)
			redis.call("ZREM", KEYS[7], id)
			if pending then pending[id] = true end
			found = 2
		end
	end
	out[#out + 1] = found
end
return out
`)

// What mend finds of a task.
const (
	taskGone   = 0 // there is no such task
	taskListed = 1 // somebody runs it, or will
	taskMended = 2 // it was in no list and is pending now
)

// mend looks at tasks of one queue, and returns what it found of each.
func mend(ctx context.Context, rdb redis.UniversalClient, queue string, now time.Time, ids ...string) ([]int64, error) {
	keys := []string{}
	for _, kind := range []string{"pending", "active", "lease", "scheduled", "retry", "archived", "completed"} {
		keys = append(keys, queueKey(queue, kind))
	}
	args := []any{longestLook, now.UnixNano()}
	for _, id := range ids {
		keys = append(keys, queueKey(queue, "t:"+id))
		args = append(args, id)
	}
	found, err := mendTasks.Run(ctx, rdb, keys, args...).Int64Slice()
	if err == nil && len(found) != len(ids) {
		err = errors.New("not one answer a task")
	}
	if err != nil {
		return nil, fmt.Errorf("looking for tasks in no list: %w", err)
	}
	return found, nil
}

// ResumeDelivery sees to it that the delivery has a task that will run, and
// reports whether it had none: a task that is gone is enqueued, one that is in
// no list is put back. Errors are as those of [Client.EnqueueEvent].
func (c *Client) ResumeDelivery(ctx context.Context, t DeliveryTask) (resumed bool, err error) {
	for _, queue := range c.shards.places(Deliveries, t.EventID) {
		found, err := mend(ack.Required(ctx), c.rdb, queue, time.Now(), t.id())
		if err != nil {
			return false, fmt.Errorf("resuming delivery: %w", err)
		}
		switch found[0] {
		case taskListed:
			return false, nil
		case taskMended:
			c.waker.wake(Deliveries)
			return true, nil
		}
	}
	return true, c.EnqueueDelivery(ctx, t)
}
