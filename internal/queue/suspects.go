package queue

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// maxSuspects is how many suspects of a queue are remembered. A worker has
// fewer tasks under way; what exceeds it is found by the scan.
const maxSuspects = 10_000

// suspects is a hook that remembers the tasks whose script failed: asynq ended
// it in its middle, or the answer got lost. Such a task may be in no list, and
// asynq forgets it. The sweep looks at each once; if the script is tried again
// and fails again, the task is a suspect again.
type suspects struct {
	mu  sync.Mutex
	ids map[string]map[string]struct{} // by queue
}

func newSuspects() *suspects { return &suspects{ids: map[string]map[string]struct{}{}} }

func (s *suspects) add(queue, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids[queue] == nil {
		s.ids[queue] = map[string]struct{}{}
	}
	if len(s.ids[queue]) < maxSuspects {
		s.ids[queue][id] = struct{}{}
	}
}

// take returns the suspects of a queue and forgets them.
func (s *suspects) take(queue string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for id := range s.ids[queue] {
		out = append(out, id)
	}
	delete(s.ids, queue)
	return out
}

// DialHook implements redis.Hook.
func (s *suspects) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook implements redis.Hook. asynq's scripts are never in one.
func (s *suspects) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook implements redis.Hook.
func (s *suspects) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if err == nil || errors.Is(err, redis.Nil) || isNoScript(err) {
			return err
		}
		if queue, id, ok := taskOf(cmd); ok {
			s.add(queue, id)
		}
		return err
	}
}

// taskOf tells the task that one of asynq's scripts is about. Its first key is
// the task's (retry, archive), or the active list's; then the first argument is
// the id (done, requeue).
func taskOf(cmd redis.Cmder) (queue, id string, ok bool) {
	args := cmd.Args()
	if name := cmd.Name(); name != "evalsha" && name != "eval" || len(args) < 4 {
		return "", "", false
	}
	first, _ := args[3].(string)
	queue, kind, ok := splitKey(first)
	if !ok {
		return "", "", false
	}
	if id, ok := strings.CutPrefix(kind, "t:"); ok {
		return queue, id, true
	}
	keys, ok := args[2].(int)
	if kind != "active" || !ok || len(args) <= 3+keys {
		return "", "", false
	}
	id, ok = args[3+keys].(string)
	return queue, id, ok
}
