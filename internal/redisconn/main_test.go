package redisconn

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"accessrelay/internal/redistest"

	"github.com/redis/go-redis/v9"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// openWith is a client of the URL with options, closed with the test.
func openWith(t testing.TB, url string, opts ...Option) redis.UniversalClient {
	t.Helper()
	rdb, err := Open(url, opts...)
	if err != nil {
		t.Fatalf("Open(%s): %v", url, err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// within bounds one call as a program would.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// pair starts a master and a replica that is in step with it.
func pair(t testing.TB) (master, replica *redistest.Server) {
	t.Helper()
	master = redistest.Start(t, "--repl-diskless-sync-delay", "0")
	host, port := "127.0.0.1", master.Addr()[len("127.0.0.1:"):]
	replica = redistest.Start(t, "--replicaof", host+" "+port)
	eventually(t, "the replica is in step", func() bool {
		n, err := master.Client().Do(t.Context(), "WAIT", 1, 100).Int()
		info := master.Client().Info(t.Context(), "replication").Val()
		return err == nil && n == 1 && replicas(info) == 1
	})
	return master, replica
}

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
