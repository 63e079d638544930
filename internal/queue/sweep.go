package queue

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A worker that is killed leaves its tasks active. asynq recovers them when
// their lease has been over for half a minute, looks only once a minute, and
// never recovers one whose lease is missing altogether (seen after Redis
// trouble). The sweep does both as early as the lease allows: 30 s after the
// last sign of life.
const (
	sweepInterval = 5 * time.Second

	// A living worker renews its leases every 5 s. A lease that is over by this
	// machine's clock but was renewed while we watched belongs to a worker whose
	// clock is behind, so an orphan must have stood still for this long too.
	orphanWatch = 11 * time.Second
)

// requeueOrphan puts an active task without a valid lease back to where the
// next dequeue finds it.
//
// KEYS[1] asynq:{q}:active   KEYS[2] asynq:{q}:lease
// KEYS[3] asynq:{q}:pending  KEYS[4] asynq:{q}:t:<id>
// ARGV[1] task id   ARGV[2] the lease as it was watched, "" if missing
// ARGV[3] nanoseconds since the epoch
// Returns 1 if requeued, 0 if the task moved on meanwhile.
var requeueOrphan = redis.NewScript(`
local lease = redis.call("ZSCORE", KEYS[2], ARGV[1]) or ""
if lease ~= ARGV[2] then return 0 end
if redis.call("LREM", KEYS[1], 0, ARGV[1]) == 0 then return 0 end
redis.call("ZREM", KEYS[2], ARGV[1])
if redis.call("EXISTS", KEYS[4]) == 0 then return 0 end
redis.call("HSET", KEYS[4], "state", "pending", "pending_since", ARGV[3])
redis.call("RPUSH", KEYS[3], ARGV[1])
return 1
`)

// activeLeases lists the active tasks with their leases.
//
// KEYS[1] asynq:{q}:active   KEYS[2] asynq:{q}:lease
// Returns id, lease, id, lease, …; a missing lease is "".
var activeLeases = redis.NewScript(`
local out = {}
for _, id in ipairs(redis.call("LRANGE", KEYS[1], 0, -1)) do
	out[#out + 1] = id
	out[#out + 1] = redis.call("ZSCORE", KEYS[2], id) or ""
end
return out
`)

// sighting is a lease that we saw and since when it has not changed.
type sighting struct {
	lease string
	since time.Time
}

type sweeper struct {
	rdb  redis.UniversalClient
	log  *slog.Logger
	now  func() time.Time
	seen map[string]map[string]sighting // by queue and task id
	stop chan struct{}
	wg   sync.WaitGroup
}

func newSweeper(rdb redis.UniversalClient, log *slog.Logger) *sweeper {
	s := &sweeper{rdb: rdb, log: log, now: time.Now, stop: make(chan struct{}), seen: map[string]map[string]sighting{}}
	for _, q := range Names() {
		s.seen[q] = map[string]sighting{}
	}
	return s
}

func (s *sweeper) start() {
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		ticker := time.NewTicker(sweepInterval)
		defer ticker.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-ticker.C:
				for _, q := range Names() {
					// An error is Redis trouble, which the pumps report; the
					// next sweep starts afresh.
					_ = s.sweep(context.Background(), q)
				}
			}
		}
	}()
}

func (s *sweeper) close() {
	close(s.stop)
	s.wg.Wait()
}

func (s *sweeper) sweep(ctx context.Context, queue string) error {
	ctx, cancel := context.WithTimeout(ctx, sweepInterval)
	defer cancel()
	active, lease := queueKey(queue, "active"), queueKey(queue, "lease")
	list, err := activeLeases.Run(ctx, s.rdb, []string{active, lease}).StringSlice()
	if err != nil {
		return err
	}
	now := s.now()
	before, seen := s.seen[queue], map[string]sighting{}
	for i := 0; i+1 < len(list); i += 2 {
		id, score := list[i], list[i+1]
		sight := sighting{score, now}
		if b, ok := before[id]; ok && b.lease == score {
			sight.since = b.since
		}
		seen[id] = sight
		if !sight.orphaned(now) {
			continue
		}
		n, err := requeueOrphan.Run(ctx, s.rdb,
			[]string{active, lease, queueKey(queue, "pending"), queueKey(queue, "t:"+id)},
			id, score, now.UnixNano()).Int()
		if err != nil {
			return err
		}
		delete(seen, id)
		if n == 1 {
			s.log.Warn("task of a lost worker is taken up again", "queue", queue, "task", id)
			_ = s.rdb.Publish(ctx, wakeChannel(queue), "").Err() // a hint: see pollInterval
		}
	}
	s.seen[queue] = seen
	return nil
}

func (s sighting) orphaned(now time.Time) bool {
	if now.Sub(s.since) < orphanWatch {
		return false
	}
	return s.lease == "" || parseLease(s.lease).Before(now)
}
