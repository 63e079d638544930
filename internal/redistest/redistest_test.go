package redistest

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStartGivesEachItsOwn(t *testing.T) {
	ctx := t.Context()
	a, b := Start(t), Start(t)
	if a.Addr() == b.Addr() {
		t.Fatalf("both servers at %s", a.Addr())
	}
	if err := a.Client().Set(ctx, "k", "a", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Client().Get(ctx, "k").Result(); !errors.Is(err, redis.Nil) {
		t.Errorf("the other server has k = %q, %v", got, err)
	}
	opts, err := redis.ParseURL(a.URL())
	if err != nil || opts.Addr != a.Addr() {
		t.Errorf("URL %q does not lead to %s: %v", a.URL(), a.Addr(), err)
	}
	if got, err := a.Client().ConfigGet(ctx, "maxmemory-policy").Result(); err != nil || got["maxmemory-policy"] != "noeviction" {
		t.Errorf("policy %v, %v", got, err)
	}
}

func TestPauseAndResume(t *testing.T) {
	s := Start(t)
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), ContextTimeoutEnabled: true, MaxRetries: -1})
	defer func() { _ = c.Close() }()
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	s.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Ping(ctx).Err(); err == nil {
		t.Error("a paused server answered")
	}
	s.Resume()
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Errorf("after Resume: %v", err)
	}
}

func TestKillAndRestart(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		kept bool
	}{
		{"keeps nothing by default", nil, false},
		{"keeps what its arguments say", []string{"--appendonly", "yes", "--appendfsync", "always"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			s := Start(t, tt.args...)
			addr := s.Addr()
			if err := s.Client().Set(ctx, "k", "v", 0).Err(); err != nil {
				t.Fatal(err)
			}
			s.Kill()
			s.Kill() // again: nothing to do
			if conn, err := net.Dial("tcp", addr); err == nil {
				_ = conn.Close()
				t.Fatal("a killed server took a connection")
			}
			s.Restart()
			if s.Addr() != addr {
				t.Errorf("moved from %s to %s", addr, s.Addr())
			}
			n, err := s.Client().Exists(ctx, "k").Result()
			if err != nil || (n == 1) != tt.kept {
				t.Errorf("exists = %d, %v; want kept = %v", n, err, tt.kept)
			}
		})
	}
}

func TestPausedServerIsCleanedUp(t *testing.T) {
	var s *Server
	t.Run("inner", func(t *testing.T) { s = Start(t); s.Pause() })
	if s.server.Pid() != 0 {
		t.Error("the process is still there")
	}
}

func TestRequestsCountsTheWireOnly(t *testing.T) {
	s := Start(t)
	ctx := t.Context()
	counted := make(chan int)
	go func() { counted <- s.Requests(t, 500*time.Millisecond) }()
	// MONITOR is on as soon as the server lists such a client.
	for {
		list, err := s.Client().ClientList(ctx).Result()
		if err != nil {
			t.Fatal(err)
		}
		if monitors(list) {
			break
		}
	}
	if err := s.Client().Set(ctx, "a lua] b", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	script := `redis.call('SET', KEYS[1], 'x') redis.call('SET', KEYS[1], 'y') return 1`
	if err := s.Client().Eval(ctx, script, []string{"k"}).Err(); err != nil {
		t.Fatal(err)
	}
	// The listing that saw the monitor may have been counted too, no more than that.
	if n := <-counted; n < 2 || n > 3 {
		t.Errorf("counted %d requests, want 2 (or 3 with a CLIENT LIST)", n)
	}
}

func TestClusterRefusesTwoSlots(t *testing.T) {
	s := StartCluster(t)
	c := s.ClusterClient()
	ctx := t.Context()
	if err := c.MSet(ctx, "{a}1", "x", "{a}2", "y").Err(); err != nil {
		t.Errorf("one slot: %v", err)
	}
	if err := s.Client().MSet(ctx, "a", "x", "b", "y").Err(); err == nil {
		t.Error("two slots were accepted")
	}
}

// monitors reports whether a client of CLIENT LIST is in MONITOR (flag O).
func monitors(list string) bool {
	for line := range strings.Lines(list) {
		if _, flags, ok := strings.Cut(line, " flags="); ok {
			flags, _, _ = strings.Cut(flags, " ")
			if strings.Contains(flags, "O") {
				return true
			}
		}
	}
	return false
}

func TestTopologies(t *testing.T) {
	t.Run("sentinel", func(t *testing.T) {
		t.Parallel()
		s := StartSentinel(t)
		if m := s.Master(); m != s.Nodes()[0] || len(s.Nodes()) != 3 || len(s.Sentinels()) != 3 {
			t.Errorf("the master is %s of %d nodes", m.Addr(), len(s.Nodes()))
		}
		s.Await()
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		c := StartClusterOf(t, 3, 1)
		if err := c.Client().Set(t.Context(), "k", "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if n := c.Serving("k").Client().DBSize(t.Context()).Val(); n != 1 || len(c.Masters()) != 3 || len(c.Nodes()) != 6 {
			t.Errorf("%d keys on the key's node, %d masters of %d nodes", n, len(c.Masters()), len(c.Nodes()))
		}
		c.Await()
	})
}
