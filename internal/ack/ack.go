// Package ack says how far a write must have got before it counts as done: the
// setting --ack. Who writes marks the context of a write that others will rely
// on; the connection to Redis, which alone can keep it, reads the mark.
package ack

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Level is how far a write must have got. The zero Level is [Memory]. Levels
// are compared with ==.
type Level struct {
	fsync    bool
	replicas int
}

var (
	// Memory is reached when Redis has answered.
	Memory = Level{}
	// Fsync is reached when the write is in Redis' append-only file and that is
	// on the disk.
	Fsync = Level{fsync: true}
)

// Replicas is reached when n replicas have the write in their memory; n > 0.
func Replicas(n int) Level { return Level{replicas: n} }

// maxReplicas is more than anybody waits for; beyond it lies a typing error.
const maxReplicas = 16

// Parse reads memory, fsync or replicas:n. Space around the colon does not
// count, so that replicas: 1 is read as well. The error says what is allowed.
func Parse(s string) (Level, error) {
	switch s = strings.TrimSpace(s); s {
	case "memory":
		return Memory, nil
	case "fsync":
		return Fsync, nil
	}
	if name, count, ok := strings.Cut(s, ":"); ok && strings.TrimSpace(name) == "replicas" {
		if n, err := strconv.Atoi(strings.TrimSpace(count)); err == nil && n >= 1 && n <= maxReplicas {
			return Replicas(n), nil
		}
	}
	return Level{}, fmt.Errorf("is %q; want memory, fsync or replicas:n with n from 1 to %d", s, maxReplicas)
}

// String is the level as [Parse] reads it.
func (l Level) String() string {
	switch {
	case l.fsync:
		return "fsync"
	case l.replicas > 0:
		return "replicas:" + strconv.Itoa(l.replicas)
	default:
		return "memory"
	}
}

// Replicas is how many replicas must have the write; 0 if none.
func (l Level) Replicas() int { return l.replicas }

// ErrNotReached is in the chain of the error of a write that Redis may have made
// and that was not seen to get as far as the level asks within its time. It may get
// there later: the outcome is unknown, as after a time-out.
var ErrNotReached = errors.New("acknowledgement level not reached")

type mark struct{}

// Required marks the writes made under ctx as ones that count as done only at
// the level that the connection was opened with. Reads are not held up.
func Required(ctx context.Context) context.Context { return context.WithValue(ctx, mark{}, true) }

// IsRequired reports whether ctx comes from [Required].
func IsRequired(ctx context.Context) bool { return ctx.Value(mark{}) != nil }
