package ingestd

import (
	"log/slog"
	"testing"
	"time"

	"accessrelay/internal/authn"
	"accessrelay/internal/ingest"
	"accessrelay/internal/ratelimit"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// limitOf loads a file whose only source has that rate, and returns what keeps it.
func limitOf(t *testing.T, v *view, r *ratelimit.Rate) *rate.Limiter {
	t.Helper()
	f := fileOf(nil)
	of := fileOf(map[string]authn.Config{"a": bearerConfig("S3CR3T-0123456789abcdef")}).Tenants[0].Sources
	of[0].RateLimit = r
	f.Tenants[0].Sources = of
	if err := v.replace(f, ingest.NewMetrics(prometheus.NewRegistry(), []string{"p0"}), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	s, ok := v.source("a")
	if !ok {
		t.Fatal("the source is gone")
	}
	return s.Limit
}

// One second's worth may come at once, but at least one.
func TestLimit(t *testing.T) {
	for text, want := range map[string]struct {
		each  time.Duration // between two events in the long run
		burst int
	}{
		"100/s": {10 * time.Millisecond, 100}, "1/s": {time.Second, 1}, "60/m": {time.Second, 1}, "119/m": {time.Minute / 119, 1},
		"600/m": {100 * time.Millisecond, 10}, "1000/h": {3600 * time.Millisecond, 1}, "1/h": {time.Hour, 1},
	} {
		r, err := ratelimit.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		v := &view{}
		l := limitOf(t, v, &r)
		if off := 1/float64(l.Limit()) - want.each.Seconds(); off > 1e-9 || off < -1e-9 || l.Burst() != want.burst {
			t.Errorf("%s: %v a second, %d at once; want one in %v, %d at once", text, l.Limit(), l.Burst(), want.each, want.burst)
		}
		v.close()
	}
	v := &view{}
	if l := limitOf(t, v, nil); l != nil {
		t.Errorf("a source without a rate has the limit %v", l.Limit())
	}
	v.close()
}

// A reload gives nobody a fresh second, unless it changes the rate.
func TestReloadKeepsLimits(t *testing.T) {
	v := &view{}
	defer v.close()
	first := limitOf(t, v, &ratelimit.Rate{N: 5, Per: time.Minute})
	if again := limitOf(t, v, &ratelimit.Rate{N: 5, Per: time.Minute}); again != first {
		t.Error("a reload that changes nothing makes a new limit")
	}
	other := limitOf(t, v, &ratelimit.Rate{N: 5, Per: time.Hour})
	if other == first || other == nil {
		t.Error("a reload with another rate keeps the limit")
	}
	if l := limitOf(t, v, nil); l != nil {
		t.Error("a reload without a rate keeps the limit")
	}
	if l := limitOf(t, v, &ratelimit.Rate{N: 5, Per: time.Hour}); l == nil || l == other {
		t.Error("a rate that comes back brings no limit, or one from long ago")
	}
}
