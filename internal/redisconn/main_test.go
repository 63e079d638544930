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
func openWith(tb testing.TB, url string, opts ...Option) redis.UniversalClient {
	tb.Helper()
	rdb, err := Open(url, opts...)
	if err != nil {
		tb.Fatalf("Open(%s): %v", url, err)
	}
	tb.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// within bounds one call as a program would.
func within(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	tb.Cleanup(cancel)
	return ctx
}

// pair starts a master and a replica that is in step with it.
func pair(tb testing.TB) (master, replica *redistest.Server) {
	tb.Helper()
	master = redistest.Start(tb, "--repl-diskless-sync-delay", "0")
	host, port := "127.0.0.1", master.Addr()[len("127.0.0.1:"):]
	replica = redistest.Start(tb, "--replicaof", host+" "+port)
	eventually(tb, "the replica is in step", func() bool {
		n, err := master.Client().Do(tb.Context(), "WAIT", 1, 100).Int()
		info := master.Client().Info(tb.Context(), "replication").Val()
		return err == nil && n == 1 && replicas(info) == 1
	})
	return master, replica
}

func eventually(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			tb.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
