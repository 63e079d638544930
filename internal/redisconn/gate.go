package redisconn

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// Gate is a program's readiness check. Until Redis has been found suitable once
// it makes the whole check, afterwards it pings. It is safe for concurrent use.
type Gate struct {
	rdb    redis.UniversalClient
	passed atomic.Bool
}

// Admit checks Redis as a program starts. Its error has [ErrUnsuitable] in its
// chain; a Redis that does not answer yet is logged and left to the gate. With
// embedded the server is taken as it is: nobody keeps events in it.
func Admit(ctx context.Context, rdb redis.UniversalClient, embedded bool, log *slog.Logger) (*Gate, error) {
	g := &Gate{rdb: rdb}
	g.passed.Store(embedded)
	err := g.Check(ctx)
	if errors.Is(err, ErrUnsuitable) {
		return nil, err
	}
	if err != nil {
		log.Warn("Redis does not answer yet", "error", err)
	}
	return g, nil
}

// Check returns nil if Redis answers and is suitable, else the error of [Check]
// or of the ping.
func (g *Gate) Check(ctx context.Context) error {
	if g.passed.Load() {
		return g.rdb.Ping(ctx).Err()
	}
	if err := Check(ctx, g.rdb); err != nil {
		return err
	}
	g.passed.Store(true)
	return nil
}
