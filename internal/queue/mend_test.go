package queue

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/redistest"
)

// place is a queue in a test's hands.
type place struct {
	t     *testing.T
	rdb   redis.UniversalClient
	queue string
}

func (p place) key(kind string) string { return queueKey(p.queue, kind) }

// strip takes the id off every list, as nothing in order would, and says it is
// in that state.
func (p place) strip(id, state string) {
	p.t.Helper()
	ctx := context.Background()
	for _, list := range []string{"pending", "active"} {
		p.rdb.LRem(ctx, p.key(list), 0, id)
	}
	for _, set := range []string{"lease", "scheduled", "retry", "archived", "completed"} {
		p.rdb.ZRem(ctx, p.key(set), id)
	}
	if err := p.rdb.HSet(ctx, p.key("t:"+id), "state", state).Err(); err != nil {
		p.t.Fatal(err)
	}
}

// where returns the lists and sets that hold the id, one mention a time.
func (p place) where(id string) (in []string) {
	p.t.Helper()
	ctx := context.Background()
	for _, list := range []string{"pending", "active"} {
		for _, got := range p.rdb.LRange(ctx, p.key(list), 0, -1).Val() {
			if got == id {
				in = append(in, list)
			}
		}
	}
	for _, set := range []string{"lease", "scheduled", "retry", "archived", "completed"} {
		if p.rdb.ZScore(ctx, p.key(set), id).Err() == nil {
			in = append(in, set)
		}
	}
	return in
}

func TestResumeDelivery(t *testing.T) {
	soon := redis.Z{Score: float64(time.Now().Add(time.Hour).Unix())}
	fill := func(p place) {
		for i := range longestLook + 1 {
			p.rdb.LPush(t.Context(), p.key("pending"), fmt.Sprint("other-", i))
		}
	}
	backends := redistest.Backends(t)
	for _, tt := range []struct {
		name    string
		prepare func(p place, id string) // nil: the task was never enqueued
		resumed bool
	}{
		{"never enqueued", nil, true},
		{"pending", func(place, string) {}, false},
		{"running", func(p place, id string) {
			p.strip(id, "active")
			p.rdb.LPush(t.Context(), p.key("active"), id)
			p.rdb.ZAdd(t.Context(), p.key("lease"), redis.Z{Score: soon.Score, Member: id})
		}, false},
		{"active, its lease lost", func(p place, id string) {
			p.strip(id, "active")
			p.rdb.LPush(t.Context(), p.key("active"), id)
		}, false},
		{"leased, not active", func(p place, id string) {
			p.strip(id, "active")
			p.rdb.ZAdd(t.Context(), p.key("lease"), redis.Z{Score: soon.Score, Member: id})
		}, false},
		{"waiting for a retry", func(p place, id string) {
			p.strip(id, "retry")
			p.rdb.ZAdd(t.Context(), p.key("retry"), redis.Z{Score: soon.Score, Member: id})
		}, false},
		{"scheduled", func(p place, id string) {
			p.strip(id, "scheduled")
			p.rdb.ZAdd(t.Context(), p.key("scheduled"), redis.Z{Score: soon.Score, Member: id})
		}, false},
		{"active, in no list", func(p place, id string) { p.strip(id, "active") }, true},
		{"pending, in no list", func(p place, id string) { p.strip(id, "pending") }, true},
		{"retry, in no set", func(p place, id string) { p.strip(id, "retry") }, true},
		{"of a state unknown here", func(p place, id string) { p.strip(id, "aggregating") }, true},
		{"archived", func(p place, id string) {
			p.strip(id, "archived")
			p.rdb.ZAdd(t.Context(), p.key("archived"), redis.Z{Score: soon.Score, Member: id})
		}, true},
		{"completed", func(p place, id string) {
			p.strip(id, "completed")
			p.rdb.ZAdd(t.Context(), p.key("completed"), redis.Z{Score: soon.Score, Member: id})
		}, true},
		{"a hash without a message", func(p place, id string) {
			p.strip(id, "active")
			p.rdb.HDel(t.Context(), p.key("t:"+id), "msg")
			p.rdb.LPush(t.Context(), p.key("active"), id)
			p.rdb.ZAdd(t.Context(), p.key("lease"), redis.Z{Score: soon.Score, Member: id})
		}, true},
		{"pending in a long list, by its own word", func(p place, id string) { p.strip(id, "pending"); fill(p) }, false},
		{"active in no list, beside a long one", func(p place, id string) { p.strip(id, "active"); fill(p) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, rdb := range backends {
				c := newClient(t, rdb)
				task := DeliveryTask{EventID: sampleEvent().ID, N: 1, Round: 1}
				p := place{t, rdb, c.shards.of(Deliveries, task.EventID)}
				if tt.prepare != nil {
					if err := c.EnqueueDelivery(t.Context(), task); err != nil {
						t.Fatal(err)
					}
					tt.prepare(p, task.id())
				}
				before := p.where(task.id())
				resumed, err := c.ResumeDelivery(t.Context(), task)
				if err != nil || resumed != tt.resumed {
					t.Errorf("%s: resumed %v, error %v; want %v", name, resumed, err, tt.resumed)
				}
				after := p.where(task.id())
				switch {
				case !tt.resumed && fmt.Sprint(before) != fmt.Sprint(after):
					t.Errorf("%s: was in %v, is in %v: a live task was moved", name, before, after)
				case tt.resumed && fmt.Sprint(after) != "[pending]":
					t.Errorf("%s: is in %v, want [pending]", name, after)
				case tt.resumed:
					h := rdb.HGetAll(t.Context(), p.key("t:"+task.id())).Val()
					if h["msg"] == "" || h["state"] != "pending" || h["pending_since"] == "" {
						t.Errorf("%s: the task's hash is no pending task's: state %q", name, h["state"])
					}
				}
				if again, err := c.ResumeDelivery(t.Context(), task); err != nil || again {
					t.Errorf("%s: a second time resumed %v, error %v", name, again, err)
				}
				rdb.Del(t.Context(), p.key("pending"))
			}
		})
	}
}

// On a Cluster a version without shards had all its tasks in what is now the
// first shard.
func TestTasksOfAVersionWithoutShards(t *testing.T) {
	rdb := redistest.StartCluster(t).ClusterClient()
	old, c := newClient(t, rdb), newClient(t, rdb)
	old.shards = shards{queues: map[string][]string{Events: {Events}, Deliveries: {Deliveries}}}
	e := sampleEvent()
	for c.shards.of(Events, e.ID) == Events || c.shards.of(Deliveries, e.ID) == Deliveries {
		e = sampleEvent()
	}
	task := DeliveryTask{EventID: e.ID, Round: 1}
	if err := old.EnqueueEvent(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := old.EnqueueDelivery(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	if _, found, err := c.Lookup(t.Context(), e.ID); err != nil || !found {
		t.Errorf("looking the event up: found %v, error %v", found, err)
	}
	if resumed, err := c.ResumeDelivery(t.Context(), task); err != nil || resumed {
		t.Errorf("the old delivery's task is there; resumed %v, error %v", resumed, err)
	}
	p := place{t, rdb, Deliveries}
	p.strip(task.id(), "active")
	if resumed, err := c.ResumeDelivery(t.Context(), task); err != nil || !resumed {
		t.Errorf("the old delivery's task was in no list; resumed %v, error %v", resumed, err)
	}
	if in := fmt.Sprint(p.where(task.id())); in != "[pending]" {
		t.Errorf("the old task is in %v", in)
	}
}

func TestResumeDeliveryTellsAnError(t *testing.T) {
	s, rdb := newRedis(t)
	c := newClient(t, rdb)
	s.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if resumed, err := c.ResumeDelivery(ctx, DeliveryTask{EventID: sampleEvent().ID, Round: 1}); err == nil || resumed {
		t.Errorf("without Redis: resumed %v, error %v", resumed, err)
	}
}
