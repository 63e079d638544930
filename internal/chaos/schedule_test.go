package chaos

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestScheduleFollowsFromTheSeed: equal plans break equal things, another seed
// breaks others.
func TestScheduleFollowsFromTheSeed(t *testing.T) {
	for _, set := range []FaultSet{AllFaults, KillsOnly, CleanStops} {
		one, again, other := Schedule(Plan{Seed: 7, Faults: set}), Schedule(Plan{Seed: 7, Faults: set}), Schedule(Plan{Seed: 8, Faults: set})
		if !reflect.DeepEqual(one, again) {
			t.Errorf("%s: two schedules of one seed differ", set)
		}
		if reflect.DeepEqual(one, other) {
			t.Errorf("%s: two seeds give one schedule", set)
		}
	}
}

// TestScheduleHasEverything: five minutes hold what the proof demands, and a
// short run each thing once.
func TestScheduleHasEverything(t *testing.T) {
	for _, tt := range []struct {
		plan Plan
		want map[string]int
	}{
		{Plan{}, map[string]int{
			"kill -9 ingest": 10, "kill -9 worker": 10, "kill -9 redis": 5, "SIGSTOP ingest": 1, "SIGSTOP worker": 1, "SIGSTOP redis": 1,
			"cut ingest": 2, "cut worker": 2, "cut+reset ingest": 1, "cut+reset worker": 1,
		}},
		{Plan{Duration: 30 * time.Second}, map[string]int{
			"kill -9 ingest": 1, "kill -9 worker": 1, "kill -9 redis": 1, "SIGSTOP ingest": 1, "SIGSTOP worker": 1, "SIGSTOP redis": 1,
			"cut ingest": 1, "cut worker": 1,
		}},
		{Plan{Redis: Cluster, Duration: 30 * time.Second}, map[string]int{
			"kill -9 ingest": 1, "kill -9 worker": 1, "kill -9 redis": 1, "SIGSTOP ingest": 1, "SIGSTOP worker": 1, "SIGSTOP redis": 1,
		}},
		{Plan{Faults: CleanStops}, map[string]int{"SIGTERM ingest": 25, "SIGTERM worker": 25}},
		{Plan{Faults: NoFaults}, map[string]int{}},
	} {
		for seed := range uint64(50) {
			tt.plan.Seed = seed
			got := map[string]int{}
			for _, f := range Schedule(tt.plan) {
				program, _, _ := strings.Cut(f.Targets[0], "-")
				got[string(f.Kind)+" "+program]++
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("%+v:\ngot  %v\nwant %v", tt.plan, got, tt.want)
			}
		}
	}
}

// TestScheduleBreaksOneThingOnce: the faults of one target leave it a moment of
// life in between, and all are over before the load is.
func TestScheduleBreaksOneThingOnce(t *testing.T) {
	longest := 0
	for seed := range uint64(50) {
		p := Plan{Seed: seed}
		faults := Schedule(p)
		if !slices.IsSortedFunc(faults, func(a, b Fault) int { return int(a.At - b.At) }) {
			t.Fatal("not in order of time")
		}
		busy := map[string]time.Duration{}
		for _, f := range faults {
			if f.At < 0 || f.At+f.For > 5*time.Minute || f.For > longestStop {
				t.Errorf("seed %d: %v", seed, f)
			}
			for _, target := range f.Targets {
				if f.At < busy[target] {
					t.Errorf("seed %d: %v, while %s is still broken", seed, f, target)
				}
				busy[target] = f.At + f.For
			}
			if f.For == longestStop {
				longest++
			}
		}
	}
	if longest < 50*5 { // three stops and the first cut of either program
		t.Errorf("only %d faults last as long as any may", longest)
	}
}

// TestScheduleFindsRoom: a gap that chance is unlikely to hit is found.
func TestScheduleFindsRoom(t *testing.T) {
	const length = 10 * time.Second
	for seed := range uint64(20) {
		s := scheduler{
			rng: rand.New(rand.NewPCG(seed, 0)), to: 10 * time.Hour,
			busy: map[string][]span{redisTarget: {{0, 5 * time.Hour}, {5*time.Hour + length + 3*breath, 11 * time.Hour}}},
		}
		if at := s.find([]string{redisTarget}, length); !s.free([]string{redisTarget}, at, at+length) {
			t.Errorf("seed %d: %v, where it is broken", seed, at)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	good := Plan{Bin: "bin"}
	for want, spoil := range map[string]func(*Plan){
		"--bin":      func(p *Plan) { p.Bin = "" },
		"--events":   func(p *Plan) { p.Events = maxEvents + 1 },
		"--duration": func(p *Plan) { p.Duration = time.Millisecond },
		"--workers":  func(p *Plan) { p.Workers = -1 },
		"--redis":    func(p *Plan) { p.Redis = "mysql" },
		"--faults":   func(p *Plan) { p.Faults = "more" },
	} {
		p := good
		spoil(&p)
		p.setDefaults()
		if err := p.check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	good.setDefaults()
	if err := good.check(); err != nil {
		t.Errorf("defaults: %v", err)
	}
}
