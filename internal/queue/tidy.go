package queue

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Tidy removes what killed workers left on asynq's lists of servers: their keys
// expire, but their places on the lists would stay until somebody asks for the
// list, which only a dashboard does.
func (c *Client) Tidy(ctx context.Context) error {
	past := "(" + strconv.FormatInt(time.Now().Unix(), 10) // scores are when a key expires
	_, err := c.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.ZRemRangeByScore(ctx, "asynq:servers", "-inf", past)
		p.ZRemRangeByScore(ctx, "asynq:workers", "-inf", past)
		return nil
	})
	if err != nil {
		return fmt.Errorf("removing killed workers from the lists of servers: %w", err)
	}
	return nil
}
