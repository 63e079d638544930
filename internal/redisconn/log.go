package redisconn

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"
)

// LogTo sends what go-redis has to say to log, at warn and a line a second at
// most: with Redis gone every connection of the pool has the same to say.
// Otherwise go-redis writes lines of its own to stderr. It is for the whole
// process: call it once, before the first client.
func LogTo(log *slog.Logger) { redis.SetLogger(&logger{log: log, limit: rate.NewLimiter(1, 3)}) }

type logger struct {
	log   *slog.Logger
	limit *rate.Limiter
	cut   atomic.Int64 // lines left out since the last
}

func (l *logger) Printf(ctx context.Context, format string, args ...any) {
	if !l.limit.Allow() {
		l.cut.Add(1)
		return
	}
	attrs := []any{"detail", fmt.Sprintf(format, args...)}
	if n := l.cut.Swap(0); n > 0 {
		attrs = append(attrs, "suppressed", n)
	}
	l.log.WarnContext(ctx, "go-redis", attrs...)
}
