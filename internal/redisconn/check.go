package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// minMajor is the oldest Redis that is tested with: its scripts and commands
// are used. Valkey and others say 7 too, for compatibility.
const minMajor = 7

// ErrUnsuitable is in the chain of [Check]'s error when the server answered and
// is not one to keep events in. Waiting does not mend it.
var ErrUnsuitable = errors.New("unsuitable Redis")

// Check asks the server, of a cluster every master, whether its version is at
// least 7.0 and whether it refuses writes rather than evict what it holds. It
// reads INFO, because managed servers forbid CONFIG. An error says what to set.
func Check(ctx context.Context, rdb redis.UniversalClient) error {
	return eachMaster(ctx, rdb, checkNode)
}

func checkNode(ctx context.Context, rdb redis.UniversalClient) error {
	server, err := rdb.Info(ctx, "server").Result()
	if refused(err) {
		return fmt.Errorf("%w: it refuses the user or password of the URL (%s)", ErrUnsuitable, firstWord(err.Error()))
	}
	if noDatabase(err) {
		return fmt.Errorf("%w: it does not have the database that the URL names; take a lower number, which for a Redis Cluster "+
			"is 0, or raise databases in its redis.conf", ErrUnsuitable)
	}
	if err != nil {
		return fmt.Errorf("asking Redis for its version: %w", err)
	}
	version := field(server, "redis_version")
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil {
		return fmt.Errorf("%w: it does not say its redis_version in INFO", ErrUnsuitable)
	} else if n < minMajor {
		return fmt.Errorf("%w: version %s; at least %d.0 is needed", ErrUnsuitable, version, minMajor)
	}

	return judgePolicy(rdb.Info(ctx, "memory"))
}

// judgePolicy reads INFO memory for the maxmemory-policy.
func judgePolicy(info *redis.StringCmd) error {
	memory, err := info.Result()
	if err != nil {
		return fmt.Errorf("asking Redis for its maxmemory-policy: %w", err)
	}
	switch policy := field(memory, "maxmemory_policy"); policy {
	case "noeviction":
		return nil
	case "":
		return fmt.Errorf("%w: it does not say its maxmemory_policy in INFO", ErrUnsuitable)
	default:
		return fmt.Errorf("%w: maxmemory-policy is %s, which silently drops events when memory is full; "+
			"set it to noeviction (redis.conf, or CONFIG SET maxmemory-policy noeviction)", ErrUnsuitable, policy)
	}
}

// refused reports whether err is Redis' answer to who we say we are. Waiting
// does not mend that either.
func refused(err error) bool {
	if err == nil {
		return false
	}
	for _, code := range []string{"NOAUTH", "WRONGPASS", "NOPERM"} {
		if strings.Contains(err.Error(), code+" ") {
			return true
		}
	}
	return false
}

// noDatabase reports whether err is Redis' answer to the SELECT that a connection
// begins with. Only the texts tell: the code of each is ERR. They are those of
// Redis and Valkey for a number that is above databases, for one that is in no
// range at all, and for any but 0 of a node of a cluster.
func noDatabase(err error) bool {
	if err == nil {
		return false
	}
	for _, text := range []string{"ERR DB index is out of range", "ERR invalid DB index", "ERR value is out of range", "ERR SELECT is not allowed in cluster mode"} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

// firstWord is the code of an answer of Redis'; the rest could name the user.
func firstWord(text string) string {
	for _, word := range strings.Fields(text) {
		if word == strings.ToUpper(word) && len(word) > 3 {
			return word
		}
	}
	return "no code"
}

// field reads one line of INFO's answer; "" if it is not there.
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
