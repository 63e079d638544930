// Package chaos proves, by breaking everything that the relay stands on, that
// nothing acknowledged is lost. It starts the real programs and a real Redis,
// sends events, kills, stops and cuts off by a schedule that follows from a
// seed, heals, waits until all is settled, and gives an account of every event.
//
//	senders ─▶ ingest (× n) ─▶ proxies ─▶ Redis ◀─ proxies ◀─ worker (× n) ─▶ sinks
//	   │          ▲               ▲          ▲        ▲            ▲            │
//	   └ ledger   └───────────────┴─ faults ─┴────────┴────────────┘   ledger ──┘
//
// Everything listens on loopback only.
package chaos

import (
	"errors"
	"fmt"
	"io"
	"time"

	"accessrelay/internal/ack"
)

// Topology is which Redis the programs run on.
type Topology string

// The topologies.
const (
	Single   Topology = "single"   // one server with appendfsync always
	Sentinel Topology = "sentinel" // a master, two replicas and three sentinels
	Cluster  Topology = "cluster"  // three masters with a replica each
)

// failsOver reports whether another server takes a dead master's place.
func (t Topology) failsOver() bool { return t == Sentinel || t == Cluster }

// FaultSet is what kinds of faults the schedule has.
type FaultSet string

// The sets.
const (
	AllFaults   FaultSet = "all"  // kills, stops, cuts and misbehaving sinks
	CleanStops  FaultSet = "term" // SIGTERM of workers and ingests in turn, sinks that behave
	KillsOnly   FaultSet = "kill" // kill -9 of everything, sinks that behave
	NoFaults    FaultSet = "none" // load alone: to see that the account can be clean
	longestStop          = 20 * time.Second
)

// Plan is one run. Of its zero fields the ones with a default take it.
type Plan struct {
	// Bin is the folder with the programs ingest and worker. Required.
	Bin string
	// Seed decides the schedule of faults, alone.
	Seed uint64
	// Events is how many are sent, evenly over Duration. Default 20,000 over 5 m.
	Events   int
	Duration time.Duration
	// Workers and Ingests are how many processes of each there are. Default 3 and 2.
	Workers, Ingests int
	// Redis defaults to [Single].
	Redis Topology
	// Ack is the level that the programs are asked for. Zero: their default.
	Ack ack.Level
	// Faults defaults to [AllFaults].
	Faults FaultSet
	// Count is how often each kind of fault happens. The zero value: as often as
	// fits the duration. In five minutes [AllFaults] kills an ingest 10 times, a
	// worker 10 times and Redis 5 times, stops one of each for 20 s, and cuts off
	// ingests and workers 3 times each. A shorter run does less, in proportion, but
	// each once.
	Count Counts
	// Settle bounds the wait after the faults. Default 3 m: a killed worker's
	// tasks are taken over after some 45 s.
	Settle time.Duration
	// Dir is where the logs go, each process its own. Empty: a new one in the
	// system's folder for temporary files, removed when all is well unless Keep.
	Dir  string
	Keep bool
	// Progress is told what happens, in lines. nil: nobody is.
	Progress io.Writer
}

// Counts is how often each kind of fault happens.
type Counts struct {
	KillIngest, KillWorker, KillRedis int // kill -9
	StopIngest, StopWorker, StopRedis int // SIGSTOP, then SIGCONT
	CutIngest, CutWorker              int // of the network to Redis
	Term                              int // clean stops
}

// String is the plan in a line, but for the faults, see [Schedule].
func (p *Plan) String() string {
	sinks := "sinks behave"
	if p.Faults == AllFaults {
		sinks = fmt.Sprintf("of the sinks' answers %.0f %% fail and %.0f %% hang", 100*failing, 100*hanging)
	}
	redis := string(p.Redis)
	if p.synced() {
		redis += " (appendfsync always)"
	}
	return fmt.Sprintf("%d events in %v, %d workers, %d ingests, redis %s, ack %s, faults %s, %s",
		p.Events, p.Duration, p.Workers, p.Ingests, redis, p.Ack, p.Faults, sinks)
}

// synced reports whether Redis writes to its disk before it answers: a single one
// that is to die would forget otherwise, whatever the level.
func (p *Plan) synced() bool {
	return p.Redis == Single && (p.Count.KillRedis > 0 || p.Ack == ack.Fsync)
}

func (p *Plan) setDefaults() {
	orDefault(&p.Events, 20000)
	orDefault(&p.Duration, 5*time.Minute)
	orDefault(&p.Workers, 3)
	orDefault(&p.Ingests, 2)
	orDefault(&p.Redis, Single)
	orDefault(&p.Faults, AllFaults)
	orDefault(&p.Settle, 3*time.Minute)
	if p.Progress == nil {
		p.Progress = io.Discard
	}
	if p.Count == (Counts{}) {
		p.Count = defaultCounts(p.Faults, p.Duration)
	}
	if p.Redis.failsOver() { // clients are told the nodes' own addresses and pass no proxy
		p.Count.CutIngest, p.Count.CutWorker = 0, 0
	}
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// defaultCounts is what five minutes hold, in proportion.
func defaultCounts(set FaultSet, d time.Duration) Counts {
	n := func(inFiveMinutes int) int {
		return max(1, int(float64(inFiveMinutes)*d.Seconds()/300+0.5))
	}
	switch set {
	case AllFaults:
		return Counts{
			KillIngest: n(10), KillWorker: n(10), KillRedis: n(5),
			StopIngest: n(1), StopWorker: n(1), StopRedis: n(1),
			CutIngest: n(3), CutWorker: n(3),
		}
	case KillsOnly:
		return Counts{KillIngest: n(10), KillWorker: n(10), KillRedis: n(5)}
	case CleanStops:
		return Counts{Term: 50}
	case NoFaults:
	}
	return Counts{}
}

func (p *Plan) check() error {
	switch {
	case p.Bin == "":
		return errors.New("--bin: names no folder with the programs ingest and worker")
	case p.Events < 1 || p.Events > maxEvents:
		return fmt.Errorf("--events: must be from 1 to %d", maxEvents)
	case p.Duration < time.Second:
		return errors.New("--duration: must be at least 1s")
	case p.Workers < 1 || p.Ingests < 1:
		return errors.New("--workers and --ingests: must be at least 1")
	}
	switch p.Redis {
	case Single, Sentinel, Cluster:
	default:
		return fmt.Errorf("--redis: %q is not single, sentinel or cluster", p.Redis)
	}
	switch p.Faults {
	case AllFaults, CleanStops, KillsOnly, NoFaults:
	default:
		return fmt.Errorf("--faults: %q is not all, kill, term or none", p.Faults)
	}
	return nil
}
