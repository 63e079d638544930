package chaos

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// store is the Redis under test. Its kill and pause break it and return how to
// mend it; mending returns once Redis serves again, or ctx ends.
type store interface {
	// url is what the programs are given; straight, past any proxy.
	url() string
	// addr is where a proxy leads to; "": this store cannot be cut off.
	addr() string
	client() redis.UniversalClient
	// kill ends the pick-th master, modulo their number.
	kill(pick int) (mend func(context.Context) error)
	pause(pick int) (mend func(context.Context) error)
	close()
}

// single is one redis-server that writes and syncs before it answers, so that
// its death takes nothing that was confirmed.
type single struct {
	*process
	at string
	c  *redis.Client
}

func startSingle(ctx context.Context, dir string, strange func(string)) (*single, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &single{at: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	s.c = redis.NewClient(&redis.Options{
		Addr: s.at, DisableIdentity: true, ContextTimeoutEnabled: true, MaxRetries: -1,
		DialTimeout: time.Second, DialerRetries: 1,
	})
	s.process, err = newProcess(dir, redisTarget, "redis-server", []string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction", "--daemonize", "no",
	}, s.answers, strange)
	if err == nil {
		err = s.start()
	}
	if err == nil {
		err = s.awaitReady(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("starting Redis: %w", err)
	}
	return s, nil
}

// answers is a look without go-redis, which would log every refused connection.
func (s *single) answers(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", s.at)
	if err != nil {
		return err
	}
	_ = conn.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return s.c.Ping(ctx).Err()
}

func (s *single) url() string                   { return "redis://" + s.at + "/0" }
func (s *single) addr() string                  { return s.at }
func (s *single) client() redis.UniversalClient { return s.c }

func (s *single) kill(int) func(context.Context) error {
	s.process.kill()
	return func(ctx context.Context) error {
		if err := s.start(); err != nil {
			return err
		}
		return s.awaitReady(ctx)
	}
}

func (s *single) pause(int) func(context.Context) error {
	s.signal(syscall.SIGSTOP)
	return func(ctx context.Context) error {
		s.signal(syscall.SIGCONT)
		return s.awaitReady(ctx)
	}
}

func (s *single) close() {
	_ = s.c.Close()
	if s.process != nil {
		s.process.close()
	}
}

// Where asynq keeps a queue's tasks: in a list or sorted set by their state.
var taskStates = []string{"pending", "active", "scheduled", "retry", "archived", "lease"}

// waiting counts what each queue holds, by key, as redis-cli would.
func waiting(ctx context.Context, c redis.UniversalClient) (map[string]int64, error) {
	out := map[string]int64{}
	queues, err := c.SMembers(ctx, "asynq:queues").Result()
	if err != nil {
		return nil, fmt.Errorf("listing the queues: %w", err)
	}
	for _, q := range queues {
		for i, state := range taskStates {
			key := "asynq:{" + q + "}:" + state
			count := c.ZCard
			if i < 2 {
				count = c.LLen
			}
			n, err := count(ctx, key).Result()
			if err != nil {
				return nil, fmt.Errorf("counting %s: %w", key, err)
			}
			if n > 0 {
				out[key] = n
			}
		}
	}
	return out, nil
}

// keys lists the keys of all masters that match a pattern.
func keys(ctx context.Context, c redis.UniversalClient, pattern string) ([]string, error) {
	var out []string
	scan := func(ctx context.Context, node redis.Cmdable) error {
		it := node.Scan(ctx, 0, pattern, 1000).Iterator()
		for it.Next(ctx) {
			out = append(out, it.Val())
		}
		return it.Err()
	}
	var err error
	if cluster, ok := c.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return scan(ctx, node) })
	} else {
		err = scan(ctx, c)
	}
	if err != nil {
		return nil, fmt.Errorf("listing the keys %s: %w", pattern, err)
	}
	return out, nil
}

// recordedEvents lists the ids of all events that Redis has a record of.
func recordedEvents(ctx context.Context, c redis.UniversalClient) ([]string, error) {
	records, err := keys(ctx, c, "ar:{evt_*}")
	for i, k := range records {
		records[i] = strings.TrimSuffix(strings.TrimPrefix(k, "ar:{"), "}")
	}
	return records, err
}
