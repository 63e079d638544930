package redisserver

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// failoverWithin is generous: the silence, an election, and a busy machine.
const failoverWithin = 30 * time.Second

// done fails the test for an error that a Close gave.
func done(t *testing.T, c interface{ Close() error }) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func client(t *testing.T, s *Server) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), DisableIdentity: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func config(t *testing.T, s *Server, name string) string {
	t.Helper()
	got, err := client(t, s).ConfigGet(t.Context(), name).Result()
	if err != nil {
		t.Fatal(err)
	}
	return got[name]
}

func TestStart(t *testing.T) {
	s, err := Start(t.Context(), Options{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
	if err != nil {
		t.Fatal(err)
	}
	done(t, s)
	if got := config(t, s, "maxmemory-policy") + config(t, s, "bind") + config(t, s, "appendonly"); got != "noeviction127.0.0.1yes" {
		t.Errorf("configured %s", got)
	}
	pid := s.Pid()
	if err := client(t, s).Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if s.Pid() != 0 || s.Pause() == nil || s.Resume() == nil {
		t.Error("a killed server can be signalled")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.Pid(); got == 0 || got == pid {
		t.Errorf("pid %d after %d", got, pid)
	}
	if v, err := client(t, s).Get(t.Context(), "k").Result(); err != nil || v != "v" {
		t.Errorf("after a restart k = %q, %v", v, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory is still there: %v", err)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	_, err := Start(t.Context(), Options{Dir: t.TempDir(), Args: []string{"--no-such-option", "1"}})
	if err == nil || !strings.Contains(err.Error(), "no-such-option") {
		t.Errorf("got %v, want what the server says", err)
	}
}

// eventually waits for what a failover brings.
func eventually(t *testing.T, what string, ok func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), failoverWithin)
	defer cancel()
	if poll(ctx, func() error {
		if ok(ctx) {
			return nil
		}
		return errors.New("not yet")
	}) != nil {
		t.Fatalf("waited in vain until %s", what)
	}
}

func TestSentinelFailsOver(t *testing.T) {
	t.Parallel()
	s, err := StartSentinel(t.Context(), Options{Replicas: 2})
	if err != nil {
		t.Fatal(err)
	}
	done(t, s)
	first, err := s.Master(t.Context())
	if err != nil || first != s.Nodes()[0] {
		t.Fatalf("the master is %v, %v", first, err)
	}
	for _, n := range s.Nodes() {
		if got := config(t, n, "maxmemory-policy"); got != "noeviction" {
			t.Errorf("%s has the policy %s", n.name, got)
		}
	}
	rdb := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: masterName, SentinelAddrs: strings.Split(addrs(s.Sentinels()), ","), DisableIdentity: true,
	})
	t.Cleanup(func() { _ = rdb.Close() })
	if err := rdb.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if n, err := client(t, first).Wait(t.Context(), 2, time.Second).Result(); err != nil || n != 2 {
		t.Errorf("WAIT = %d, %v", n, err)
	}

	first.Kill()
	killed := time.Now()
	eventually(t, "another is master", func(ctx context.Context) bool {
		m, err := s.Master(ctx)
		return err == nil && m != first
	})
	eventually(t, "the rest plays its part", func(ctx context.Context) bool { return s.linked(ctx) == nil })
	t.Logf("another master after %v", time.Since(killed))
	if v, err := rdb.Get(t.Context(), "k").Result(); err != nil || v != "v" {
		t.Errorf("after the failover k = %q, %v", v, err)
	}
	// The old master comes back without knowing what happened.
	if err := first.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Master(t.Context()); err != nil || m == first {
		t.Errorf("the old master is master again (%v)", err)
	}
}

func TestClusterFailsOver(t *testing.T) {
	t.Parallel()
	c, err := StartCluster(t.Context(), Options{Replicas: 1})
	if err != nil {
		t.Fatal(err)
	}
	done(t, c)
	masters, err := c.Masters(t.Context())
	if err != nil || !slices.Equal(masters, c.Nodes()[:3]) || len(c.Nodes()) != 6 {
		t.Fatalf("masters %v of %d nodes, %v", masters, len(c.Nodes()), err)
	}
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{c.Nodes()[5].Addr()}, DisableIdentity: true})
	t.Cleanup(func() { _ = rdb.Close() })
	for _, key := range []string{"a", "b", "c"} {
		if err := rdb.Set(t.Context(), key, "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	slot, err := c.Slot(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.Serving(t.Context(), slot)
	if err != nil || !slices.Contains(masters, first) {
		t.Fatalf("slot %d is served by %v, %v", slot, first, err)
	}
	first.Kill()
	killed := time.Now()
	eventually(t, "another serves the slot", func(ctx context.Context) bool {
		s, err := c.Serving(ctx, slot)
		return err == nil && s != first
	})
	if err := c.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("whole again after %v", time.Since(killed))
	if err := first.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again, err := c.Serving(t.Context(), slot); err != nil || again == first {
		t.Errorf("the old master serves the slot again (%v)", err)
	}
}
