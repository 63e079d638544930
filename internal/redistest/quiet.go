package redistest

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Tests take servers away, and go-redis would write to stderr about each
// connection. It is set before any test runs: go-redis guards it by no lock. A
// test that wants the lines sets a logger of its own.
func init() { redis.SetLogger(silent{}) } //nolint:gochecknoinits // before any test runs

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}
