package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"accessrelay/internal/ack"

	"github.com/redis/go-redis/v9"
)

// The probes read and write nothing, and Redis refuses them when it would
// refuse the program's own scripts. They take no keys;
// ARGV[1] of ingest's is [ballast].
const (
	ingestProbe = allOrNothing + "return 1"
	workerProbe = evenIfFull + "return 1"
)

// ballast travels with ingest's probe. Redis counts what it is sent as used, so
// the probe is refused where an event of this size would be, not only by a Redis
// that is full to the last byte and still refuses every event. It costs 64 KiB a
// second.
var ballast = strings.Repeat(" ", 64<<10)

// replicaMaxLag is for how long a replica may have been silent and still count
// as connected. Redis itself notices only after a minute.
const replicaMaxLag = 10 * time.Second

// eachMaster calls f for the one server, or for every master of a cluster, and
// returns an error of one of them.
func eachMaster(ctx context.Context, rdb redis.UniversalClient, f func(context.Context, redis.UniversalClient) error) error {
	c, ok := rdb.(*redis.ClusterClient)
	if !ok {
		return f(ctx, rdb)
	}
	err := c.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		if err := f(ctx, node); err != nil {
			return fmt.Errorf("node %s: %w", node.Options().Addr, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("checking the cluster: %w", err)
	}
	return nil
}

// probe asks one master, in one round trip, whether it would take the program's
// writes, keep them, and confirm them at the level asked. The policy is looked at
// again and again because after a failover another server's is in force.
func (g *Gate) probe(ctx context.Context, node redis.UniversalClient) error {
	pipe := node.Pipeline()
	var script *redis.Cmd
	if g.terms.Role == Ingest {
		script = pipe.Eval(ctx, ingestProbe, nil, ballast)
	} else {
		script = pipe.Eval(ctx, workerProbe, nil)
	}
	memory := pipe.Info(ctx, "memory")
	var onDisk diskQuestion
	var replication *redis.StringCmd
	if g.terms.Ack == ack.Fsync {
		onDisk = askDisk(ctx, pipe)
	}
	want := g.terms.Ack.Replicas()
	if want > 0 {
		replication = pipe.Info(ctx, "replication")
	}
	_, _ = pipe.Exec(ctx) // each command has its own error

	if err := script.Err(); err != nil {
		return reason(err)
	}
	if err := judgePolicy(memory); err != nil {
		return err
	}
	if g.terms.Ack == ack.Fsync {
		if _, err := onDisk.judge(); err != nil {
			return err
		}
	}
	if want > 0 {
		info, err := replication.Result()
		if err != nil {
			return fmt.Errorf("asking Redis for its replicas: %w", err)
		}
		if n := replicas(info); n < want {
			return fmt.Errorf("%d of the %d replicas that --ack=%s waits for are connected; start more, or lower --ack", n, want, g.terms.Ack)
		}
	}
	return nil
}

// reason says in words why Redis refused the probe.
func reason(err error) error {
	for code, text := range map[string]string{
		"OOM": "Redis is full: it uses more than its maxmemory; start workers to drain it, " +
			"keep less (retention, dead letters) or raise maxmemory",
		"READONLY":   "Redis is a replica and refuses writes; --redis-url must lead to the master",
		"MISCONF":    "Redis cannot persist to its disk and refuses writes; its log says why",
		"NOREPLICAS": "Redis has fewer good replicas than its min-replicas-to-write and refuses writes",
		"LOADING":    "Redis is loading its data",
	} {
		if redis.HasErrorPrefix(err, code) {
			return errors.New(text)
		}
	}
	return fmt.Errorf("probing Redis: %w", err)
}

// replicas counts those of INFO replication that are connected and were heard
// of lately.
func replicas(info string) int {
	n := 0
	for line := range strings.Lines(info) {
		name, values, _ := strings.Cut(strings.TrimSpace(line), ":")
		if _, err := strconv.Atoi(strings.TrimPrefix(name, "slave")); err != nil || !strings.HasPrefix(name, "slave") {
			continue
		}
		var online bool
		lag := -1
		for field := range strings.SplitSeq(values, ",") {
			switch key, v, _ := strings.Cut(field, "="); key {
			case "state":
				online = v == "online"
			case "lag":
				if l, err := strconv.Atoi(v); err == nil {
					lag = l
				}
			}
		}
		if online && lag >= 0 && time.Duration(lag)*time.Second <= replicaMaxLag {
			n++
		}
	}
	return n
}
