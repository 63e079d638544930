package redisconn

import (
	"context"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/redistest"

	"github.com/redis/go-redis/v9"
)

// answersIn is how long a real topology may take to answer on a busy machine.
const answersIn = 20 * time.Second

// TestOpenReachesTopologies does through each URL what the relay does: writes,
// scripts, pipelines, and messages from one client to another.
func TestOpenReachesTopologies(t *testing.T) {
	for name, start := range map[string]func(*testing.T) string{
		"sentinel": func(t *testing.T) string { t.Helper(); return redistest.StartSentinel(t).URL() },
		"cluster":  func(t *testing.T) string { t.Helper(); return redistest.StartClusterOf(t, 3, 1).URL() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := start(t)
			rdb, other := open(t, url), open(t, url)
			ctx, cancel := context.WithTimeout(t.Context(), answersIn)
			defer cancel()
			if err := Check(ctx, rdb); err != nil {
				t.Fatal(err)
			}
			script := redis.NewScript("return redis.call('INCR', KEYS[1])")
			for _, key := range []string{"a", "b", "c", "d"} { // of several slots
				for want := range int64(2) {
					if got, err := script.Run(ctx, rdb, []string{key}).Int64(); err != nil || got != want+1 {
						t.Errorf("the script on %s = %d, %v", key, got, err)
					}
				}
			}
			cmds, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
				p.Get(ctx, "a")
				p.Get(ctx, "b")
				return nil
			})
			if err != nil || cmds[0].(*redis.StringCmd).Val() != "2" || cmds[1].(*redis.StringCmd).Val() != "2" {
				t.Errorf("the pipeline = %v, %v", cmds, err)
			}

			sub := rdb.Subscribe(ctx, "news")
			defer func() { _ = sub.Close() }()
			if _, err := sub.Receive(ctx); err != nil { // the subscription's confirmation
				t.Fatal(err)
			}
			if err := other.Publish(ctx, "news", "hello").Err(); err != nil {
				t.Fatal(err)
			}
			if m, err := sub.ReceiveMessage(ctx); err != nil || m.Payload != "hello" {
				t.Errorf("received %v, %v", m, err)
			}
		})
	}
}

// TestClusterOfDeadMaster: once a replica serves a dead master's slots, so does
// an open client, although no node that it asks can tell it that they moved.
func TestClusterOfDeadMaster(t *testing.T) {
	t.Parallel()
	c := redistest.StartClusterOf(t, 3, 1)
	rdb := open(t, c.URL())
	if err := rdb.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	master := c.Serving("k")
	master.Kill()
	c.Await()
	ctx, cancel := context.WithTimeout(t.Context(), answersIn)
	defer cancel()
	for {
		err := rdb.Set(ctx, "k", "w", 0).Err()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("a replica serves the slot, and the client does not know: %v", err)
		}
	}
}

// Errors of Sentinels that cannot help say which part of the URL to look at.
func TestSentinelErrors(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinel(t)
	hosts, _, _ := strings.Cut(strings.TrimPrefix(s.URL(), "redis-sentinel://"), "/")
	check := func(name, url string, want ...string) {
		t.Helper()
		rdb := open(t, url)
		ctx, cancel := context.WithTimeout(t.Context(), answersIn)
		defer cancel()
		err := Check(ctx, rdb)
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", name, err, w)
			}
		}
		if strings.ContainsAny(err.Error(), "\r\n") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %q", name, err)
		}
	}
	check("no such master", "redis-sentinel://:s3cret@"+hosts+"/mymastre",
		"the sentinels of the Redis URL know no master by the name after the slash (mymastre)")
	sentinels := s.Sentinels()
	for _, n := range sentinels {
		if err := n.Client().Do(t.Context(), "ACL", "SETUSER", "default", ">right").Err(); err != nil {
			t.Fatal(err)
		}
	}
	check("no password", "redis-sentinel://:s3cret@"+hosts+"/mymaster", "refuse its sentinel_username or sentinel_password [NOAUTH]")
	check("a wrong password", "redis-sentinel://"+hosts+"/mymaster?sentinel_password=s3cret", "[WRONGPASS]")
	for _, n := range sentinels {
		n.Kill()
	}
	check("no sentinel", "redis-sentinel://:s3cret@"+hosts+"/mymaster",
		"no sentinel of the Redis URL answers ("+hosts+")")
}
