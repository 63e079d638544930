package redisconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// sentinelTries is how often one address is dialled in a row. go-redis's five
// with pauses, at the sentinels within those at the master, take so long that a
// caller sees its own time-out and never what is wrong. Commands are repeated
// all the same.
const sentinelTries = 1

// asking is the hook that says what is wrong when the sentinels name no master.
type asking struct {
	hosts  []string
	master string
}

// DialHook implements redis.Hook.
func (a *asking) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if err != nil {
			return nil, a.explain(err)
		}
		return conn, nil
	}
}

// ProcessHook implements redis.Hook.
func (*asking) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook implements redis.Hook.
func (*asking) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// explain turns go-redis's error into one line that names the part of the URL.
// [redis.Nil] leaves the chain: it is how a sentinel says that it knows no such
// master, and to who wanted to read a key it would say that there is none.
func (a *asking) explain(err error) error {
	if errors.Is(err, redis.Nil) {
		return fmt.Errorf("the sentinels of the Redis URL know no master by the name after the slash (%s)", a.master)
	}
	if !strings.Contains(err.Error(), "all sentinels") {
		return err // of the way to the master that they named
	}
	hosts := strings.Join(a.hosts, ",")
	if refused(err) {
		return fmt.Errorf("the sentinels of the Redis URL (%s) refuse its sentinel_username or sentinel_password [%s]", hosts, firstWord(err.Error()))
	}
	return &unanswered{"no sentinel of the Redis URL answers (" + hosts + ")", err}
}

// unanswered keeps the cause in its chain, by which go-redis tries again, and
// out of its text, where it is a line for each sentinel.
type unanswered struct {
	text  string
	cause error
}

func (u *unanswered) Error() string { return u.text }
func (u *unanswered) Unwrap() error { return u.cause }
