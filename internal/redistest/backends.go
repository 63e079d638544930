package redistest

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// Backends starts every Redis that the relay is run on and returns a client of
// each by name: a real server, a real Cluster (of one node: it refuses what
// crosses slots), and the in-memory one of the embedded mode. They are one each;
// tests on them keep apart by their own ids.
func Backends(t *testing.T) map[string]redis.UniversalClient {
	t.Helper()
	mini := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr(), DisableIdentity: true})
	t.Cleanup(func() { _ = mini.Close() })
	return map[string]redis.UniversalClient{
		"redis":     Start(t).Client(),
		"cluster":   StartCluster(t).ClusterClient(),
		"miniredis": mini,
	}
}
