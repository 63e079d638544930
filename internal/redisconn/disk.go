package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// onDisk is how a node says that a write is on its disk.
type onDisk int

const (
	notOnDisk onDisk = iota // it does not
	byAnswer                // appendfsync always: with the answer to the write
	byWaitAOF               // when WAITAOF is asked after the write
)

// diskMaxAge is how long a node is taken to be set as it was found: options can
// change while it runs, and after a failover another machine answers.
const diskMaxAge = time.Second

// disk remembers how one node confirms, and looks again when that is old.
type disk struct {
	node  *redis.Client
	now   func() time.Time
	turn  chan struct{} // held by who is looking
	found *atomic.Pointer[finding]
}

type finding struct {
	at  time.Time
	how onDisk
}

func newDisk(node *redis.Client) disk {
	return disk{node: node, now: time.Now, turn: make(chan struct{}, 1), found: new(atomic.Pointer[finding])}
}

// how has [ErrUnsuitable] in its error's chain if the node cannot confirm.
func (d *disk) how(ctx context.Context) (onDisk, error) {
	if f := d.found.Load(); f != nil && d.now().Sub(f.at) < diskMaxAge {
		return f.how, nil
	}
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return notOnDisk, ctx.Err()
	}
	if f := d.found.Load(); f != nil && d.now().Sub(f.at) < diskMaxAge {
		return f.how, nil
	}
	at := d.now()
	how, err := lookAtDisk(ctx, d.node)
	if err != nil {
		return notOnDisk, err
	}
	d.found.Store(&finding{at, how})
	return how, nil
}

func lookAtDisk(ctx context.Context, node redis.UniversalClient) (onDisk, error) {
	pipe := node.Pipeline()
	q := askDisk(ctx, pipe)
	_, _ = pipe.Exec(ctx)
	return q.judge()
}

// diskQuestion is what is asked, in one round trip with whatever else is asked.
type diskQuestion struct {
	info   *redis.StringCmd
	config *redis.MapStringStringCmd
}

func askDisk(ctx context.Context, pipe redis.Pipeliner) diskQuestion {
	return diskQuestion{pipe.Info(ctx), pipe.ConfigGet(ctx, "*appendfsync*")}
}

// judge reads the answers. Its error says which option to set; it has
// [ErrUnsuitable] in its chain unless the node did not answer.
func (q diskQuestion) judge() (onDisk, error) {
	info, err := q.info.Result()
	if err != nil {
		return notOnDisk, fmt.Errorf("asking Redis for its persistence: %w", err)
	}
	if field(info, "aof_enabled") != "1" {
		return notOnDisk, fmt.Errorf("%w: --ack=fsync needs the append-only file, which is off; set appendonly yes and appendfsync always", ErrUnsuitable)
	}
	set, err := q.config.Result()
	if err == nil && set["appendfsync"] == "always" && set["no-appendfsync-on-rewrite"] == "no" {
		return byAnswer, nil
	}
	if err != nil && !answered(err) {
		return notOnDisk, fmt.Errorf("asking Redis for its appendfsync: %w", err)
	}
	version := field(info, "redis_version")
	switch {
	case hasWaitAOF(version):
		return byWaitAOF, nil
	case err != nil:
		return notOnDisk, fmt.Errorf("%w: --ack=fsync: it forbids CONFIG GET, so its appendfsync cannot be seen, and version %s has no WAITAOF; "+
			"allow CONFIG GET and set appendfsync always, or use 7.2", ErrUnsuitable, version)
	case set["appendfsync"] == "always":
		return notOnDisk, fmt.Errorf("%w: --ack=fsync: no-appendfsync-on-rewrite is yes, which leaves writes off the disk during a rewrite; set it to no", ErrUnsuitable)
	default:
		return notOnDisk, fmt.Errorf("%w: --ack=fsync: appendfsync is %s; set it to always (redis.conf, or CONFIG SET appendfsync always)", ErrUnsuitable, set["appendfsync"])
	}
}

// answered reports whether err is an answer of Redis' rather than of the network.
func answered(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer)
}

// hasWaitAOF reports whether a Redis of this version knows WAITAOF: since 7.2.
func hasWaitAOF(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return err1 == nil && err2 == nil && (major > 7 || major == 7 && minor >= 2)
}
