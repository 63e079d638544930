package queue

import (
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestTidyForgetsKilledWorkers(t *testing.T) {
	_, rdb := newRedis(t)
	c := newClient(t, rdb)
	now := float64(time.Now().Unix())
	for _, list := range []string{"asynq:servers", "asynq:workers"} {
		rdb.ZAdd(t.Context(), list, redis.Z{Score: now - 60, Member: "killed"}, redis.Z{Score: now + 60, Member: "alive"})
	}
	if err := c.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{"asynq:servers", "asynq:workers"} {
		if got := rdb.ZRange(t.Context(), list, 0, -1).Val(); !slices.Equal(got, []string{"alive"}) {
			t.Errorf("%s has %v", list, got)
		}
	}
}
