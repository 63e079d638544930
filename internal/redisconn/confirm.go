package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"accessrelay/internal/ack"

	"github.com/redis/go-redis/v9"
)

const (
	// longestWait bounds one wait for replicas or the disk, for callers
	// without a deadline of their own.
	longestWait = 2 * time.Second

	// largestMargin is what is kept back of a caller's deadline, so that the
	// answer "not reached" arrives before it: Redis looks for waits that are over
	// ten times a second (its hz), so its answer is late by up to 100 ms.
	largestMargin = 150 * time.Millisecond
)

// confirm is the hook that keeps [ack.Required] at one node. A marked write
// becomes one pipeline of itself and WAIT (or WAITAOF): on one connection,
// because Redis waits for what the asking connection has seen.
type confirm struct {
	level   ack.Level
	bare    *redis.Client // the node without hooks
	longest time.Duration // of a wait; below the read time-out
	disk    disk
}

func newConfirm(level ack.Level, bare *redis.Client) *confirm {
	c := &confirm{level: level, bare: bare, longest: longestWait, disk: newDisk(bare)}
	if t := bare.Options().ReadTimeout; t > 0 {
		c.longest = min(c.longest, t*3/4)
	}
	return c
}

// DialHook implements redis.Hook.
func (c *confirm) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook. The command's own error goes first and
// unchanged: go-redis repeats and redirects by it.
func (c *confirm) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if !ack.IsRequired(ctx) || reads[cmd.Name()] {
			return next(ctx, cmd)
		}
		wait, err := c.wait(ctx)
		if err != nil {
			return err
		}
		if wait == nil {
			return next(ctx, cmd)
		}
		pipe := c.bare.Pipeline()
		_ = pipe.Process(ctx, cmd)
		_ = pipe.Process(ctx, wait)
		_, err = pipe.Exec(ctx)
		if err := cmd.Err(); ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			// go-redis asked again because the wait's answer was late, and put this in
			// the place of the write's own answer.
			return fmt.Errorf("%w: asking for the confirmation: %w", ack.ErrNotReached, err)
		}
		if err := cmd.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		if cmd.Err() == nil && wait.Err() == nil && err != nil {
			return err // nothing was sent: an answer of Redis' to the connection stays off the commands
		}
		if err := c.reached(wait); err != nil {
			return err
		}
		return cmd.Err()
	}
}

// ProcessPipelineHook implements redis.Hook. go-redis reads the replies of a
// pipeline and of a transaction in ways that leave no room for one command
// more, so the wait follows, with a PING before it: Redis waits for all that
// was written before the last command of the asking connection, whoever wrote.
func (c *confirm) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if !ack.IsRequired(ctx) || !anyWritten(cmds) {
			return err
		}
		if late := c.confirmPast(ctx); late != nil {
			// Set as well as returned: a Cluster's pipeline looks at the commands.
			for _, cmd := range cmds {
				if cmd.Err() == nil {
					cmd.SetErr(late)
				}
			}
			return errors.Join(late, err)
		}
		return err
	}
}

// anyWritten reports whether a write among cmds was made.
func anyWritten(cmds []redis.Cmder) bool {
	for _, cmd := range cmds {
		err := cmd.Err()
		if !reads[cmd.Name()] && (err == nil || errors.Is(err, redis.Nil)) {
			return true
		}
	}
	return false
}

// confirmPast waits for everything that the node has written so far.
func (c *confirm) confirmPast(ctx context.Context) error {
	wait, err := c.wait(ctx)
	if err != nil || wait == nil {
		return err
	}
	pipe := c.bare.Pipeline()
	pipe.Ping(ctx)
	_ = pipe.Process(ctx, wait)
	if _, err := pipe.Exec(ctx); err != nil && wait.Err() == nil {
		return fmt.Errorf("%w: asking for the confirmation: %v", ack.ErrNotReached, err) //nolint:errorlint // see above
	}
	return c.reached(wait)
}

// wait returns the command that confirms what came before it, or nil if the
// answer to the write itself is the confirmation.
func (c *confirm) wait(ctx context.Context) (redis.Cmder, error) {
	if n := c.level.Replicas(); n > 0 {
		return redis.NewIntCmd(ctx, "wait", n, c.limit(ctx)), nil
	}
	how, err := c.disk.how(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ack.ErrNotReached, err)
	}
	if how == byAnswer {
		return nil, nil
	}
	return redis.NewIntSliceCmd(ctx, "waitaof", 1, 0, c.limit(ctx)), nil
}

// limit is how long to wait, in milliseconds; never 0, which is for ever.
func (c *confirm) limit(ctx context.Context) int64 {
	d := c.longest
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		d = min(d, left-min(left/2, largestMargin))
	}
	return max(1, d.Milliseconds())
}

// reached reads the answer to the command of wait. An error of the connection
// is only quoted: wrapped, it would make go-redis repeat a write that was made.
func (c *confirm) reached(wait redis.Cmder) error {
	if err := wait.Err(); err != nil {
		return fmt.Errorf("%w: asking for the confirmation: %v", ack.ErrNotReached, err) //nolint:errorlint // see above
	}
	switch w := wait.(type) {
	case *redis.IntCmd:
		if n := int64(c.level.Replicas()); w.Val() < n {
			return fmt.Errorf("%w: %d of %d replicas have the write", ack.ErrNotReached, w.Val(), n)
		}
	case *redis.IntSliceCmd:
		if v := w.Val(); len(v) == 0 || v[0] < 1 {
			return fmt.Errorf("%w: the write is not on the disk yet", ack.ErrNotReached)
		}
	}
	return nil
}

// reads are commands that write nothing. One that is missing here is confirmed
// without need, which costs a moment; but those that go-redis itself sends under
// a caller's context, to connect or to learn what a Cluster looks like, must be
// here: after a failover they could not be confirmed and nothing would mend.
var reads = wordSet(`acl asking auth client cluster command config dbsize echo eval_ro evalsha_ro exec exists get
	getrange hello hexists hget hgetall hkeys hlen hmget hscan hvals info keys latency lindex llen lpos lrange
	memory mget multi object ping psubscribe pttl publish quit readonly readwrite reset role scan scard script
	select sentinel sismember slowlog smembers smismember sscan ssubscribe strlen subscribe time ttl type
	unsubscribe unwatch wait waitaof watch xinfo xlen xrange zcard zcount zmscore zrange zrangebyscore zrank
	zrevrange zrevrangebyscore zscan zscore`)

func wordSet(s string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		set[w] = true
	}
	return set
}
