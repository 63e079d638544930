package queue

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/redistest"
)

// What a worker does to a task, in the order in which asynq does it, and ending
// where asynq ends: in the middle, when something is not as it should be.
//
// KEYS[1] asynq:{q}:active   KEYS[2] asynq:{q}:lease   KEYS[3] asynq:{q}:retry
// KEYS[4] asynq:{q}:pending  KEYS[5] asynq:{q}:t:<id>
// ARGV[1] task id   ARGV[2] done, retry or requeue   ARGV[3] when to retry
var endTask = redis.NewScript(`
if redis.call("LREM", KEYS[1], 0, ARGV[1]) == 0 then return redis.error_reply("NOT FOUND") end
if redis.call("ZREM", KEYS[2], ARGV[1]) == 0 then return redis.error_reply("NOT FOUND") end
if ARGV[2] == "done" then
	redis.call("DEL", KEYS[5])
elseif ARGV[2] == "retry" then
	redis.call("ZADD", KEYS[3], ARGV[3], ARGV[1])
	redis.call("HSET", KEYS[5], "state", "retry")
else
	redis.call("RPUSH", KEYS[4], ARGV[1])
	redis.call("HSET", KEYS[5], "state", "pending")
end
return 1
`)

// KEYS[1] asynq:{q}:pending   KEYS[2] asynq:{q}:active   KEYS[3] asynq:{q}:lease
// ARGV[1] lease   ARGV[2] prefix of a task's key
var takeTask = redis.NewScript(`
local id = redis.call("RPOPLPUSH", KEYS[1], KEYS[2])
if not id then return "" end
redis.call("HSET", ARGV[2] .. id, "state", "active")
redis.call("HDEL", ARGV[2] .. id, "pending_since")
redis.call("ZADD", KEYS[3], ARGV[1], id)
return id
`)

// model is one random life of a queue: workers that take tasks and end them,
// late or never, leases that get lost, sweeps whose worker dies.
type model struct {
	t     *testing.T
	rng   *rand.Rand
	rdb   redis.UniversalClient // with a sweeper's hook
	raw   redis.UniversalClient
	c     *Client
	s     *sweeper
	kind  string
	now   time.Time
	open  map[string]string // enqueued and not done: the event by task id
	held  []string          // taken by workers, which may be late
	steps []string
}

func (m *model) place(id string) place {
	return place{m.t, m.raw, m.c.shards.of(m.kind, m.open[id])}
}

// again is what those do that want the task to run: a sender that sends again,
// a look at deliveries that are overdue.
func (m *model) again(eventID string) {
	m.t.Helper()
	var err error
	if m.kind == Events {
		e := sampleEvent()
		e.ID = eventID
		err = m.c.EnqueueEvent(m.t.Context(), e)
	} else {
		_, err = m.c.ResumeDelivery(m.t.Context(), DeliveryTask{EventID: eventID, Round: 1})
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// end lets a worker end a task it has or once had.
func (m *model) end(how string) {
	if len(m.held) == 0 {
		return
	}
	i := m.rng.IntN(len(m.held))
	id := m.held[i]
	m.held = append(m.held[:i], m.held[i+1:]...)
	if _, known := m.open[id]; !known {
		return // done by another meanwhile
	}
	q := m.place(id).queue
	err := endTask.Run(m.t.Context(), m.rdb, []string{
		queueKey(q, "active"), queueKey(q, "lease"), queueKey(q, "retry"), queueKey(q, "pending"), queueKey(q, "t:"+id),
	}, id, how, m.now.Unix()).Err()
	if err == nil && how == "done" {
		delete(m.open, id)
	}
}

func (m *model) step() {
	ctx := m.t.Context()
	ops := []struct {
		name string
		do   func()
	}{
		{"enqueue", func() {
			e := sampleEvent().ID
			m.again(e)
			id := e
			if m.kind == Deliveries {
				id = DeliveryTask{EventID: e, Round: 1}.id()
			}
			m.open[id] = e
		}},
		{"take", func() {
			for _, i := range m.rng.Perm(len(m.s.shards.queues[m.kind])) {
				q := m.s.shards.queues[m.kind][i]
				id, err := takeTask.Run(ctx, m.rdb, []string{queueKey(q, "pending"), queueKey(q, "active"), queueKey(q, "lease")},
					m.now.Add(30*time.Second).Unix(), queueKey(q, "t:")).Text()
				if err != nil {
					m.t.Fatal(err)
				}
				if id != "" {
					m.held = append(m.held, id)
					return
				}
			}
		}},
		{"done", func() { m.end("done") }},
		{"retry", func() { m.end("retry") }},
		{"requeue", func() { m.end("requeue") }},
		{"kill", func() { m.held = nil }},
		{"lose a lease", func() {
			for id := range m.open {
				m.raw.ZRem(ctx, m.place(id).key("lease"), id)
				return
			}
		}},
		{"drop", func() {
			for id := range m.open {
				m.place(id).strip(id, "active")
				return
			}
		}},
		{"again", func() {
			for _, e := range m.open {
				m.again(e)
				return
			}
		}},
		{"sweep", func() { m.sweep() }},
		{"the sweeper dies", func() { m.s = newSweeper(m.rdb, quiet()) }},
	}
	op := ops[m.rng.IntN(len(ops))]
	m.steps = append(m.steps, op.name)
	m.now = m.now.Add(time.Duration(m.rng.IntN(8000)) * time.Millisecond)
	op.do()
}

func (m *model) sweep() {
	m.s.now = func() time.Time { return m.now }
	for _, q := range m.s.shards.queues[m.kind] {
		if err := m.s.sweep(m.t.Context(), q); err != nil {
			m.t.Fatal(err)
		}
	}
}

// settle does what time and living workers do by themselves, and then looks:
// every open task is in exactly one place, and nothing else is anywhere.
func (m *model) settle() {
	m.t.Helper()
	if m.kind == Events {
		if _, err := m.s.scan.scan(m.t.Context(), true); err != nil {
			m.t.Fatal(err)
		}
	} else {
		for _, e := range m.open {
			m.again(e)
		}
	}
	for range 3 {
		m.sweep()
		m.now = m.now.Add(35 * time.Second)
	}
	m.sweep()
	for id := range m.open {
		in := m.place(id).where(id)
		if got := strings.Join(in, " "); got != "pending" && got != "retry" {
			m.t.Fatalf("task is in %q after the steps: %s", got, strings.Join(m.steps, ", "))
		}
	}
	total := int64(0)
	for _, q := range m.s.shards.queues[m.kind] {
		for _, kind := range []string{"pending", "active"} {
			total += m.raw.LLen(m.t.Context(), queueKey(q, kind)).Val()
		}
		total += m.raw.ZCard(m.t.Context(), queueKey(q, "retry")).Val() + m.raw.ZCard(m.t.Context(), queueKey(q, "lease")).Val()
	}
	if total != int64(len(m.open)) {
		m.t.Fatalf("%d entries for %d tasks after the steps: %s", total, len(m.open), strings.Join(m.steps, ", "))
	}
	m.held = nil
}

// TestNoInterleavingLosesATask runs random lives. A failure names the steps.
func TestNoInterleavingLosesATask(t *testing.T) {
	single, cluster := redistest.Start(t), redistest.StartCluster(t)
	for name, connect := range map[string]func() redis.UniversalClient{
		"redis":   func() redis.UniversalClient { return newRedisClient(t, single.Addr()) },
		"cluster": func() redis.UniversalClient { return cluster.ClusterClient() },
	} {
		for seed := range uint64(8) {
			kind := Names()[seed%2]
			t.Run(fmt.Sprintf("%s, %s, seed %d", name, kind, seed), func(t *testing.T) {
				rdb, raw := connect(), connect()
				if err := raw.FlushDB(context.Background()).Err(); err != nil {
					t.Fatal(err)
				}
				m := &model{
					t: t, rng: rand.New(rand.NewPCG(seed, 1)), rdb: rdb, raw: raw, c: newClient(t, raw), kind: kind,
					s: newSweeper(rdb, quiet()), now: time.Unix(1_800_000_000, 0), open: map[string]string{},
				}
				for range 5 {
					for range 40 {
						m.step()
					}
					m.settle()
				}
				if len(m.open) == 0 {
					t.Error("no task was open: nothing was shown")
				}
			})
		}
	}
}
