package chaos

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Kind is what is done to a target.
type Kind string

// The kinds.
const (
	Kill     Kind = "kill -9"   // and started again
	Stop     Kind = "SIGSTOP"   // and SIGCONT
	Term     Kind = "SIGTERM"   // and started again
	CutHang  Kind = "cut"       // the way to Redis swallows everything, and heals
	CutReset Kind = "cut+reset" // connections to Redis are reset and refused, until it heals
)

// Fault is one thing that is broken and mended.
type Fault struct {
	At      time.Duration // after the beginning of the load
	Kind    Kind
	Targets []string // "redis", "worker-1", …; more than one only for cuts
	For     time.Duration
	Pick    int // which of several masters, modulo their number
	// Behind: a master's replicas hear nothing in its last second, so that what it
	// confirmed then, no other server has.
	Behind bool
}

func (f Fault) String() string {
	s := fmt.Sprintf("%6.1fs  %-9s  %s for %.1fs", f.At.Seconds(), f.Kind, strings.Join(f.Targets, "+"), f.For.Seconds())
	if f.Behind {
		s += ", its replicas a second behind"
	}
	return s
}

const redisTarget = "redis"

func slots(kind string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%d", kind, i+1)
	}
	return out
}

// Schedule makes the faults of a plan, in order of time. It depends on nothing
// but the plan, and of chance on its seed alone. Faults of one target do not
// overlap, unless those placed before leave no gap that is long enough, as in a
// very short plan: when it is carried out, the later one then waits for the one
// before. Faults of several targets overlap as they come.
func Schedule(p Plan) []Fault {
	p.setDefaults()
	s := scheduler{
		rng: rand.New(rand.NewPCG(p.Seed, 0x63686173)), plan: p, busy: map[string][]span{},
		from: p.Duration / 20, to: p.Duration * 9 / 10,
	}
	longest := min(longestStop, p.Duration/6)
	workers, ingests, c := slots("worker", p.Workers), slots("ingest", p.Ingests), p.Count
	s.terms(workers, ingests, c.Term)
	// The long ones first, while there is room.
	s.several(Stop, []string{redisTarget}, c.StopRedis, longest, longest)
	s.several(Stop, workers, c.StopWorker, longest, longest)
	s.several(Stop, ingests, c.StopIngest, longest, longest)
	s.cuts(workers, c.CutWorker, longest)
	s.cuts(ingests, c.CutIngest, longest)
	down, before := s.downtime(), len(s.faults)
	s.several(Kill, []string{redisTarget}, c.KillRedis, down[0], down[1])
	for i := range s.faults { // each second kill of a master
		if f := &s.faults[i]; f.Kind == Kill {
			f.Behind = p.Redis != Single && (i-before)%2 == 0
		}
	}
	s.several(Kill, workers, c.KillWorker, 200*time.Millisecond, 2*time.Second)
	s.several(Kill, ingests, c.KillIngest, 200*time.Millisecond, 2*time.Second)
	slices.SortStableFunc(s.faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return s.faults
}

type span struct{ from, to time.Duration }

type scheduler struct {
	rng      *rand.Rand
	plan     Plan
	from, to time.Duration
	busy     map[string][]span
	faults   []Fault
}

// downtime is how long a killed Redis stays away: with replicas long enough for
// another to take over.
func (s *scheduler) downtime() [2]time.Duration {
	if s.plan.Redis == Single {
		return [2]time.Duration{200 * time.Millisecond, 3 * time.Second}
	}
	return [2]time.Duration{6 * time.Second, 10 * time.Second}
}

func (s *scheduler) between(lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return lo
	}
	return lo + time.Duration(s.rng.Int64N(int64(hi-lo)))
}

// several puts n faults of one kind on targets in turn.
func (s *scheduler) several(kind Kind, targets []string, n int, lo, hi time.Duration) {
	offset := s.rng.IntN(len(targets))
	for i := range n {
		s.place(kind, []string{targets[(offset+i)%len(targets)]}, s.between(lo, hi))
	}
}

// cuts are of one process or, each third, of all of its kind; each second one
// resets. The first lasts as long as any may.
func (s *scheduler) cuts(targets []string, n int, longest time.Duration) {
	for i := range n {
		kind, who, length := CutHang, []string{targets[s.rng.IntN(len(targets))]}, longest
		if i%2 == 1 {
			kind = CutReset
		}
		if i%3 == 2 {
			who = targets
		}
		if i > 0 {
			length = s.between(longest/10, longest)
		}
		s.place(kind, who, length)
	}
}

// tries is how many places are left to chance before the first free one is taken.
const tries = 200

func (s *scheduler) place(kind Kind, targets []string, length time.Duration) {
	at := s.find(targets, length)
	for _, t := range targets {
		s.busy[t] = append(s.busy[t], span{at, at + length})
	}
	s.faults = append(s.faults, Fault{At: at, Kind: kind, Targets: targets, For: length, Pick: s.rng.IntN(1 << 16)})
}

// find is a place where the targets are whole, or any if there is none.
func (s *scheduler) find(targets []string, length time.Duration) time.Duration {
	last := max(s.from, s.to-length)
	var at time.Duration
	for range tries {
		if at = s.between(s.from, last); s.free(targets, at, at+length) {
			return at
		}
	}
	for first := s.from; first <= last; first += breath / 10 {
		if s.free(targets, first, first+length) {
			return first
		}
	}
	return at
}

// breath is left between two faults of one target, so that it starts in between.
const breath = 500 * time.Millisecond

func (s *scheduler) free(targets []string, from, to time.Duration) bool {
	for _, t := range targets {
		for _, b := range s.busy[t] {
			if from < b.to+breath && b.from < to+breath {
				return false
			}
		}
	}
	return true
}

// terms are clean stops at even distances, of a worker and an ingest in turn,
// each time the next of its kind.
func (s *scheduler) terms(workers, ingests []string, n int) {
	for i := range n {
		target := workers[i/2%len(workers)]
		if i%2 == 1 {
			target = ingests[i/2%len(ingests)]
		}
		at := s.from + (s.to-s.from)*time.Duration(i)/time.Duration(n)
		s.faults = append(s.faults, Fault{At: at, Kind: Term, Targets: []string{target}, For: s.between(0, 300*time.Millisecond)})
	}
}
