// Package ingestd is the ingest program as a value: every wire of it.
//
//	sender ─▶ hooks :8080 ─▶ ingest.Handler ─▶ authn, source.Check ─▶ queue.Client ─▶ Redis
//	person ─▶ API   :8081 ─▶ api            ─▶ channelstore, receipt, queue.Client ─▶ Redis
//	probe  ─▶ ops   :9090 ─▶ ops.Handler    ─▶ metrics, readiness
package ingestd

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"accessrelay/internal/api"
	"accessrelay/internal/catalog"
	"accessrelay/internal/channelstore"
	"accessrelay/internal/config"
	"accessrelay/internal/ingest"
	"accessrelay/internal/ops"
	"accessrelay/internal/queue"
	"accessrelay/internal/receipt"
	"accessrelay/internal/redisconn"
	"accessrelay/internal/secret"
)

// Options are what a [Daemon] is made of.
type Options struct {
	Settings  config.IngestSettings
	LookupEnv func(string) (string, bool) // for ${VAR} in the file
	Log       *slog.Logger
	// EmbeddedRedis skips the check that Redis is one to keep events in.
	EmbeddedRedis bool
}

// Daemon is the ingest program. See [ops.Daemon].
type Daemon struct {
	opts    Options
	log     *slog.Logger
	metrics *ingest.Metrics
	view    view
	ops     *ops.Handler

	receipts *receipt.Store

	hooksServer, apiServer, opsServer *ops.Server
	lifecycle                         *ops.Lifecycle
	failed                            chan error
	watching                          sync.WaitGroup
}

// Check looks at what of the settings can be judged without reading a file and
// without connecting. Its errors begin with the flag. [New] finds the same.
func Check(s config.IngestSettings) error {
	if err := redisconn.CheckURL(s.RedisURL.Reveal()); err != nil {
		return fmt.Errorf("--redis-url: %w", err)
	}
	_, err := newSealer(s.SecretsRecipients)
	return err
}

// New reads the config and connects everything. It fails on a wrong setting or
// file and on a Redis that is not suitable; one that does not answer yet is
// waited for in readiness.
func New(ctx context.Context, opts Options) (*Daemon, error) {
	s := opts.Settings
	d := &Daemon{opts: opts, log: opts.Log, lifecycle: ops.NewLifecycle(opts.Log), failed: make(chan error, 3)}
	reg := prometheus.NewRegistry()
	d.metrics = ingest.NewMetrics(reg, catalog.PlatformNames())
	if err := d.Reload(); err != nil {
		return nil, err
	}
	d.lifecycle.Add("authenticators", func(context.Context) error { d.view.close(); return nil })

	manner := []redisconn.Option{redisconn.WithAck(s.Ack)}
	if !opts.EmbeddedRedis { // which knows nothing of being full
		manner = append(manner, redisconn.ForIngest())
	}
	rdb, err := redisconn.Open(s.RedisURL.Reveal(), manner...)
	if err != nil {
		return nil, d.abandon(fmt.Errorf("--redis-url: %w", err))
	}
	d.lifecycle.Add("redis", func(context.Context) error { return rdb.Close() })
	gate, err := redisconn.Admit(ctx, rdb, redisconn.Terms{
		Embedded: opts.EmbeddedRedis, Role: redisconn.Ingest, Ack: s.Ack,
	}, opts.Log)
	if err != nil {
		return nil, d.abandon(fmt.Errorf("--redis-url: %w", err))
	}
	tasks := queue.NewClient(rdb)
	d.lifecycle.Add("queue client", func(context.Context) error { return tasks.Close() })

	hooks := ingest.Handler(ingest.Config{
		Source: d.view.source, SourceIDs: d.view.sourceIDs, Queue: tasks, MaxBody: s.MaxBody, EnqueueTimeout: s.EnqueueTimeout,
		Metrics: d.metrics, Log: opts.Log, Now: time.Now,
	})
	d.receipts = receipt.New(rdb, d.view.retention())
	sealer, err := newSealer(s.SecretsRecipients)
	if err != nil {
		return nil, d.abandon(err)
	}
	manage := api.New(api.Config{
		Tenants: d.view.tenants, FileChannels: d.view.channels, Kinds: catalog.Kinds(),
		PlainHTTP: d.view.plainHTTP, Admit: d.view.admit, Channels: channelstore.New(rdb), Receipts: d.receipts, Events: tasks,
		Sealer: sealer, Log: opts.Log,
	})
	d.ops = ops.NewHandler(reg, ops.ThisBuild(), map[string]ops.Check{
		"redis": gate.Check,
		"keys":  func(context.Context) error { return d.view.ready() },
	})
	d.hooksServer = ops.NewServer("hooks", s.HooksAddr, hooks, opts.Log)
	d.apiServer = ops.NewServer("api", s.APIAddr, manage, opts.Log)
	d.opsServer = ops.NewServer("ops", s.OpsAddr, d.ops, opts.Log)
	return d, nil
}

// newSealer returns a nil interface without recipients: the API says then
// which setting is missing.
func newSealer(recipients []string) (api.Sealer, error) {
	if len(recipients) == 0 {
		return nil, nil
	}
	s, err := secret.NewSealer(recipients...)
	if err != nil {
		return nil, fmt.Errorf("--secrets-recipients: %w", err)
	}
	return s, nil
}

// abandon undoes what New has done so far.
func (d *Daemon) abandon(err error) error {
	_ = d.lifecycle.Stop(context.Background())
	return err
}

// Start listens on all three addresses.
func (d *Daemon) Start() error {
	for _, l := range []struct {
		name string
		*ops.Server
	}{{"ops", d.opsServer}, {"api", d.apiServer}, {"hooks", d.hooksServer}} {
		s := l.Server
		if err := s.Start(); err != nil {
			return err
		}
		d.lifecycle.Add(l.name+" listener", s.Shutdown)
		d.watching.Add(1)
		go func() {
			defer d.watching.Done()
			if s.Addr() == "" {
				return
			}
			if err, ok := <-s.Failed(); ok {
				d.failed <- err
			}
		}()
	}
	return nil
}

// Failed implements [ops.Daemon].
func (d *Daemon) Failed() <-chan error { return d.failed }

// Reload implements [ops.Daemon].
func (d *Daemon) Reload() error {
	known := config.Known{Platforms: catalog.Platforms(), Kinds: catalog.Kinds()}
	file, err := config.Load(d.opts.Settings.Config, config.NeedAuth, known, d.opts.LookupEnv)
	if err != nil {
		return err
	}
	if err := d.view.replace(file, d.metrics, d.log); err != nil {
		return err
	}
	if d.receipts != nil { // nil at the start
		d.receipts.SetRetention(d.view.retention())
	}
	return nil
}

// Stop answers what has been asked, then lets go of Redis.
func (d *Daemon) Stop(ctx context.Context) error {
	d.ops.Drain()
	err := d.lifecycle.Stop(ctx)
	d.watching.Wait()
	return err
}

// HooksAddr is where the hooks listener is, "" when it is off.
func (d *Daemon) HooksAddr() string { return d.hooksServer.Addr() }

// APIAddr is where the API listener is, "" when it is off.
func (d *Daemon) APIAddr() string { return d.apiServer.Addr() }

// OpsAddr is where the ops listener is, "" when it is off.
func (d *Daemon) OpsAddr() string { return d.opsServer.Addr() }
