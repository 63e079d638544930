package chaos

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Where asynq keeps a queue's tasks: in a list or sorted set by their state.
var taskStates = []string{"pending", "active", "scheduled", "retry", "archived", "lease"}

// waiting counts what each queue holds, by key, as redis-cli would.
func waiting(ctx context.Context, c redis.UniversalClient) (map[string]int64, error) {
	out := map[string]int64{}
	queues, err := c.SMembers(ctx, "asynq:queues").Result()
	if err != nil {
		return nil, fmt.Errorf("listing the queues: %w", err)
	}
	for _, q := range queues {
		for i, state := range taskStates {
			key := "asynq:{" + q + "}:" + state
			count := c.ZCard
			if i < 2 {
				count = c.LLen
			}
			n, err := count(ctx, key).Result()
			if err != nil {
				return nil, fmt.Errorf("counting %s: %w", key, err)
			}
			if n > 0 {
				out[key] = n
			}
		}
	}
	return out, nil
}

// keys lists the keys of all masters that match a pattern.
func keys(ctx context.Context, c redis.UniversalClient, pattern string) ([]string, error) {
	var out []string
	scan := func(ctx context.Context, node redis.Cmdable) error {
		it := node.Scan(ctx, 0, pattern, 1000).Iterator()
		for it.Next(ctx) {
			out = append(out, it.Val())
		}
		return it.Err()
	}
	var err error
	if cluster, ok := c.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return scan(ctx, node) })
	} else {
		err = scan(ctx, c)
	}
	if err != nil {
		return nil, fmt.Errorf("listing the keys %s: %w", pattern, err)
	}
	return out, nil
}

// recordedEvents lists the ids of all events that Redis has a record of.
func recordedEvents(ctx context.Context, c redis.UniversalClient) ([]string, error) {
	records, err := keys(ctx, c, "ar:{evt_*}")
	for i, k := range records {
		records[i] = strings.TrimSuffix(strings.TrimPrefix(k, "ar:{"), "}")
	}
	return records, err
}
