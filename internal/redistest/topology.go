package redistest

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/redisserver"
)

// Sentinel is a master with replicas, and three sentinels that put one in its
// place when it has been silent for a second and a half. Its methods fail the
// test that started it.
type Sentinel struct {
	tb       testing.TB
	topology *redisserver.Sentinel
	nodes    []*Server
}

// StartSentinel runs a master, two replicas and three sentinels. args are as
// those of [Start].
func StartSentinel(tb testing.TB, args ...string) *Sentinel {
	tb.Helper()
	ctx, cancel := starting()
	defer cancel()
	s, err := redisserver.StartSentinel(ctx, redisserver.Options{Dir: tb.TempDir(), Args: args, Replicas: 2})
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	tb.Cleanup(func() { closed(tb, s.Close()) })
	return &Sentinel{tb, s, wrapAll(tb, s.Nodes())}
}

// URL is the address as the programs take it: redis-sentinel://….
func (s *Sentinel) URL() string { return s.topology.URL() }

// Nodes are the first master and its replicas.
func (s *Sentinel) Nodes() []*Server { return s.nodes }

// Sentinels are the sentinels. They know no command of data.
func (s *Sentinel) Sentinels() []*Server { return wrapAll(s.tb, s.topology.Sentinels()) }

// Master is the one that the sentinels name now.
func (s *Sentinel) Master() *Server {
	s.tb.Helper()
	ctx, cancel := starting()
	defer cancel()
	m, err := s.topology.Master(ctx)
	return find(s.tb, s.nodes, m, err)
}

// Await returns when every server that is not killed plays its part again.
func (s *Sentinel) Await() { s.tb.Helper(); await(s.tb, s.topology) }

// Cluster is a Redis Cluster that takes a node for dead after two seconds of
// silence. Its methods fail the test that started it.
type Cluster struct {
	tb       testing.TB
	topology *redisserver.Cluster
	nodes    []*Server
}

// StartClusterOf runs a Cluster of so many masters, each with so many replicas.
// args are as those of [Start].
func StartClusterOf(tb testing.TB, masters, replicas int, args ...string) *Cluster {
	tb.Helper()
	ctx, cancel := starting()
	defer cancel()
	c, err := redisserver.StartCluster(ctx, redisserver.Options{Dir: tb.TempDir(), Args: args, Masters: masters, Replicas: replicas})
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	tb.Cleanup(func() { closed(tb, c.Close()) })
	return &Cluster{tb, c, wrapAll(tb, c.Nodes())}
}

// URL is the address as the programs take it: redis-cluster://….
func (c *Cluster) URL() string { return c.topology.URL() }

// Nodes are those that were masters at first, then their replicas.
func (c *Cluster) Nodes() []*Server { return c.nodes }

// Masters are the nodes that serve slots now.
func (c *Cluster) Masters() []*Server {
	c.tb.Helper()
	ctx, cancel := starting()
	defer cancel()
	masters, err := c.topology.Masters(ctx)
	if err != nil {
		c.tb.Fatalf("redistest: %v", err)
	}
	var out []*Server
	for _, m := range masters {
		out = append(out, find(c.tb, c.nodes, m, nil))
	}
	return out
}

// Serving is the node that serves the key's slot now.
func (c *Cluster) Serving(key string) *Server {
	c.tb.Helper()
	ctx, cancel := starting()
	defer cancel()
	slot, err := c.topology.Slot(ctx, key)
	if err != nil {
		c.tb.Fatalf("redistest: %v", err)
	}
	s, err := c.topology.Serving(ctx, slot)
	return find(c.tb, c.nodes, s, err)
}

// Await returns when the Cluster is whole for every node that is not killed.
func (c *Cluster) Await() { c.tb.Helper(); await(c.tb, c.topology) }

// Client makes a client of the whole Cluster. It is closed at the end of the test.
func (c *Cluster) Client() *redis.ClusterClient { return c.nodes[0].ClusterClient() }

func wrapAll(tb testing.TB, servers []*redisserver.Server) []*Server {
	tb.Helper()
	var out []*Server
	for _, s := range servers {
		out = append(out, wrap(tb, s))
	}
	return out
}

func find(tb testing.TB, nodes []*Server, s *redisserver.Server, err error) *Server {
	tb.Helper()
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	for _, n := range nodes {
		if n.server == s {
			return n
		}
	}
	tb.Fatalf("redistest: %s is none of the nodes", s.Addr())
	return nil
}

func await(tb testing.TB, topology interface{ Await(context.Context) error }) {
	tb.Helper()
	ctx, cancel := starting()
	defer cancel()
	if err := topology.Await(ctx); err != nil {
		tb.Fatalf("redistest: %v", err)
	}
}
