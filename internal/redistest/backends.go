package redistest

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// Backends runs test against every Redis that the relay is run on: a real
// server, a real Cluster (of one node: it refuses what crosses slots), and the
// in-memory one of the embedded mode. The server is one per call; tests within
// keep apart by their own ids.
func Backends(t *testing.T, test func(t *testing.T, rdb redis.UniversalClient)) {
	t.Helper()
	t.Run("redis", func(t *testing.T) { test(t, Start(t).Client()) })
	t.Run("cluster", func(t *testing.T) { test(t, StartCluster(t).ClusterClient()) })
	t.Run("miniredis", func(t *testing.T) {
		rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr(), DisableIdentity: true})
		t.Cleanup(func() { _ = rdb.Close() })
		test(t, rdb)
	})
}
