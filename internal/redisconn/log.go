package redisconn

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/ops"
)

// LogTo sends what go-redis has to say to log, at warn and throttled: with Redis
// gone every connection of the pool has the same to say.
// Otherwise go-redis writes lines of its own to stderr. It is for the whole
// process: call it once, before the first client.
func LogTo(log *slog.Logger) { redis.SetLogger(logger{ops.Throttle(log)}) }

type logger struct{ log *slog.Logger }

func (l logger) Printf(ctx context.Context, format string, args ...any) {
	l.log.WarnContext(ctx, "go-redis", "detail", fmt.Sprintf(format, args...))
}
