package queue

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A worker that is killed leaves its tasks active. asynq recovers them when
// their lease has been over for half a minute, looks only once a minute, and
// never recovers one whose lease is missing altogether (seen after Redis
// trouble), or that has a lease and is not active. The sweep does all of it as
// early as the lease allows: 30 s after the last sign of life.
//
// It also mends tasks that are in no list. Those cannot be seen by looking at
// lists, so it looks at tasks by id: the ones that it saw active at the last
// sweep and sees no more (mostly they are done), and the suspects.
const (
	sweepInterval = 5 * time.Second

	// A living worker renews its leases every 5 s. A lease that is over by this
	// machine's clock but was renewed while we watched belongs to a worker whose
	// clock is behind, so an orphan must have stood still for this long too.
	orphanWatch = 11 * time.Second

	// lateGather is how long a sweep waits for more handlers that outlived their
	// leases: after an outage they end together.
	lateGather = time.Second

	// mendBatch is how many tasks one script looks at.
	mendBatch = 500

	// lastLook is how long the end of a pump may be held up by it.
	lastLook = time.Second
)

// requeueOrphan puts an active task without a valid lease back to where the
// next dequeue finds it. The id is pushed before it is taken off the active
// list, so that nothing is lost whatever is refused: a task that is in both is
// at most run twice. A task that waits somewhere already only loses its lease.
//
// KEYS[1] asynq:{q}:pending   KEYS[2] asynq:{q}:active   KEYS[3] asynq:{q}:lease
// KEYS[4] asynq:{q}:scheduled KEYS[5] asynq:{q}:retry    KEYS[6] asynq:{q}:t:<id>
// ARGV[1] the longest list to look through
// ARGV[2] task id   ARGV[3] the lease as it was watched, "" if missing
// ARGV[4] nanoseconds since the epoch
// Returns 1 if requeued, 0 if the task moved on meanwhile or is none.
var requeueOrphan = redis.NewScript(luaWaits + `
local id, task = ARGV[2], KEYS[6]
local lease = redis.call("ZSCORE", KEYS[3], id) or ""
if lease ~= ARGV[3] then return 0 end
if lease == "" and not members(KEYS[2])[id] then return 0 end
local requeued = 0
if redis.call("HEXISTS", task, "msg") == 0 then
	redis.call("DEL", task)
elseif not waits(id, task) then
	redis.call("RPUSH", KEYS[1], id)
	redis.call("HSET", task, "state", "pending", "pending_since", ARGV[4])
	requeued = 1
end
redis.call("LREM", KEYS[2], 0, id)
redis.call("ZREM", KEYS[3], id)
return requeued
`)

// leases lists the tasks that are active or leased. They should be the same.
//
// KEYS[1] asynq:{q}:active   KEYS[2] asynq:{q}:lease
// Returns id, lease, id, lease, …; a missing lease is "".
var leases = redis.NewScript(`
local out, score = {}, {}
local leased = redis.call("ZRANGE", KEYS[2], 0, -1, "WITHSCORES")
for i = 1, #leased, 2 do
	score[leased[i]] = leased[i + 1]
	out[#out + 1] = leased[i]
	out[#out + 1] = leased[i + 1]
end
for _, id in ipairs(redis.call("LRANGE", KEYS[1], 0, -1)) do
	if not score[id] then
		out[#out + 1] = id
		out[#out + 1] = ""
	end
end
return out
`)

// sighting is a lease that we saw and since when it has not changed.
type sighting struct {
	lease string
	since time.Time
}

func (s sighting) orphaned(now time.Time) bool {
	if now.Sub(s.since) < orphanWatch {
		return false
	}
	return s.lease == "" || s.over(now)
}

// over reports whether the task has a lease and it has ended.
func (s sighting) over(now time.Time) bool {
	return s.lease != "" && parseLease(s.lease).Before(now)
}

// sweeper looks after the queues of one Redis. Its now may be replaced before
// start.
type sweeper struct {
	rdb      redis.UniversalClient
	log      *slog.Logger
	now      func() time.Time
	shards   shards
	suspects *suspects
	ended    *ended
	watches  map[string]*watch // by queue
	scan     *scanner
	stop     context.CancelFunc
	wg       sync.WaitGroup
}

// watch is what the sweep remembers of one queue between two looks.
type watch struct {
	seen map[string]sighting // by task id
	// gone were seen active and then no more, and have not been looked at since.
	gone []string
}

// newSweeper adds a hook to rdb: see suspects.
func newSweeper(rdb redis.UniversalClient, log *slog.Logger) *sweeper {
	s := &sweeper{
		rdb: rdb, log: log, now: time.Now, shards: shardsOn(rdb),
		suspects: newSuspects(), ended: newEnded(), watches: map[string]*watch{},
	}
	for _, q := range s.shards.all() {
		s.watches[q] = &watch{seen: map[string]sighting{}}
	}
	s.scan = newScanner(s)
	rdb.AddHook(s.suspects)
	return s
}

func (s *sweeper) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.wg.Go(func() { s.run(ctx) })
	s.wg.Go(func() { s.scan.run(ctx) })
}

func (s *sweeper) close() {
	if s.stop != nil {
		s.stop()
	}
	s.wg.Wait()
}

// last looks at the suspects that the end of the pump has left, after close.
func (s *sweeper) last() {
	ctx, cancel := context.WithTimeout(context.Background(), lastLook)
	defer cancel()
	for _, q := range s.shards.all() {
		if ids := s.suspects.take(q); len(ids) > 0 {
			_ = s.mend(ctx, q, ids[:min(len(ids), mendBatch)]) // the next worker's scan finds the rest
		}
	}
}

// run sweeps all queues side by side: a Cluster's master that does not answer
// holds up nobody else's.
func (s *sweeper) run(ctx context.Context) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.ended.late: // with those that end in the same moment
			if !pause(ctx, lateGather) {
				return
			}
		case <-ticker.C:
		}
		var wg sync.WaitGroup
		for _, q := range s.shards.all() {
			// An error is Redis trouble, which the pumps report; the next
			// sweep goes on from there.
			wg.Go(func() { _ = s.sweep(ctx, q) })
		}
		wg.Wait()
	}
}

// sweep looks at one queue once.
func (s *sweeper) sweep(ctx context.Context, queue string) error {
	ctx, cancel := context.WithTimeout(ctx, sweepInterval)
	defer cancel()
	if err := s.requeueOrphans(ctx, queue); err != nil {
		return err
	}
	w := s.watches[queue]
	ids := slices.Concat(w.gone, s.suspects.take(queue))
	w.gone = nil
	for len(ids) > 0 {
		n := min(len(ids), mendBatch)
		if err := s.mend(ctx, queue, ids[:n]); err != nil {
			w.gone = ids[:min(len(ids), maxSuspects)] // for the next sweep
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// requeueOrphans takes up what a lost worker was doing.
func (s *sweeper) requeueOrphans(ctx context.Context, queue string) error {
	over := s.ended.known(queue) // asked first: what ends later is left for the next sweep
	list, err := leases.Run(ctx, s.rdb, []string{queueKey(queue, "active"), queueKey(queue, "lease")}).StringSlice()
	now, w := s.now(), s.watches[queue]
	if err != nil {
		// Without Redis nobody could renew a lease. Living workers, this one among
		// them, get the time to write down what they have done meanwhile.
		for id, sight := range w.seen {
			w.seen[id] = sighting{sight.lease, now}
		}
		return err
	}
	seen := map[string]sighting{}
	for i := 0; i+1 < len(list); i += 2 {
		id, lease := list[i], list[i+1]
		seen[id] = sighting{lease, now}
		if before, ok := w.seen[id]; ok && before.lease == lease {
			seen[id] = before
		}
	}
	for id := range w.seen {
		if _, ok := seen[id]; !ok {
			w.gone = append(w.gone, id)
		}
	}
	w.seen = seen
	for _, id := range over {
		// Done, or taken by another worker since.
		if sight, active := seen[id]; !active || !s.ended.owned(queue, id, parseLease(sight.lease)) {
			s.ended.forget(queue, id)
		}
	}
	for id, sight := range seen {
		ours := sight.over(now) && s.ended.owned(queue, id, parseLease(sight.lease))
		if !ours && !sight.orphaned(now) {
			continue
		}
		n, err := requeueOrphan.Run(ctx, s.rdb, []string{
			queueKey(queue, "pending"), queueKey(queue, "active"), queueKey(queue, "lease"),
			queueKey(queue, "scheduled"), queueKey(queue, "retry"), queueKey(queue, "t:"+id),
		}, longestLook, id, sight.lease, now.UnixNano()).Int()
		if err != nil {
			return err
		}
		delete(seen, id)
		s.ended.forget(queue, id)
		if n == 1 {
			s.tell(ctx, queue, id, "task of a lost worker is taken up again")
			s.scan.workerLost()
		}
	}
	return nil
}

// mend puts back those of the tasks that are in no list.
func (s *sweeper) mend(ctx context.Context, queue string, ids []string) error {
	found, err := mend(ctx, s.rdb, queue, s.now(), ids...)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if found[i] == taskMended {
			s.tell(ctx, queue, id, "task that was in no list is taken up again")
		}
	}
	return nil
}

func (s *sweeper) tell(ctx context.Context, queue, id, what string) {
	s.log.Warn(what, "queue", queue, "task", id)
	_ = s.rdb.Publish(ctx, wakeChannel(s.shards.kinds[queue]), "").Err() // a hint: see pollInterval
}
