package dedup

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/redistest"
)

const (
	window = 2 * time.Hour
	us     = time.Microsecond
)

// claim is one step of a scenario: the event is claimed, received at a time
// after the scenario's start, and want is the answer.
type claim struct {
	id   string
	at   time.Duration
	want string
}

// scenarios run in the order of the slice, which is the order of processing.
var scenarios = []struct {
	name   string
	window time.Duration
	claims []claim
}{
	{"first", window, []claim{{"a", 0, ""}}},
	{"repeat at once", window, []claim{{"a", 0, ""}, {"b", 0, "a"}}},
	{"one microsecond before the end", window, []claim{{"a", 0, ""}, {"b", window - us, "a"}}},
	{"at the end", window, []claim{{"a", 0, ""}, {"b", window, ""}}},
	{"one microsecond after the end", window, []claim{{"a", 0, ""}, {"b", window + us, ""}}},
	{"repeats do not refresh the window", window, []claim{
		{"a", 0, ""}, {"b", window / 2, "a"}, {"c", window - us, "a"}, {"d", window, ""},
		{"e", 2*window - us, "d"}, {"f", 2 * window, ""},
	}},
	{"a crashed worker goes on", window, []claim{
		{"a", 0, ""}, {"a", 0, ""}, {"b", 1, "a"}, {"b", 1, "a"}, {"a", 0, ""},
		{"c", window, ""}, {"a", 0, ""}, {"b", 1, "a"}, {"c", window, ""},
	}},
	{"no window", 0, []claim{{"a", 0, ""}, {"b", 0, ""}, {"a", 0, ""}}},
	{"negative window", -time.Second, []claim{{"a", 0, ""}, {"b", 0, ""}}},
	{"shortest window", us, []claim{{"a", 0, ""}, {"b", 0, "a"}, {"c", us, ""}}},
	{"out of order: the window starts at the first", window, []claim{
		{"b", time.Second, ""}, {"a", 0, "b"}, {"c", window - us, "b"}, {"d", window, ""},
		{"a", 0, "b"}, {"b", time.Second, ""}, {"c", window - us, "b"},
	}},
	{"out of order by a microsecond less than a window", window, []claim{
		{"b", window - us, ""}, {"a", 0, "b"}, {"c", window, ""},
	}},
	{"out of order by a window: two originals", window, []claim{
		{"b", window, ""}, {"a", 0, ""}, {"c", window - us, "a"}, {"d", window, "b"},
	}},
	{"the window does not move off its original", window, []claim{
		{"c", 2 * time.Hour, ""}, {"b", time.Hour, "c"},
		{"a", 0, ""}, // within a window of b, but b was never delivered, and c is a window away
		{"b", time.Hour, "c"}, {"c", 2 * time.Hour, ""}, {"d", time.Hour - us, "a"},
	}},
	{"the window does not move off a repeat it suppressed", window, []claim{
		{"b", time.Hour, ""}, {"c", 3*time.Hour - us, "b"},
		{"a", 0, ""}, // c stays covered: asked again, it is still a repeat
		{"c", 3*time.Hour - us, "b"}, {"d", time.Hour, "b"},
	}},
	{"the window moves as far as it may", window, []claim{
		{"b", time.Hour, ""}, {"c", 2 * time.Hour, "b"}, {"a", us, "b"}, {"z", 0, ""},
		{"c", 2 * time.Hour, "b"}, {"d", 2*time.Hour + us, ""},
	}},
	{"an earlier original comes before a later one", window, []claim{
		{"a", 0, ""}, {"c", 3*time.Hour - us, ""}, {"b", window - us, "a"}, {"d", window, "c"},
		{"e", 4*time.Hour - us, "c"}, {"f", 4 * time.Hour, ""},
	}},
}

// TestStore is the contract, on every Redis that the relay is run on.
func TestStore(t *testing.T) {
	for name, rdb := range redistest.Backends(t) {
		on := suite{rdb}
		t.Run(name, func(t *testing.T) {
			t.Run("claim", on.testClaim)
			t.Run("release", on.testRelease)
			t.Run("claim is for one", on.testClaimIsForOne)
			t.Run("claims expire", on.testClaimsExpire)
			t.Run("in order, as model", on.testInOrderEqualsTheModel)
			t.Run("any order", on.testAnyOrderLosesNothing)
		})
	}
}

type suite struct{ rdb redis.UniversalClient } // on one of them

func (on suite) testClaim(t *testing.T) {
	rdb := on.rdb
	// The workers come to the events at once, a moment later, or after they
	// were down over the end of every window: the answers are the same.
	for _, late := range []time.Duration{0, time.Minute, 9 * time.Hour, 100 * 24 * time.Hour} {
		start := time.Now().Add(-late)
		for _, tt := range scenarios {
			t.Run(fmt.Sprintf("%s/%v late", tt.name, late), func(t *testing.T) {
				s, key := New(rdb, time.Hour), newKey(t)
				for i, c := range tt.claims {
					got, err := s.Claim(t.Context(), key, c.id, start.Add(c.at), tt.window)
					if err != nil {
						t.Fatal(err)
					}
					if got != c.want {
						t.Errorf("claim %d: %s received after %v repeats %q, want %q", i, c.id, c.at, got, c.want)
					}
				}
			})
		}
	}
	t.Run("keys are apart", func(t *testing.T) {
		s, a, b := New(rdb, time.Hour), newKey(t), newKey(t)
		for _, key := range []string{a, b} {
			if got, err := s.Claim(t.Context(), key, "e"+key, time.Now(), window); got != "" || err != nil {
				t.Errorf("Claim = %q, %v", got, err)
			}
		}
	})
	t.Run("nothing is stored without a window", func(t *testing.T) {
		s, key := New(rdb, time.Hour), newKey(t)
		mustClaim(t, s, key, "a", time.Now(), 0, "")
		if n := rdb.Exists(t.Context(), claimsKey(key)).Val(); n != 0 {
			t.Error("a claim was stored")
		}
	})
}

func (on suite) testRelease(t *testing.T) {
	rdb := on.rdb
	now := time.Now()
	s, key := New(rdb, time.Hour), newKey(t)
	release := func(id string) {
		t.Helper()
		for range 2 { // a crashed worker does it again
			if err := s.Release(t.Context(), key, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	release("unknown")
	mustClaim(t, s, key, "a", now, window, "")
	mustClaim(t, s, key, "b", now.Add(time.Second), window, "a")
	release("b") // a repeat has no claim to give up
	mustClaim(t, s, key, "c", now.Add(2*time.Second), window, "a")
	release("a")
	mustClaim(t, s, key, "d", now.Add(3*time.Second), window, "")
	mustClaim(t, s, key, "e", now.Add(4*time.Second), window, "d")
	mustClaim(t, s, key, "b", now.Add(time.Second), window, "d") // asked again: now it repeats d
	release("d")
	if members := rdb.ZRange(t.Context(), claimsKey(key), 0, -1).Val(); len(members) != 0 {
		t.Errorf("after everything was released: %v", members)
	}
}

func (on suite) testClaimIsForOne(t *testing.T) {
	rdb := on.rdb
	const workers = 64
	s, key, now := New(rdb, time.Hour), newKey(t), time.Now()
	answers := make([]string, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			// Every other one was received earlier than the one before it.
			at := now.Add(time.Duration(i^1) * us)
			got, err := s.Claim(t.Context(), key, fmt.Sprint("e", i), at, window)
			if err != nil {
				t.Error(err)
			}
			answers[i] = got
		})
	}
	wg.Wait()
	original := ""
	for i, got := range answers {
		if got == "" {
			if original != "" {
				t.Fatalf("both %s and e%d are originals", original, i)
			}
			original = fmt.Sprint("e", i)
		}
	}
	for i, got := range answers {
		if got != "" && got != original {
			t.Errorf("e%d repeats %s, the original is %s", i, got, original)
		}
	}
	if original == "" {
		t.Error("nothing is the original: an event is lost")
	}
}

func (on suite) testClaimsExpire(t *testing.T) {
	rdb := on.rdb
	ctx, now := t.Context(), time.Now()
	for _, tt := range []struct {
		name       string
		receivedAt time.Time
		want       time.Time // when the key goes
	}{
		{"received just now", now, now.Add(3 * time.Hour)},
		{"received long ago", now.Add(-50 * time.Hour), now.Add(3 * time.Hour)},
		{"received by a clock that is ahead", now.Add(10 * time.Minute), now.Add(3*time.Hour + 10*time.Minute)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, key := New(rdb, time.Hour), newKey(t)
			mustClaim(t, s, key, "a", tt.receivedAt, window, "")
			ttl := rdb.PTTL(ctx, claimsKey(key)).Val()
			if off := time.Until(tt.want) - ttl; off.Abs() > time.Minute {
				t.Errorf("goes in %v, want %v", ttl, time.Until(tt.want))
			}
			mustClaim(t, s, key, "b", tt.receivedAt.Add(-time.Minute), window, "a")
			if after := rdb.PTTL(ctx, claimsKey(key)).Val(); after < ttl-2*time.Minute {
				t.Errorf("an earlier event cut the time from %v to %v", ttl, after)
			}
		})
	}
	t.Run("members are trimmed", func(t *testing.T) {
		s, key := New(rdb, time.Hour), newKey(t)
		for i := range 50 {
			at := now.Add(time.Duration(i) * time.Hour)
			if _, err := s.Claim(ctx, key, fmt.Sprint("e", i), at, window); err != nil {
				t.Fatal(err)
			}
		}
		// Three hours are kept: two originals and their notes at most.
		if n := rdb.ZCard(ctx, claimsKey(key)).Val(); n > 4 {
			t.Errorf("%d members are left", n)
		}
	})
	t.Run("kept through the allowance", func(t *testing.T) {
		s, key := New(rdb, time.Hour), newKey(t)
		mustClaim(t, s, key, "a", now, window, "")
		mustClaim(t, s, key, "z", now.Add(3*time.Hour-us), window, "")
		mustClaim(t, s, key, "b", now.Add(time.Minute), window, "a") // very late
	})
}

func TestClaimNeedsRedis(t *testing.T) {
	srv := redistest.Start(t)
	rdb := redis.NewClient(&redis.Options{Addr: srv.Addr(), MaxRetries: -1, DialerRetries: 1})
	defer func() { _ = rdb.Close() }()
	s := New(rdb, time.Hour)
	srv.Kill()
	if got, err := s.Claim(t.Context(), "k", "evt_1", time.Now(), window); err == nil || !strings.Contains(err.Error(), "evt_1") {
		t.Errorf("Claim = %q, %v; want an error that names the event", got, err)
	}
	if err := s.Release(t.Context(), "k", "evt_1"); err == nil {
		t.Error("Release without Redis: no error")
	}
}

// The figures of the package comment.
func TestMemory(t *testing.T) {
	rdb := redistest.Start(t).Client()
	s, key, now := New(rdb, time.Hour), strings.Repeat("0", 64), time.Now()
	const a, b = "evt_01jd0000000000000000000000", "evt_01jd0000000000000000000001"
	for _, step := range []struct {
		id       string
		at       time.Time
		original string
		max      int64
	}{
		{a, now, "", 184},
		{b, now.Add(time.Second), a, 184 + 32},
	} {
		mustClaim(t, s, key, step.id, step.at, window, step.original)
		got, err := rdb.MemoryUsage(t.Context(), claimsKey(key), 0).Result()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("after %s: %d bytes", step.id, got)
		if got > step.max {
			t.Errorf("after %s: %d bytes, documented are %d", step.id, got, step.max)
		}
	}
}

func BenchmarkClaim(b *testing.B) {
	s, now := New(redistest.Start(b).Client(), time.Hour), time.Now()
	for _, bb := range []struct {
		name string
		id   func(i int) (key, id string)
	}{
		{"original", func(i int) (string, string) { return fmt.Sprint("k", i), "e" }},
		{"repeat", func(i int) (string, string) { return "k", fmt.Sprint("e", i) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				key, id := bb.id(i)
				if _, err := s.Claim(b.Context(), key, id, now, window); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func mustClaim(t *testing.T, s *Store, key, id string, at time.Time, window time.Duration, want string) {
	t.Helper()
	got, err := s.Claim(t.Context(), key, id, at, window)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("Claim(%s) = %q, want %q", id, got, want)
	}
}

var keys struct {
	sync.Mutex
	n int
}

// newKey is a key that no other test uses.
func newKey(t *testing.T) string {
	t.Helper()
	keys.Lock()
	defer keys.Unlock()
	keys.n++
	return fmt.Sprintf("%s %d", t.Name(), keys.n)
}

// What is no claim is an error, and not an answer.
func TestClaimOfAnotherLayout(t *testing.T) {
	for name, rdb := range redistest.Backends(t) {
		s := New(rdb, time.Hour)
		rdb.HSet(t.Context(), claimsKey("k"), "v", 2)
		if got, err := s.Claim(t.Context(), "k", "a", time.Now(), window); err == nil {
			t.Errorf("%s: Claim = %q", name, got)
		}
		if v := rdb.HGet(t.Context(), claimsKey("k"), "v").Val(); v != "2" {
			t.Errorf("%s: it was changed to %q", name, v)
		}
	}
}
