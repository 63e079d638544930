package redisserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

const slots = 16384

// Cluster is a Redis Cluster.
type Cluster struct {
	group
	nodes []*Server
}

// StartCluster runs a Cluster of o.Masters masters, each with o.Replicas
// replicas. It returns when all slots are served and the replicas are in step,
// some seconds later; ctx bounds that only. With fewer than three masters nobody
// can be voted into a dead one's place.
func StartCluster(ctx context.Context, o Options) (*Cluster, error) {
	g, err := newGroup(o)
	if err != nil {
		return nil, err
	}
	t := &Cluster{group: g}
	if err := t.start(ctx, o); err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Cluster) start(ctx context.Context, o Options) error {
	masters := cmp.Or(o.Masters, defaultMasters)
	args := arguments([]string{
		"--cluster-enabled", "yes", "--cluster-announce-ip", host,
		"--cluster-node-timeout", strconv.FormatInt(cmp.Or(o.DownAfter, clusterDownFor).Milliseconds(), 10),
		"--repl-diskless-sync-delay", "0",
		"--repl-ping-replica-period", "1",
	}, o.Args)
	for i := range masters * (1 + o.Replicas) {
		s, err := t.add(fmt.Sprint("redis-", i+1), args)
		if err != nil {
			return err
		}
		t.nodes = append(t.nodes, s)
	}
	if err := launchAll(ctx, t.nodes); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, linkTimeout)
	defer cancel()
	ids := make([]string, len(t.nodes))
	for i, s := range t.nodes {
		err := s.ask(ctx, func(c *redis.Client) (err error) {
			if ids[i], err = c.ClusterMyID(ctx).Result(); err != nil {
				return err
			}
			// Different epochs from the start, so that nobody has to give way.
			if err := c.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
				return err
			}
			if i < masters {
				err = c.ClusterAddSlotsRange(ctx, i*slots/masters, (i+1)*slots/masters-1).Err()
			}
			if err == nil && i > 0 {
				err = c.ClusterMeet(ctx, host, strconv.Itoa(t.nodes[0].port)).Err()
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("setting up %s: %w", s.name, err)
		}
	}
	for i, s := range t.nodes[masters:] {
		// Refused until the node has heard of its master.
		err := poll(ctx, func() error {
			return s.ask(ctx, func(c *redis.Client) error { return c.ClusterReplicate(ctx, ids[i%masters]).Err() })
		})
		if err != nil {
			return fmt.Errorf("making %s a replica: %w", s.name, err)
		}
	}
	return t.Await(ctx)
}

// URL is the address as the programs take it: redis-cluster://host1,host2,…,
// with all nodes.
func (t *Cluster) URL() string { return "redis-cluster://" + addrs(t.nodes) }

// Nodes are all nodes in the order they were started in: those that were
// masters at first, then their replicas.
func (t *Cluster) Nodes() []*Server { return append([]*Server(nil), t.nodes...) }

// Close kills all nodes and deletes what they kept, but for a directory that
// was given.
func (t *Cluster) Close() error { return t.close() }

// Masters asks all nodes and returns those that serve slots.
func (t *Cluster) Masters(ctx context.Context) ([]*Server, error) {
	owners := t.owners(ctx)
	serving := map[*Server]bool{}
	for _, s := range owners {
		serving[s] = true
	}
	var out []*Server
	for _, s := range t.nodes {
		if serving[s] {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no node answers that it serves slots")
	}
	return out, nil
}

// Serving asks all nodes for the one that serves the slot (0 to 16383). It is an
// error if none does, as after a master's death until a replica was voted in.
func (t *Cluster) Serving(ctx context.Context, slot int) (*Server, error) {
	if s := t.owners(ctx)[slot]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("no node serves slot %d", slot)
}

// Slot is the slot of a key, as a node computes it.
func (t *Cluster) Slot(ctx context.Context, key string) (int, error) {
	err := errors.New("no node runs")
	for _, s := range running(t.nodes) {
		var slot int64
		err = s.ask(ctx, func(c *redis.Client) (err error) {
			slot, err = c.ClusterKeySlot(ctx, key).Result()
			return err
		})
		if err == nil {
			return int(slot), nil
		}
	}
	return 0, fmt.Errorf("asking for a slot: %w", err)
}

// owners is who serves each slot, by what every node says of itself: of two
// that claim a slot the one with the later epoch has it.
func (t *Cluster) owners(ctx context.Context) map[int]*Server {
	claims := make([]claim, len(t.nodes))
	_ = each(t.nodes, func(s *Server) error {
		var nodes string
		err := s.ask(ctx, func(c *redis.Client) (err error) {
			nodes, err = c.ClusterNodes(ctx).Result()
			return err
		})
		for i := range t.nodes {
			if t.nodes[i] == s {
				claims[i] = parseClaim(nodes)
			}
		}
		return err // of a dead node: it claims nothing
	})
	owners, epochs := map[int]*Server{}, map[int]int64{}
	for i, c := range claims {
		for _, r := range c.ranges {
			for slot := r[0]; slot <= r[1]; slot++ {
				if owners[slot] == nil || c.epoch > epochs[slot] {
					owners[slot], epochs[slot] = t.nodes[i], c.epoch
				}
			}
		}
	}
	return owners
}

// claim is what a master says that it serves.
type claim struct {
	epoch  int64
	ranges [][2]int // first and last slot
}

// parseClaim reads a node's line about itself in CLUSTER NODES:
// id addr flags master ping pong epoch link slots…
func parseClaim(nodes string) claim {
	for line := range strings.Lines(nodes) {
		f := strings.Fields(line)
		if len(f) < 8 || !strings.Contains(f[2], "myself") || !strings.Contains(f[2], "master") {
			continue
		}
		epoch, err := strconv.ParseInt(f[6], 10, 64)
		if err != nil {
			return claim{}
		}
		c := claim{epoch: epoch}
		for _, r := range f[8:] {
			first, last, ok := strings.Cut(r, "-")
			if !ok {
				last = first
			}
			from, err1 := strconv.Atoi(first)
			to, err2 := strconv.Atoi(last)
			if err1 == nil && err2 == nil { // else a slot that moves: [1->-id]
				c.ranges = append(c.ranges, [2]int{from, to})
			}
		}
		return c
	}
	return claim{}
}

// Await returns when the Cluster is whole for every node that is not killed:
// all slots are served, all replicas are in step, and all see it that way.
func (t *Cluster) Await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, linkTimeout)
	defer cancel()
	if err := poll(ctx, func() error { return t.whole(ctx) }); err != nil {
		return fmt.Errorf("waiting for the cluster: %w", err)
	}
	return nil
}

func (t *Cluster) whole(ctx context.Context) error {
	nodes := running(t.nodes)
	masters, online := 0, 0
	for _, s := range nodes {
		var info, seen string
		err := s.ask(ctx, func(c *redis.Client) (err error) {
			if info, err = c.ClusterInfo(ctx).Result(); err == nil {
				seen, err = c.ClusterNodes(ctx).Result()
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprint("cluster_slots_ok:", slots)) {
			return fmt.Errorf("%s says that the cluster is not ok", s.name)
		}
		// Nodes that were killed are still listed, as failed.
		if n := strings.Count(seen, " connected") - strings.Count(seen, "handshake"); n < len(nodes) {
			return fmt.Errorf("%s is connected to %d nodes, want %d", s.name, n, len(nodes))
		}
		r, err := s.replication(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", s.name, err)
		case r.master:
			masters++
			online += r.online
		case !r.linked:
			return fmt.Errorf("%s is not in step with its master", s.name)
		}
	}
	serving, err := t.Masters(ctx)
	if err != nil {
		return err
	}
	if masters != len(serving) || online != len(nodes)-masters {
		return fmt.Errorf("%d nodes are masters, %d serve slots, and %d of %d replicas are in step",
			masters, len(serving), online, len(nodes)-masters)
	}
	return nil
}
