package ops

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLifecycleStopsInReverse(t *testing.T) {
	var buf bytes.Buffer
	l := NewLifecycle(slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{Level: slog.LevelDebug})))
	var got []string
	broken := errors.New("broken")
	for _, name := range []string{"redis", "pump", "listener"} {
		l.Add(name, func(context.Context) error {
			got = append(got, name)
			if name == "pump" {
				return broken
			}
			return nil
		})
	}
	err := l.Stop(context.Background())
	if want := []string{"listener", "pump", "redis"}; !slices.Equal(got, want) {
		t.Errorf("stopped %v, want %v", got, want)
	}
	if !errors.Is(err, broken) || err.Error() != "stopping pump: broken" {
		t.Errorf("Stop = %v", err)
	}
	for _, want := range []string{`level=DEBUG msg="shutdown step" step=listener took=`, "level=ERROR msg=\"shutdown step\" step=pump"} {
		if !strings.Contains(buf.String(), want) {
			t.Errorf("log lacks %q:\n%s", want, buf.String())
		}
	}
	if err := l.Stop(context.Background()); err != nil || len(got) != 3 {
		t.Errorf("a second Stop = %v and ran %v", err, got[3:])
	}
}

func TestLifecycleIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLifecycle(quiet)
		release := make(chan struct{})
		closed := false
		l.Add("redis", func(context.Context) error { closed = true; return nil })
		l.Add("stuck", func(context.Context) error { <-release; return nil }) // heeds no context
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		start := time.Now()
		err := l.Stop(ctx)
		if took, want := time.Since(start), 10*time.Second+lateGrace; took != want {
			t.Errorf("Stop took %v, want %v", took, want)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "stopping stuck: abandoned") {
			t.Errorf("Stop = %v, want that stuck was abandoned", err)
		}
		if !closed {
			t.Error("the step after the stuck one did not run")
		}
		close(release)
	})
}
