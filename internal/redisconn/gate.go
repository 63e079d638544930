package redisconn

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"accessrelay/internal/ack"

	"github.com/redis/go-redis/v9"
)

// Terms are what a program asks of its Redis. The zero Terms ask that it answers.
type Terms struct {
	// Embedded takes the server as it is: nobody keeps events in it.
	Embedded bool
	Role     Role
	// Ack is the level that the client was opened with.
	Ack ack.Level
}

// Gate is a program's readiness check. Until Redis has been found suitable once
// it makes the whole check, afterwards one request to each master that finds
// out whether the program could do its work now. It is safe for concurrent use.
type Gate struct {
	rdb    redis.UniversalClient
	terms  Terms
	passed atomic.Bool
}

// Admit checks Redis as a program starts. Its error has [ErrUnsuitable] in its
// chain; what may mend itself (no answer yet, too few replicas, full) is logged
// and left to the gate.
func Admit(ctx context.Context, rdb redis.UniversalClient, terms Terms, log *slog.Logger) (*Gate, error) {
	g := &Gate{rdb: rdb, terms: terms}
	g.passed.Store(terms.Embedded)
	err := g.Check(ctx)
	if errors.Is(err, ErrUnsuitable) {
		return nil, err
	}
	if err != nil {
		log.Warn("Redis is not ready yet", "error", err)
	}
	return g, nil
}

// Check returns nil if Redis is suitable and does what the program needs. The
// error says what is in the way.
func (g *Gate) Check(ctx context.Context) error {
	if g.terms.Embedded {
		return g.rdb.Ping(ctx).Err()
	}
	if !g.passed.Load() {
		if err := Check(ctx, g.rdb); err != nil {
			return err
		}
		g.passed.Store(true)
	}
	return eachMaster(ctx, g.rdb, g.probe)
}
