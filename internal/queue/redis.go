package queue

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"accessrelay/internal/ops"
)

// queueKey is the one place that spells asynq's keys.
func queueKey(queue, kind string) string { return "asynq:{" + queue + "}:" + kind }

func parseLease(score string) time.Time {
	s, err := strconv.ParseFloat(score, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(int64(s), 0)
}

// ConnOpt hands rdb to the dashboard, which asks for asynq's connection option.
func ConnOpt(rdb redis.UniversalClient) asynq.RedisConnOpt { return connOpt{rdb} }

type connOpt struct{ rdb redis.UniversalClient }

func (c connOpt) MakeRedisClient() any { return c.rdb }

// Depth is how full the queues of one kind of task are, all shards together.
type Depth struct {
	Queue   string         // one of Names
	Sizes   map[string]int // by state: see DepthStates
	Latency time.Duration  // age of the oldest pending task
}

// DepthStates returns the states of [Depth].Sizes.
func DepthStates() []string { return []string{"pending", "active", "scheduled", "retry", "archived"} }

// Depths counts the tasks of every kind. A queue nobody has used yet is empty.
func (c *Client) Depths(ctx context.Context) ([]Depth, error) {
	depths, err := await(ctx, c.depths)
	if err != nil {
		return nil, fmt.Errorf("counting queues: %w", err)
	}
	return depths, nil
}

func (c *Client) depths() ([]Depth, error) {
	used, err := c.inspector.Queues()
	if err != nil {
		return nil, err
	}
	var out []Depth
	for _, kind := range Names() {
		d := Depth{Queue: kind, Sizes: map[string]int{}}
		for _, state := range DepthStates() {
			d.Sizes[state] = 0
		}
		for _, q := range c.shards.queues[kind] {
			if !slices.Contains(used, q) {
				continue
			}
			info, err := c.inspector.GetQueueInfo(q)
			if err != nil {
				return nil, err
			}
			d.Latency = max(d.Latency, info.Latency)
			d.Sizes["pending"] += info.Pending
			d.Sizes["active"] += info.Active
			d.Sizes["scheduled"] += info.Scheduled
			d.Sizes["retry"] += info.Retry
			d.Sizes["archived"] += info.Archived
		}
		out = append(out, d)
	}
	return out, nil
}

// await asks asynq's inspector, which takes no context: the caller walks away by
// itself, and the client's own time-outs end the question.
func await[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		value, err := ask()
		done <- answer{value, err}
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// serverLog passes asynq's log on, throttled: with Redis gone asynq has
// something to say on every try.
type serverLog struct{ log *slog.Logger }

func newServerLog(log *slog.Logger) *serverLog {
	return &serverLog{ops.Throttle(log).With("component", "asynq")}
}

func (l *serverLog) emit(level slog.Level, args []any) {
	l.log.Log(context.Background(), level, fmt.Sprint(args...))
}

// The methods of asynq.Logger. Fatal does not exit: asynq calls it on misuse
// only, and a process that stops must do so through its own shutdown.
func (l *serverLog) Debug(args ...any) { l.emit(slog.LevelDebug, args) }
func (l *serverLog) Info(args ...any)  { l.emit(slog.LevelInfo, args) }
func (l *serverLog) Warn(args ...any)  { l.emit(slog.LevelWarn, args) }
func (l *serverLog) Error(args ...any) { l.emit(slog.LevelError, args) }
func (l *serverLog) Fatal(args ...any) { l.emit(slog.LevelError, args) }
