package redisconn

import (
	"context"
	"crypto/sha1" //nolint:gosec // what Redis calls a script by; no secret
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// A full Redis refuses a script at its first write if that one needs memory; once
// a script has written it is not stopped. So it refuses to hand out a task, which
// is such a write, and could never be drained; and it lets a script that begins
// with deleting add as much as it likes. With one of these lines Redis 7 decides
// before the script starts.
const (
	allOrNothing = "#!lua\n"                 // refused whole when memory is full
	evenIfFull   = "#!lua flags=allow-oom\n" // never refused for memory
)

// repeatSource makes a single write that a full Redis has refused.
//
// KEYS[1]   the key
// ARGV[1]   the command
// ARGV[2..] its arguments after the key
const repeatSource = evenIfFull + `return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))`

// scripts is the hook that gives scripts their first line. Redis knows them by
// another digest then: known translates. One instance serves all nodes.
type scripts struct {
	role  Role
	known sync.Map // digest of a source without first line and role's judgement → digest with it
}

type knownKey struct {
	digest string
	asynq  bool // the judgement depends on whose keys they are
}

func newScripts(r Role) *scripts { return &scripts{role: r} }

// DialHook implements redis.Hook.
func (s *scripts) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook. Arguments are changed in place, for as
// long as the call takes: the caller may send the command again.
func (s *scripts) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		restore, ok := s.rewrite(cmd)
		if !ok {
			return redis.ErrNoScript // go-redis sends the source then
		}
		err := next(ctx, cmd)
		restore()
		if s.role == Worker && isFull(err) {
			return s.repeat(ctx, cmd, err, next)
		}
		return err
	}
}

// ProcessPipelineHook implements redis.Hook. Nobody sends the source of an
// unknown digest in a pipeline, so that one is left to Redis; and a full Redis
// refuses the plain writes of a pipeline.
func (s *scripts) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		restores := make([]func(), len(cmds))
		for i, cmd := range cmds {
			restores[i], _ = s.rewrite(cmd)
		}
		err := next(ctx, cmds)
		for _, restore := range restores {
			restore()
		}
		return err
	}
}

// rewrite changes an EVAL or EVALSHA and returns what undoes that. It is not ok
// with a digest whose source it has not seen yet.
func (s *scripts) rewrite(cmd redis.Cmder) (restore func(), ok bool) {
	restore = func() {}
	name := cmd.Name()
	if name != "eval" && name != "evalsha" {
		return restore, true
	}
	args := cmd.Args()
	if len(args) < 3 {
		return restore, true
	}
	given, isText := args[1].(string)
	if !isText {
		return restore, true
	}
	var firstKey string
	if len(args) > 3 {
		firstKey, _ = args[3].(string)
	}
	key := knownKey{digest: given, asynq: strings.HasPrefix(firstKey, "asynq:")}
	var sent string
	if name == "eval" {
		key.digest = digest(given)
		sent = s.firstLine(given, key.asynq) + given
		s.known.Store(key, digest(sent))
	} else {
		v, found := s.known.Load(key)
		if !found {
			return restore, false
		}
		sent = v.(string)
	}
	args[1] = sent
	return func() { args[1] = given }, true
}

// firstLine is what goes before a source; "" if it has a first line already.
func (s *scripts) firstLine(source string, asynq bool) string {
	switch {
	case strings.HasPrefix(source, "#!"):
		return ""
	case s.role == Ingest && asynq && mayWrite(source):
		return allOrNothing
	default:
		return evenIfFull
	}
}

func digest(source string) string {
	sum := sha1.Sum([]byte(source)) //nolint:gosec // what Redis calls a script by; no secret
	return hex.EncodeToString(sum[:])
}

var scriptCall = regexp.MustCompile(`redis\.p?call\(\s*(?:["'](\w+)["'])?`)

// mayWrite reports whether a script has a command that is not known to only
// read: looking a task up must work on a full Redis.
func mayWrite(source string) bool {
	for _, call := range scriptCall.FindAllStringSubmatch(source, -1) {
		if !reads[strings.ToLower(call[1])] {
			return true
		}
	}
	return false
}

// isFull reports whether Redis refused a command because memory is full.
func isFull(err error) bool { return err != nil && redis.HasErrorPrefix(err, "OOM") }

// repeatable are the writes of which the second word is the one key.
var repeatable = wordSet(`append expire getset hincrby hset hsetnx incr incrby lpush psetex rpush sadd set setex setnx
	zadd zincrby`)

// repeat makes a refused write again as a script. full is what is answered if
// that cannot be done.
func (s *scripts) repeat(ctx context.Context, cmd redis.Cmder, full error, next redis.ProcessHook) error {
	args := cmd.Args()
	if !repeatable[cmd.Name()] || len(args) < 2 {
		return full
	}
	eval := append([]any{"eval", repeatSource, 1, args[1], args[0]}, args[2:]...)
	switch cmd := cmd.(type) {
	case *redis.IntCmd:
		return repeatAs(ctx, redis.NewIntCmd(ctx, eval...), cmd.SetVal, next)
	case *redis.BoolCmd:
		return repeatAs(ctx, redis.NewBoolCmd(ctx, eval...), cmd.SetVal, next)
	case *redis.StatusCmd:
		return repeatAs(ctx, redis.NewStatusCmd(ctx, eval...), cmd.SetVal, next)
	case *redis.StringCmd:
		return repeatAs(ctx, redis.NewStringCmd(ctx, eval...), cmd.SetVal, next)
	case *redis.FloatCmd:
		return repeatAs(ctx, redis.NewFloatCmd(ctx, eval...), cmd.SetVal, next)
	case *redis.Cmd:
		return repeatAs(ctx, redis.NewCmd(ctx, eval...), cmd.SetVal, next)
	default:
		return full
	}
}

// repeatAs sends again, a command of the same kind as the refused one, and
// hands its answer over. The error is the command's, as of any ProcessHook.
func repeatAs[T any, C interface {
	redis.Cmder
	Val() T
}](ctx context.Context, again C, set func(T), next redis.ProcessHook) error {
	err := next(ctx, again)
	if err == nil || errors.Is(err, redis.Nil) {
		set(again.Val())
	}
	return err
}
