package redisconn

import (
	"accessrelay/internal/ack"

	"github.com/redis/go-redis/v9"
)

// Role is which program a client is for. The two differ in what a full Redis
// must still do for them.
type Role int

const (
	// Plain leaves scripts as they are.
	Plain Role = iota
	// Ingest enqueues nothing in a full Redis, so it replays nothing either.
	// What gives memory back (deleting) still runs.
	Ingest
	// Worker drains a full Redis: everything still runs.
	Worker
)

// Option changes how the client of [Open] sends what it is given. Options work
// at the client of each node, below redirects and retries of a Cluster.
type Option func(*manner)

// WithAck makes writes whose context comes from [ack.Required] count only once
// level is reached. One that is made and does not get that far in time ends in
// an error with [ack.ErrNotReached] in its chain; its outcome is unknown.
// Other commands are as they were.
func WithAck(level ack.Level) Option { return func(m *manner) { m.level = level } }

// ForIngest prefixes scripts so that a full Redis refuses asynq's, whatever they
// begin with, and runs the others.
func ForIngest() Option { return func(m *manner) { m.scripts = newScripts(Ingest) } }

// ForWorker prefixes scripts so that a full Redis runs them, and repeats a
// single write that a full Redis refused as such a script.
func ForWorker() Option { return func(m *manner) { m.scripts = newScripts(Worker) } }

// manner is what the options of one Open say.
type manner struct {
	level   ack.Level
	scripts *scripts // shared by the nodes; nil: scripts stay as they are
}

// dress adds the hooks to the client of one node. The first added is the
// outermost: scripts are rewritten before they are confirmed.
func (m *manner) dress(node *redis.Client) *redis.Client {
	if m.scripts == nil && m.level == ack.Memory {
		return node
	}
	bare := node.WithTimeout(node.Options().ReadTimeout) // the same pool, without the hooks
	if m.scripts != nil {
		node.AddHook(m.scripts)
	}
	if m.level != ack.Memory {
		node.AddHook(newConfirm(m.level, bare))
	}
	return node
}
