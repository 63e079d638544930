package dedup

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// received is an event of a random sequence, at a time in microseconds.
type received struct {
	id string
	at int64
}

// model is what the window means, for events in order of receipt.
type model struct {
	window int64
	first  received
	any    bool
}

func (m *model) next(e received) string {
	if m.any && e.at < m.first.at+m.window {
		return m.first.id
	}
	m.first, m.any = e, true
	return ""
}

// sequence makes events in order of receipt, close enough together for every
// case of a window of w to come up.
func sequence(rnd *rand.Rand, n int, w int64) []received {
	events := make([]received, n)
	at := int64(0)
	for i := range events {
		switch rnd.IntN(4) {
		case 0: // at the same time
		case 1:
			at += rnd.Int64N(3)
		case 2:
			at += rnd.Int64N(w)
		case 3:
			at += w - 1 + rnd.Int64N(3) // around the end of a window
		}
		events[i] = received{fmt.Sprint("e", i), at}
	}
	return events
}

func (on suite) testInOrderEqualsTheModel(t *testing.T) {
	rdb := on.rdb
	s := New(rdb, time.Hour)
	base := time.Now().Add(-24 * time.Hour) // and with any backlog
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		w := 1 + rnd.Int64N(20)
		key, m := newKey(t), model{window: w}
		var done []received
		answers := map[string]string{}
		for _, e := range sequence(rnd, 40, w) {
			answers[e.id] = m.next(e)
			done = append(done, e)
			check := func(e received) {
				t.Helper()
				got, err := s.Claim(t.Context(), key, e.id, base.Add(time.Duration(e.at)*us), time.Duration(w)*us)
				if err != nil {
					t.Fatal(err)
				}
				if got != answers[e.id] {
					t.Fatalf("seed %d, window %d: %v repeats %q, the model says %q; all: %v", seed, w, e, got, answers[e.id], done)
				}
			}
			check(e)
			for rnd.IntN(3) == 0 { // a worker crashed: one of the events so far is claimed again
				check(done[rnd.IntN(len(done))])
			}
		}
	}
}

// In any order: a repeat and its original lie in one window, the answers stay
// the same, and never fewer events are delivered than in order of receipt.
func (on suite) testAnyOrderLosesNothing(t *testing.T) {
	rdb := on.rdb
	s := New(rdb, time.Hour)
	base := time.Now()
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		w := 1 + rnd.Int64N(20)
		events := sequence(rnd, 25, w)
		m, exact := model{window: w}, 0
		for _, e := range events {
			if m.next(e) == "" {
				exact++
			}
		}
		order := slices.Clone(events)
		rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })

		key, originals := newKey(t), map[string]int64{}
		repeats := map[string]bool{}
		for i, e := range order {
			for _, e := range append([]received{e}, order[rnd.IntN(i+1)]) {
				got, err := s.Claim(t.Context(), key, e.id, base.Add(time.Duration(e.at)*us), time.Duration(w)*us)
				if err != nil {
					t.Fatal(err)
				}
				_, wasOriginal := originals[e.id]
				switch {
				case got == "" && repeats[e.id], got != "" && wasOriginal:
					t.Fatalf("seed %d, window %d: asked again, %v is %q; order: %v", seed, w, e, got, order[:i+1])
				case got == "":
					originals[e.id] = e.at
				default:
					repeats[e.id] = true
					at, ok := originals[got]
					if !ok || max(at-e.at, e.at-at) >= w {
						t.Fatalf("seed %d, window %d: %v repeats %s (an original: %v) at %d; order: %v", seed, w, e, got, ok, at, order[:i+1])
					}
				}
			}
		}
		if len(originals) < exact {
			t.Errorf("seed %d, window %d: %d delivered, in order %d; order: %v", seed, w, len(originals), exact, order)
		}
	}
}
