package queue

import (
	"context"
	crand "crypto/rand"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// A worker that is killed takes its suspects with it. What it left in no list
// can only be found by looking at all keys. That is done when a worker starts,
// since one that died is usually replaced; when the sweep has taken up what a
// lost worker was doing; and else now and again. One worker does it at a time,
// and slowly. Only events are looked for: their payload is nowhere
// else, while a delivery that is overdue is found in its record.
const (
	scanPause = 100 * time.Millisecond // between two calls to one node
	scanCount = 1000                   // keys a call: so ten thousand keys a second

	// After a scan all workers rest for so many times as long as it took, within
	// these bounds: few keys are looked at often. So many that a scan takes longer
	// than half a minute, some 300,000, are still looked at every ten minutes. A
	// lost worker is answered after scanRest.
	scanShare = 20
	scanSoon  = 30 * time.Second
	scanLate  = 10 * time.Minute
	scanRest  = 10 * time.Second // between two scans of one worker, whatever happens

	scanLease = 30 * time.Second // a scanner that died is replaced after so long
	scanDone  = "done"
)

// scanKey says who scans, or that it was done not long ago.
func scanKey() string { return "ar:scan" }

// takeScan makes the caller the one that scans, or keeps it so.
//
// KEYS[1] ar:scan
// ARGV[1] the caller   ARGV[2] for how many ms
// ARGV[3] "1": also if it was done not long ago   ARGV[4] the mark of that
// Returns 1 if the caller is to scan, else 0.
var takeScan = redis.NewScript(`
local who = redis.call("GET", KEYS[1])
if who and who ~= ARGV[1] and not (who == ARGV[4] and ARGV[3] == "1") then return 0 end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return 1
`)

// endScan says that the caller has scanned all keys.
//
// KEYS[1] ar:scan
// ARGV[1] the caller   ARGV[2] how many ms that holds   ARGV[3] the mark of it
// Returns 1, or 0 if another scans by now.
var endScan = redis.NewScript(`
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[3], "PX", ARGV[2])
return 1
`)

var errNotOurs = errors.New("another worker scans")

type scanner struct {
	sweep *sweeper
	me    string
	pause time.Duration
	lost  chan struct{} // holds one while a lost worker has not been answered with a scan
}

func newScanner(s *sweeper) *scanner {
	return &scanner{sweep: s, me: crand.Text(), pause: scanPause, lost: make(chan struct{}, 1)}
}

// workerLost asks for a scan.
func (s *scanner) workerLost() {
	select {
	case s.lost <- struct{}{}:
	default: // asked already
	}
}

// run scans once as soon as nobody else does, then after a worker was lost, and
// when the last scan of all was long enough ago.
func (s *scanner) run(ctx context.Context) {
	urgent := true // a scan of not long ago does not do
	wait := time.Duration(0)
	for {
		lost := s.lost
		if urgent {
			lost = nil // the coming scan answers that too
		}
		select {
		case <-ctx.Done():
			return
		case <-lost:
			urgent = true
			wait = 0
			continue
		case <-time.After(wait):
		}
		switch rest, err := s.scan(ctx, urgent); {
		case err == nil:
			urgent = false
			wait = rest + rand.N(rest/10)
			if !pause(ctx, scanRest) {
				return
			}
			wait -= scanRest
		case urgent: // another one scans, or Redis is gone
			wait = sweepInterval + rand.N(sweepInterval)
		default:
			wait = scanSoon/2 + rand.N(scanSoon/2)
		}
	}
}

// pause returns early, and false, when ctx ends.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// scan looks at the keys of every master, and returns for how long all workers
// may rest now. again: also if they may still.
func (s *scanner) scan(ctx context.Context, again bool) (rest time.Duration, err error) {
	if err := s.take(ctx, again); err != nil {
		return 0, err
	}
	began := time.Now()
	if cluster, ok := s.sweep.rdb.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return s.node(ctx, node) })
	} else {
		err = s.node(ctx, s.sweep.rdb)
	}
	if err != nil {
		return 0, err // the lease ends by itself
	}
	rest = min(max(scanShare*time.Since(began), scanSoon), scanLate)
	return rest, endScan.Run(ctx, s.sweep.rdb, []string{scanKey()}, s.me, rest.Milliseconds(), scanDone).Err()
}

func (s *scanner) take(ctx context.Context, again bool) error {
	force := "0"
	if again {
		force = "1"
	}
	n, err := takeScan.Run(ctx, s.sweep.rdb, []string{scanKey()}, s.me, scanLease.Milliseconds(), force, scanDone).Int()
	if err == nil && n == 0 {
		err = errNotOurs
	}
	return err
}

// node looks at the keys of one master.
func (s *scanner) node(ctx context.Context, node redis.Cmdable) error {
	renew := time.Now().Add(scanLease / 3)
	for cursor := uint64(0); ; {
		keys, next, err := node.Scan(ctx, cursor, queueKey(Events+"*", "t:*"), scanCount).Result()
		if err != nil {
			return err
		}
		if err := s.look(ctx, keys); err != nil {
			return err
		}
		if next == 0 {
			return nil
		}
		cursor = next
		if time.Now().After(renew) {
			if err := s.take(ctx, false); err != nil {
				return err
			}
			renew = time.Now().Add(scanLease / 3)
		}
		if !pause(ctx, s.pause) {
			return ctx.Err()
		}
	}
}

// look mends the tasks of the keys, in whichever shards they are.
func (s *scanner) look(ctx context.Context, keys []string) error {
	ids := map[string][]string{}
	for _, key := range keys {
		queue, kind, _ := splitKey(key)
		if _, ours := s.sweep.shards.kinds[queue]; ours {
			ids[queue] = append(ids[queue], strings.TrimPrefix(kind, "t:"))
		}
	}
	for queue, ids := range ids {
		for batch := range slices.Chunk(ids, mendBatch) {
			if err := s.sweep.mend(ctx, queue, batch); err != nil {
				return err
			}
		}
	}
	return nil
}
