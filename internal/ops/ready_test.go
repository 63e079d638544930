package ops

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestReadinessIsAtMostASecondOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		var down error
		r := newReadiness(map[string]Check{"redis": func(context.Context) error {
			calls++
			return down
		}})

		steps := []struct {
			after     time.Duration // since the step before
			down      error
			wantCalls int
			wantFail  string
		}{
			{0, nil, 1, ""},
			{999 * time.Millisecond, errors.New("refused"), 1, ""},
			{time.Millisecond, errors.New("refused"), 2, "refused"},
			{500 * time.Millisecond, nil, 2, "refused"},
			{500 * time.Millisecond, nil, 3, ""},
		}
		for i, s := range steps {
			time.Sleep(s.after) // of the bubble's clock
			down = s.down
			got := r.failed()["redis"]
			if got != s.wantFail || calls != s.wantCalls {
				t.Errorf("step %d: failed %q after %d calls, want %q after %d", i, got, calls, s.wantFail, s.wantCalls)
			}
		}
	})
}

// A slow check must not stretch the age: it counts from the start of the run.
func TestReadinessAgeCountsFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		r := newReadiness(map[string]Check{"slow": func(context.Context) error {
			calls.Add(1)
			time.Sleep(700 * time.Millisecond)
			return nil
		}})
		r.failed()
		time.Sleep(299 * time.Millisecond)
		r.failed()
		if n := calls.Load(); n != 1 {
			t.Errorf("%d calls 999 ms after the start of the first, want 1", n)
		}
		time.Sleep(time.Millisecond)
		r.failed()
		if n := calls.Load(); n != 2 {
			t.Errorf("%d calls 1 s after the start of the first, want 2", n)
		}
	})
}

func TestReadinessIsSingleFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		r := newReadiness(map[string]Check{"redis": func(context.Context) error {
			calls.Add(1)
			time.Sleep(100 * time.Millisecond)
			return errors.New("refused")
		}})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got := r.failed()["redis"]; got != "refused" {
					t.Errorf("failed %q, want refused", got)
				}
			})
		}
		wg.Wait()
		if n := calls.Load(); n != 1 {
			t.Errorf("20 askers at once made %d calls, want 1", n)
		}
	})
}

func TestReadinessWithAHungCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		release := make(chan struct{})
		r := newReadiness(map[string]Check{
			"hung": func(context.Context) error { // heeds no context
				calls.Add(1)
				<-release
				return nil
			},
			"fine": func(context.Context) error { return nil },
		})
		want := map[string]string{"hung": "no answer within 750ms"}
		for range 3 {
			start := time.Now()
			got := r.failed()
			if took := time.Since(start); took >= time.Second {
				t.Errorf("answered after %v, want less than 1s", took)
			}
			if !maps.Equal(got, want) {
				t.Errorf("failed %v, want %v", got, want)
			}
			time.Sleep(2 * time.Second)
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("a check that hangs was started %d times, want 1", n)
		}
		close(release)
		synctest.Wait()
		if got := r.failed(); len(got) != 0 {
			t.Errorf("failed %v after the check came back, want none", got)
		}
	})
}

func TestReadinessSaysTimeoutPlainly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReadiness(map[string]Check{"redis": func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("dialing: %w", ctx.Err())
		}})
		if got := r.failed()["redis"]; got != "no answer within 750ms" {
			t.Errorf("failed %q", got)
		}
	})
}
