package receipt

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"
)

// interruption is a hook that does something between two requests of an
// operation: what another process does meanwhile, or its own death.
type interruption struct {
	mu    sync.Mutex
	left  int // requests until then; 0: off
	do    func()
	dies  bool
	dead  bool
	count int // requests since begin
}

var between interruption

// begin lets n-1 requests pass; do comes before the nth. With dies neither that
// one nor any later one is sent.
func (h *interruption) begin(n int, dies bool, do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left, h.do, h.dies, h.dead, h.count = n, do, dies, false, 0
}

// end returns how many requests there were, and whether the nth was among them.
func (h *interruption) end() (count int, reached bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	count, reached = h.count, h.do == nil
	h.left, h.do, h.dies, h.dead = 0, nil, false, false
	return count, reached
}

func (h *interruption) request() error {
	h.mu.Lock()
	if h.dead {
		h.mu.Unlock()
		return errDied
	}
	h.count++
	do := h.do
	if h.left--; h.left != 0 || do == nil {
		h.mu.Unlock()
		return nil
	}
	h.do, h.dead = nil, false
	dies := h.dies
	h.mu.Unlock()
	do()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dead = dies; dies {
		return errDied
	}
	return nil
}

func (h *interruption) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *interruption) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := h.request(); err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

func (h *interruption) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if err := h.request(); err != nil {
			return err
		}
		return next(ctx, cmds)
	}
}
