package ops

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"syscall"
	"testing"
	"time"
)

// daemon notes what it was told.
type daemon struct {
	startErr  error
	reloadErr error
	failed    chan error
	told      chan string
	budget    time.Duration // what was left for Stop
}

func (d *daemon) Start() error         { d.told <- "start"; return d.startErr }
func (d *daemon) Failed() <-chan error { return d.failed }
func (d *daemon) Reload() error        { d.told <- "reload"; return d.reloadErr }
func (d *daemon) Stop(ctx context.Context) error {
	deadline, _ := ctx.Deadline()
	d.budget = time.Until(deadline)
	d.told <- "stop"
	return ctx.Err()
}

func runDaemon(t *testing.T, d *daemon, act func(cancel context.CancelFunc)) error {
	t.Helper()
	d.failed, d.told = make(chan error, 1), make(chan string, 8)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- Run(ctx, d, time.Minute, slog.New(slog.DiscardHandler)) }()
	d.expect(t, "start")
	act(cancel)
	d.expect(t, "stop")
	return <-done
}

func (d *daemon) expect(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-d.told:
		if got != want {
			t.Errorf("told to %s, want %s", got, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("never told to %s", want)
	}
}

func signalMyself(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Fatal(err)
	}
}

func TestRunStopsAtTheEndOfItsContext(t *testing.T) {
	d := &daemon{}
	if err := runDaemon(t, d, func(cancel context.CancelFunc) { cancel() }); err != nil {
		t.Error(err)
	}
	if d.budget < 50*time.Second {
		t.Errorf("Stop was given %v of a minute", d.budget)
	}
}

func TestRunStopsAtSIGTERM(t *testing.T) {
	if err := runDaemon(t, &daemon{}, func(context.CancelFunc) { signalMyself(t, syscall.SIGTERM) }); err != nil {
		t.Error(err)
	}
}

func TestRunReloadsAtSIGHUPAndGoesOn(t *testing.T) {
	d := &daemon{reloadErr: errors.New("line 3: what is this")}
	err := runDaemon(t, d, func(cancel context.CancelFunc) {
		for range 2 {
			signalMyself(t, syscall.SIGHUP)
			d.expect(t, "reload")
		}
		cancel()
	})
	if err != nil {
		t.Errorf("a config that cannot be reloaded ended the program: %v", err)
	}
}

func TestRunEndsWhenTheDaemonFails(t *testing.T) {
	d, broken := &daemon{}, errors.New("serving hooks: broken")
	if err := runDaemon(t, d, func(context.CancelFunc) { d.failed <- broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestRunUndoesAStartThatFailed(t *testing.T) {
	d := &daemon{startErr: errors.New("--hooks-addr: in use")}
	if err := runDaemon(t, d, func(context.CancelFunc) {}); !errors.Is(err, d.startErr) {
		t.Errorf("got %v", err)
	}
}
