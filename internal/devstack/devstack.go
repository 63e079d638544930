// Package devstack is the whole relay in one process, for trying it out and
// for development: Redis in memory, both programs, the dashboard, and an inbox
// that everything is delivered to. Nothing survives its end.
//
//	samples ─▶ ingestd ─▶ miniredis ─▶ workerd ─▶ inbox ◀─ browser
//	                          └──────▶ dashboard ◀──────────┘
package devstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"accessrelay/internal/config"
	"accessrelay/internal/demo"
	"accessrelay/internal/ingestd"
	"accessrelay/internal/ops"
	"accessrelay/internal/workerd"
)

// enqueueTimeout is longer than a real ingest's: the Redis is in the same process,
// and a laptop that is busy building must not answer 503 to its first samples.
const enqueueTimeout = "5s"

// Options are what a [Stack] is made of.
type Options struct {
	Ports Ports // the zero value takes free ones
	Log   *slog.Logger
	// AtKill, unless nil, is told what must be done even when the process is killed
	// before [Stack.Stop] is done: the folder holds keys.
	AtKill func(last func())
}

// Stack is a relay that runs.
type Stack struct {
	Demo *demo.Demo
	URLs URLs

	making    sync.Mutex // held while dir is made or filled
	dir       string
	log       *slog.Logger
	lifecycle *ops.Lifecycle
	failed    chan error
	done      chan struct{} // closed by Stop
	watching  sync.WaitGroup
}

// URLs are where everything is: http://127.0.0.1:port, without a slash at the end.
type URLs struct {
	Hooks, API, Dashboard, Inbox, IngestOps, WorkerOps string
	Mail                                               string // host:port of the inbox's mail listener
}

// HookURL is where the source's platform posts to.
func (u URLs) HookURL(sourceID string) string { return u.Hooks + "/v1/hooks/" + sourceID }

// Start makes a demo in a temporary folder and starts everything. The errors
// of taken ports name the flag of relayctl dev. The caller calls Stop.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if err := o.Ports.check(); err != nil {
		return nil, err
	}
	s := &Stack{log: o.Log, lifecycle: ops.NewLifecycle(o.Log), failed: make(chan error, 8), done: make(chan struct{})}
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context, o Options) error {
	if err := s.makeFolder(o.AtKill); err != nil {
		return err
	}
	redis, err := startRedis()
	if err != nil {
		return err
	}
	s.lifecycle.Add("embedded redis", func(context.Context) error { redis.close(); return nil })

	if err := s.startDashboard(o.Ports.Dashboard, redis.url()); err != nil {
		return err
	}
	if err := s.startInbox(o.Ports); err != nil {
		return err
	}
	if err := s.startWorker(ctx, o.Ports, redis.url()); err != nil {
		return err
	}
	return s.startIngest(ctx, o.Ports, redis.url())
}

func (s *Stack) startIngest(ctx context.Context, ports Ports, redisURL string) error {
	settings, err := config.ParseIngest([]string{
		"--config=" + s.Demo.ConfigFile, "--redis-url=" + redisURL, "--secrets-recipients=" + s.Demo.Recipient,
		"--enqueue-timeout=" + enqueueTimeout, "--hooks-addr=" + addr(ports.Hooks), "--api-addr=" + addr(ports.API), "--ops-addr=" + addr(ports.IngestOps),
	}, nil, io.Discard)
	if err != nil {
		return fmt.Errorf("settings of ingest: %w", err)
	}
	d, err := ingestd.New(ctx, ingestd.Options{
		Settings: settings, LookupEnv: noVariables, Log: s.log.With("program", "ingest"), EmbeddedRedis: true,
	})
	if err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	s.lifecycle.Add("ingest", d.Stop)
	if err := d.Start(); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	s.watch("ingest", d.Failed())
	s.URLs.Hooks, s.URLs.API, s.URLs.IngestOps = "http://"+d.HooksAddr(), "http://"+d.APIAddr(), "http://"+d.OpsAddr()
	return nil
}

func (s *Stack) startWorker(ctx context.Context, ports Ports, redisURL string) error {
	settings, err := config.ParseWorker([]string{
		"--config=" + s.Demo.ConfigFile, "--redis-url=" + redisURL,
		"--secrets-identity-file=" + s.Demo.IdentityFile, "--ops-addr=" + addr(ports.WorkerOps),
	}, nil, io.Discard)
	if err != nil {
		return fmt.Errorf("settings of the worker: %w", err)
	}
	d, err := workerd.New(ctx, workerd.Options{
		Settings: settings, LookupEnv: noVariables, Log: s.log.With("program", "worker"), EmbeddedRedis: true,
	})
	if err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	s.lifecycle.Add("worker", d.Stop)
	if err := d.Start(); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	s.watch("worker", d.Failed())
	s.URLs.WorkerOps = "http://" + d.OpsAddr()
	return nil
}

// makeFolder makes the temporary folder and sees to it that it goes away.
func (s *Stack) makeFolder(atKill func(last func())) error {
	if atKill != nil {
		atKill(s.wipe)
	}
	s.making.Lock()
	defer s.making.Unlock()
	dir, err := os.MkdirTemp("", "accessrelay-dev-")
	if err != nil {
		return fmt.Errorf("making a temporary folder: %w", err)
	}
	s.dir = dir
	s.lifecycle.Add("temporary folder", func(context.Context) error { return os.RemoveAll(dir) })
	return nil
}

// wipe removes the folder as the process is killed, and keeps it from being made
// or filled after that.
func (s *Stack) wipe() {
	s.making.Lock() // for good
	if s.dir != "" {
		_ = os.RemoveAll(s.dir) // there is nobody left to tell
	}
}

// noVariables: the demo's config refers to none, and none of the caller's
// environment is its business.
func noVariables(string) (string, bool) { return "", false }

// watch passes on what a part has to say when it can no longer do its job.
func (s *Stack) watch(name string, failed <-chan error) {
	s.watching.Add(1)
	go func() {
		defer s.watching.Done()
		select {
		case err, ok := <-failed:
			if ok {
				s.failed <- fmt.Errorf("%s: %w", name, err)
			}
		case <-s.done:
		}
	}()
}

// Failed yields an error when a part of the stack can no longer do its job.
func (s *Stack) Failed() <-chan error { return s.failed }

// Stop ends everything, last in first out, and deletes what was made. It is
// called once.
func (s *Stack) Stop(ctx context.Context) error {
	err := s.lifecycle.Stop(ctx)
	close(s.done)
	s.watching.Wait()
	return err
}
