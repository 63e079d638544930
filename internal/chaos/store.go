package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/redisconn"
	"accessrelay/internal/redisserver"
)

// store is the Redis under test.
type store struct {
	topology
	client redis.UniversalClient // straight, past any proxy
}

// topology is how its servers stand to each other.
type topology interface {
	// URL is what programs are given.
	URL() string
	// masters are the servers that take writes.
	masters(context.Context) ([]*redisserver.Server, error)
	// nodes are those and their replicas.
	nodes() []*redisserver.Server
	// Await returns when all servers that run play their part.
	Await(context.Context) error
	Close() error
}

// startTimeout is how long a Redis of several servers may take to find itself.
const startTimeout = time.Minute

// startStore runs servers that write down what they do. A single one that is to
// die syncs it before it answers, so that its death takes nothing that was
// confirmed.
func startStore(ctx context.Context, p Plan, dir string) (*store, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	o := redisserver.Options{Dir: filepath.Join(dir, "redis"), Args: []string{"--appendonly", "yes", "--appendfsync", "everysec"}}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a folder for Redis: %w", err)
	}
	var t topology
	var err error
	switch p.Redis {
	case Sentinel:
		o.Replicas = 2
		var s *redisserver.Sentinel
		s, err = redisserver.StartSentinel(ctx, o)
		t = sentinels{s}
	case Cluster:
		o.Replicas = 1
		var c *redisserver.Cluster
		c, err = redisserver.StartCluster(ctx, o)
		t = cluster{c}
	default:
		if p.synced() {
			o.Args = []string{"--appendonly", "yes", "--appendfsync", "always"}
		}
		var s *redisserver.Server
		s, err = redisserver.Start(ctx, o)
		t = alone{s}
	}
	if err != nil {
		return nil, fmt.Errorf("starting Redis: %w", err)
	}
	client, err := redisconn.Open(t.URL())
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return &store{t, client}, nil
}

func (s *store) close() { _ = errors.Join(s.client.Close(), s.Close()) }

// addr is where a proxy leads to; "" where clients are told the servers' own
// addresses, so that none can stand in between.
func (s *store) addr() string {
	if a, ok := s.topology.(alone); ok {
		return a.Addr()
	}
	return ""
}

type alone struct{ *redisserver.Server }

func (a alone) masters(context.Context) ([]*redisserver.Server, error) { return a.nodes(), nil }
func (a alone) nodes() []*redisserver.Server                           { return []*redisserver.Server{a.Server} }
func (a alone) Await(context.Context) error                            { return nil }

type sentinels struct{ *redisserver.Sentinel }

func (s sentinels) nodes() []*redisserver.Server { return s.Nodes() }
func (s sentinels) masters(ctx context.Context) ([]*redisserver.Server, error) {
	m, err := s.Master(ctx)
	return []*redisserver.Server{m}, err
}

type cluster struct{ *redisserver.Cluster }

func (c cluster) nodes() []*redisserver.Server { return c.Nodes() }
func (c cluster) masters(ctx context.Context) ([]*redisserver.Server, error) {
	return c.Masters(ctx)
}

// broken is a master that was killed or stopped.
type broken struct {
	store   *store
	master  *redisserver.Server
	masters int // that there were, with it
	// mend brings it back, as a replica where another has taken over, and returns
	// once all is whole again.
	mend func(context.Context) error
}

// awaitSuccessor reports whether another master was seen to serve in its place
// before ctx ended.
func (b *broken) awaitSuccessor(ctx context.Context) bool {
	return poll(ctx, 50*time.Millisecond, func() bool {
		list, err := b.store.masters(ctx)
		if err != nil || len(list) < b.masters || slices.Contains(list, b.master) {
			return false
		}
		for _, m := range list {
			text, err := ask(ctx, m, "INFO", "replication")
			if err != nil || !strings.Contains(text, "role:master\r\n") {
				return false // named, and not there yet
			}
		}
		return true
	})
}

// master is the pick-th, modulo their number, of which it returns also how many
// they are.
func (s *store) master(ctx context.Context, pick int) (m *redisserver.Server, of int, err error) {
	var list []*redisserver.Server
	var last error
	ok := poll(ctx, 50*time.Millisecond, func() bool {
		list, last = s.masters(ctx)
		return last == nil && len(list) > 0
	})
	if !ok {
		return nil, 0, fmt.Errorf("looking for a master of Redis: %w", errors.Join(last, ctx.Err()))
	}
	return list[pick%len(list)], len(list), nil
}

// lag is for how long a replica hears nothing before its master dies.
const lag = time.Second

// kill ends a master.
func (s *store) kill(ctx context.Context, f Fault) (*broken, error) {
	m, of, err := s.master(ctx, f.Pick)
	if err != nil {
		return nil, err
	}
	if f.Behind {
		resume := s.leaveBehind(ctx, m)
		defer resume()
	}
	m.Kill()
	return &broken{s, m, of, func(ctx context.Context) error {
		if err := m.Restart(ctx); err != nil {
			return err
		}
		return s.Await(ctx)
	}}, nil
}

// leaveBehind stops a master's replicas, cuts their connections, so that not
// even the kernel has something for them, and lets the master go on without
// them for a moment.
func (s *store) leaveBehind(ctx context.Context, m *redisserver.Server) (resume func()) {
	_, port, _ := strings.Cut(m.Addr(), ":")
	var behind []*redisserver.Server
	for _, n := range s.nodes() {
		if n == m || n.Pid() == 0 {
			continue
		}
		text, err := ask(ctx, n, "INFO", "replication")
		if err == nil && strings.Contains(text, "master_port:"+port+"\r\n") && n.Pause() == nil {
			behind = append(behind, n)
		}
	}
	if len(behind) > 0 {
		_, _ = ask(ctx, m, "CLIENT", "KILL", "TYPE", "replica") // of a dead master there is nothing to cut
		wait(ctx, lag)
	}
	return func() {
		for _, n := range behind {
			_ = n.Resume()
		}
	}
}

func ask(ctx context.Context, n *redisserver.Server, command ...any) (string, error) {
	c := redis.NewClient(&redis.Options{Addr: n.Addr(), DisableIdentity: true, MaxRetries: -1, ContextTimeoutEnabled: true})
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	got, err := c.Do(ctx, command...).Result()
	return fmt.Sprint(got), err
}

// pause stops a master in its tracks.
func (s *store) pause(ctx context.Context, f Fault) (*broken, error) {
	m, of, err := s.master(ctx, f.Pick)
	if err != nil {
		return nil, err
	}
	if err := m.Pause(); err != nil {
		return nil, err
	}
	return &broken{s, m, of, func(ctx context.Context) error {
		if err := m.Resume(); err != nil {
			return err
		}
		return s.Await(ctx)
	}}, nil
}
