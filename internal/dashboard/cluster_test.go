package dashboard

import (
	"net/http"
	"strings"
	"testing"

	"accessrelay/internal/redistest"
)

// TestClusterIsShown: on a Cluster the queues stand in different slots, and on
// different masters.
func TestClusterIsShown(t *testing.T) {
	rdb := redistest.StartClusterOf(t, 3, 0).Client()
	queues := []string{"events", "events-9", "deliveries-41"}
	for _, q := range queues {
		if err := rdb.SAdd(t.Context(), "asynq:queues", q).Err(); err != nil {
			t.Fatal(err)
		}
		if err := rdb.LPush(t.Context(), "asynq:{"+q+"}:pending", "id").Err(); err != nil {
			t.Fatal(err)
		}
		if err := rdb.HSet(t.Context(), "asynq:{"+q+"}:t:id", "state", "pending", "pending_since", "1").Err(); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, Config{Redis: connOpt{rdb}})
	for _, path := range []string{"/api/queues", "/api/redis_info", "/api/servers"} {
		r := s.do(http.MethodGet, path, "")
		if r.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
		for _, q := range queues {
			if path == "/api/queues" && !strings.Contains(r.body, `"queue":"`+q+`"`) {
				t.Errorf("%s is not shown: %s", q, r.body)
			}
		}
	}
}
