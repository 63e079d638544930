package redisserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	masterName = "mymaster"
	// failoverTimeout is also how long an election may take. A failover that
	// came to nothing is tried again after twice as long.
	failoverTimeout  = 4 * time.Second
	sentinelDownFor  = 1500 * time.Millisecond
	clusterDownFor   = 2 * time.Second
	defaultSentinels = 3
	defaultMasters   = 3
	linkTimeout      = 30 * time.Second // for all to find each other
)

// Sentinel is one master with replicas, and the sentinels that watch them.
type Sentinel struct {
	group
	nodes, sentinels []*Server
}

// StartSentinel runs a master with o.Replicas replicas and o.Sentinels
// sentinels. It returns when the replicas are in step and the sentinels know
// all of them and each other, some three seconds later; ctx bounds that only.
func StartSentinel(ctx context.Context, o Options) (*Sentinel, error) {
	g, err := newGroup(o)
	if err != nil {
		return nil, err
	}
	t := &Sentinel{group: g}
	if err := t.start(ctx, o); err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Sentinel) start(ctx context.Context, o Options) error {
	args := arguments([]string{
		"--replica-announce-ip", host,
		"--repl-diskless-sync-delay", "0", // a replica waits for nobody else to come
		"--repl-ping-replica-period", "1",
	}, o.Args)
	var master *Server
	for i := range 1 + o.Replicas {
		conf := "# written by Redis when its role changes"
		if i > 0 {
			conf = fmt.Sprintf("replicaof %s %d", host, master.port)
		}
		s, err := t.add(fmt.Sprint("redis-", i+1), args, conf)
		if err != nil {
			return err
		}
		t.nodes = append(t.nodes, s)
		if i > 0 {
			continue
		}
		if err := s.launch(ctx); err != nil {
			return err
		}
		master = s
	}
	if err := launchAll(ctx, t.nodes[1:]); err != nil {
		return err
	}
	// The first look of a sentinel at the master shows it the replicas, the next
	// would be ten seconds later.
	if err := t.await(ctx, t.linked); err != nil {
		return err
	}
	sentinels := cmp.Or(o.Sentinels, defaultSentinels)
	for i := range sentinels {
		s, err := t.add(fmt.Sprint("sentinel-", i+1), []string{"--sentinel"},
			fmt.Sprintf("sentinel monitor %s %s %d %d", masterName, host, master.port, sentinels/2+1),
			fmt.Sprintf("sentinel down-after-milliseconds %s %d", masterName, cmp.Or(o.DownAfter, sentinelDownFor).Milliseconds()),
			fmt.Sprintf("sentinel failover-timeout %s %d", masterName, failoverTimeout.Milliseconds()),
			fmt.Sprintf("sentinel parallel-syncs %s %d", masterName, max(1, o.Replicas)),
			"sentinel announce-ip "+host)
		if err != nil {
			return err
		}
		t.sentinels = append(t.sentinels, s)
	}
	if err := launchAll(ctx, t.sentinels); err != nil {
		return err
	}
	return t.Await(ctx)
}

// URL is the address as the programs take it:
// redis-sentinel://host1,host2,host3/mymaster.
func (t *Sentinel) URL() string { return "redis-sentinel://" + addrs(t.sentinels) + "/" + masterName }

// Nodes are the master and the replicas, in the order they were started in: the
// first was the first master.
func (t *Sentinel) Nodes() []*Server { return append([]*Server(nil), t.nodes...) }

// Sentinels are the sentinels.
func (t *Sentinel) Sentinels() []*Server { return append([]*Server(nil), t.sentinels...) }

// Close kills all servers and deletes what they kept, but for a directory that
// was given.
func (t *Sentinel) Close() error { return t.close() }

// Master asks the sentinels for the master, which may be dead: a failover has
// then not come to an end. Of those that answer the latest to know counts.
func (t *Sentinel) Master(ctx context.Context) (*Server, error) {
	var addr string
	latest := int64(-1)
	for _, s := range t.sentinels {
		var m map[string]string
		err := s.ask(ctx, func(*redis.Client) (err error) {
			m, err = sentinelMaster(ctx, s)
			return err
		})
		if err != nil {
			continue
		}
		if epoch, err := strconv.ParseInt(m["config-epoch"], 10, 64); err == nil && epoch > latest {
			latest, addr = epoch, net.JoinHostPort(m["ip"], m["port"])
		}
	}
	if latest < 0 {
		return nil, errors.New("no sentinel answers")
	}
	if s := at(t.nodes, addr); s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("the sentinels name %s as master, which is none of ours", addr)
}

// sentinelMaster is what a sentinel knows of the master.
func sentinelMaster(ctx context.Context, s *Server) (map[string]string, error) {
	c := redis.NewSentinelClient(&redis.Options{
		Addr: s.Addr(), MaxRetries: -1, DialerRetries: 1, DisableIdentity: true,
		DialTimeout: askTimeout, ReadTimeout: askTimeout, ContextTimeoutEnabled: true,
	})
	defer func() { _ = c.Close() }()
	return c.Master(ctx, masterName).Result()
}

// Await returns when every server that is not killed plays its part: there is
// one master, the others are in step with it, and the sentinels agree.
func (t *Sentinel) Await(ctx context.Context) error {
	return t.await(ctx, func(ctx context.Context) error {
		if err := t.linked(ctx); err != nil {
			return err
		}
		return t.agreed(ctx)
	})
}

func (t *Sentinel) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, linkTimeout)
	defer cancel()
	if err := poll(ctx, func() error { return ready(ctx) }); err != nil {
		return fmt.Errorf("waiting for master and replicas: %w", err)
	}
	return nil
}

// linked says what is missing for one master with all others in step.
func (t *Sentinel) linked(ctx context.Context) error {
	masters, replicas := 0, 0
	for _, s := range running(t.nodes) {
		r, err := s.replication(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", s.name, err)
		case r.master:
			masters++
			replicas += r.online
		case !r.linked:
			return fmt.Errorf("%s is not in step with its master", s.name)
		}
	}
	if want := len(running(t.nodes)) - 1; masters != 1 || replicas != want {
		return fmt.Errorf("%d masters with %d replicas, want 1 with %d", masters, replicas, want)
	}
	return nil
}

// agreed says what is missing for sentinels that know all and agree.
func (t *Sentinel) agreed(ctx context.Context) error {
	master, err := t.Master(ctx)
	if err != nil {
		return err
	}
	for _, s := range running(t.sentinels) {
		m, err := sentinelMaster(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		others, replicas := len(t.sentinels)-1, len(t.nodes)-1
		switch {
		case net.JoinHostPort(m["ip"], m["port"]) != master.Addr() || m["flags"] != "master":
			return fmt.Errorf("%s sees %s:%s as %s", s.name, m["ip"], m["port"], m["flags"])
		case m["num-other-sentinels"] != strconv.Itoa(others) || m["num-slaves"] != strconv.Itoa(replicas):
			return fmt.Errorf("%s knows %s other sentinels and %s replicas, want %d and %d",
				s.name, m["num-other-sentinels"], m["num-slaves"], others, replicas)
		}
	}
	return nil
}

// running are those that are not killed.
func running(servers []*Server) []*Server {
	var out []*Server
	for _, s := range servers {
		if s.Pid() != 0 {
			out = append(out, s)
		}
	}
	return out
}

// replication is what a server says of its part.
type replication struct {
	master bool
	online int  // replicas of a master that are in step
	linked bool // a replica that is in step
}

func (s *Server) replication(ctx context.Context) (replication, error) {
	var r replication
	err := s.ask(ctx, func(c *redis.Client) error {
		info, err := c.Info(ctx, "replication").Result()
		r.master = strings.Contains(info, "role:master\r\n")
		r.online = strings.Count(info, "state=online")
		r.linked = strings.Contains(info, "master_link_status:up\r\n")
		return err
	})
	return r, err
}
