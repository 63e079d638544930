// Package workerd is the worker program as a value: every wire of it.
//
//	Redis ─▶ queue.Pump ─▶ relay.Event    ─▶ dedup, channelstore, receipt ─▶ queue.Client ─▶ Redis
//	Redis ─▶ queue.Pump ─▶ relay.Delivery ─▶ transport.* ─▶ destination
//	                       gate (Redis) ◀┴▶ receipt ─▶ Redis
//	10 s  ─▶ relay.Sweep ─▶ receipt ─▶ queue.Client ─▶ Redis
//	probe ─▶ ops :9091  ─▶ ops.Handler    ─▶ metrics, readiness
package workerd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"accessrelay/internal/catalog"
	"accessrelay/internal/channelstore"
	"accessrelay/internal/config"
	"accessrelay/internal/dedup"
	"accessrelay/internal/gate"
	"accessrelay/internal/gauges"
	"accessrelay/internal/ops"
	"accessrelay/internal/queue"
	"accessrelay/internal/receipt"
	"accessrelay/internal/redisconn"
	"accessrelay/internal/relay"
	"accessrelay/internal/safenet"
	"accessrelay/internal/secret"
	"accessrelay/internal/source/canonical"
	"accessrelay/internal/transport"
	"accessrelay/internal/transport/email"
	"accessrelay/internal/transport/slack"
	"accessrelay/internal/transport/sns"
	"accessrelay/internal/transport/webhook"
)

const (
	// eventConcurrency is how many events are normalised and fanned out at a
	// time. They wait for Redis only, never for a destination.
	eventConcurrency = 16

	// backlogAllowance is for how long after a window's end a backlog is still
	// judged exactly.
	backlogAllowance = time.Hour

	// handBack is what is left of the shutdown's time for handing unfinished
	// tasks back to the queue.
	handBack = 2 * time.Second

	// sweepEvery is how often a worker looks for deliveries whose task vanished.
	sweepEvery = 10 * time.Second
)

// Options are what a [Daemon] is made of.
type Options struct {
	Settings  config.WorkerSettings
	LookupEnv func(string) (string, bool) // for ${VAR} in the file
	Log       *slog.Logger
	// EmbeddedRedis skips the check that Redis is one to keep events in.
	EmbeddedRedis bool
}

// Daemon is the worker program. See [ops.Daemon].
type Daemon struct {
	opts      Options
	view      view
	follow    func(*config.File) // what else a reload changes; nil before New is done with it
	pump      *queue.Pump
	steps     *relay.Relay
	tasks     *queue.Client
	pumping   atomic.Bool // from the pump's start to its end
	ops       *ops.Handler
	opsServer *ops.Server
	lifecycle *ops.Lifecycle
	failed    chan error
	watching  sync.WaitGroup
}

// Check looks at what of the settings can be judged without reading a file and
// without connecting. Its errors begin with the flag. [New] finds the same.
func Check(s config.WorkerSettings) error {
	if err := redisconn.CheckURL(s.RedisURL.Reveal()); err != nil {
		return fmt.Errorf("--redis-url: %w", err)
	}
	_, err := proxyURL(s.ProxyURL)
	return err
}

// New reads the config and connects everything. It fails on a wrong setting or
// file and on a Redis that is not suitable; one that does not answer yet is
// waited for in readiness.
func New(ctx context.Context, opts Options) (*Daemon, error) {
	s := opts.Settings
	d := &Daemon{opts: opts, lifecycle: ops.NewLifecycle(opts.Log), failed: make(chan error, 1)}
	if err := d.Reload(); err != nil {
		return nil, err
	}
	opener, err := newOpener(s.SecretsIdentityFile)
	if err != nil {
		return nil, err
	}
	rdb, err := d.openRedis()
	if err != nil {
		return nil, err
	}
	d.lifecycle.Add("redis", func(context.Context) error { return rdb.Close() })
	pumpRDB, err := d.openRedis()
	if err != nil {
		return nil, d.abandon(err)
	}
	d.lifecycle.Add("redis of the pump", func(context.Context) error {
		if d.pumping.Load() { // it did not end in time: asynq panics when its Redis is closed under it
			return nil
		}
		return pumpRDB.Close()
	})
	terms, err := redisconn.Admit(ctx, rdb, redisconn.Terms{
		Embedded: opts.EmbeddedRedis, Role: redisconn.Worker, Ack: s.Ack,
	}, opts.Log)
	if err != nil {
		return nil, d.abandon(fmt.Errorf("--redis-url: %w", err))
	}

	tasks := queue.NewClient(rdb)
	d.lifecycle.Add("queue client", func(context.Context) error { return tasks.Close() })
	d.tasks = tasks
	kinds := catalog.Kinds()
	store := channelstore.New(rdb)
	channels := channelstore.NewDirectory(store, opener, kinds, d.view.channels)
	receipts := receipt.New(rdb, receipt.Retention(d.view.file().Retention))
	proxy, err := proxyURL(s.ProxyURL)
	if err != nil {
		return nil, d.abandon(err)
	}
	tenants, operator := newGuards(proxy)
	clients := transport.Clients{Tenant: tenants.Client(), Operator: operator.Client()}
	guards := transport.Guards{Tenant: tenants, Operator: operator}
	d.follow = func(f *config.File) {
		receipts.SetRetention(receipt.Retention(f.Retention))
		tenants.SetPolicy(safenet.Policy{Allow: f.Delivery.AllowNetworks})
		operator.SetPolicy(safenet.Policy{Allow: f.Delivery.AllowNetworks, Operator: true})
	}
	d.follow(d.view.file())
	d.lifecycle.Add("connections to destinations", func(context.Context) error {
		tenants.CloseIdleConnections()
		operator.CloseIdleConnections()
		return nil
	})
	gates := gate.New(rdb)
	reg := prometheus.NewRegistry()
	d.steps = relay.New(relay.Config{
		Source: d.view.source, Platform: platform,
		Claims: dedup.New(rdb, backlogAllowance), Records: receipts,
		Channels: channels, Switch: store, Queue: relayQueue{tasks}, Gate: relayGate{gates}, Concurrency: s.Concurrency,
		Transports: []transport.Transport{
			slack.New(clients), email.New(guards), webhook.New(clients), sns.New(clients, sns.NewChain(proxy), d.view.relayAWS),
		},
		Policy:  d.view.policy,
		Metrics: relay.NewMetrics(reg, append(catalog.PlatformNames(), canonical.Names()...), catalog.ChannelTypes()),
		Log:     opts.Log, Now: time.Now,
	})
	d.pump = queue.NewPump(pumpRDB, queue.PumpConfig{
		Handlers: queue.Handlers{
			Event:    func(ctx context.Context, t queue.EventTask) error { return d.steps.Event(ctx, relay.Accepted(t)) },
			Delivery: func(ctx context.Context, t queue.DeliveryTask) error { return d.steps.Delivery(ctx, relay.Due(t)) },
		},
		EventConcurrency: eventConcurrency, DeliveryConcurrency: s.Concurrency + relay.Waiting, Room: d.steps.Room,
		ShutdownTimeout: max(s.ShutdownTimeout-handBack, s.ShutdownTimeout/2), Log: opts.Log,
	})
	reg.MustRegister(gauges.New(gauges.Config{
		Depths: tasks, DeadLetters: receipts, Channels: channels, Breakers: gates,
		Tenants: d.view.tenants, ChannelTypes: catalog.ChannelTypes(), Log: opts.Log,
	}))
	d.ops = ops.NewHandler(reg, ops.ThisBuild(), map[string]ops.Check{"redis": terms.Check})
	d.opsServer = ops.NewServer("ops", s.OpsAddr, d.ops, opts.Log)
	return d, nil
}

func (d *Daemon) openRedis() (redis.UniversalClient, error) {
	s := d.opts.Settings
	manner := []redisconn.Option{redisconn.WithAck(s.Ack)}
	if !d.opts.EmbeddedRedis { // which knows nothing of being full
		manner = append(manner, redisconn.ForWorker())
	}
	rdb, err := redisconn.Open(s.RedisURL.Reveal(), manner...)
	if err != nil {
		return nil, fmt.Errorf("--redis-url: %w", err)
	}
	return rdb, nil
}

// newOpener returns a nil interface without an identity: channels that the API
// sealed say then which setting is missing.
func newOpener(file string) (channelstore.Opener, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--secrets-identity-file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	o, err := secret.NewOpener(f)
	if err != nil {
		return nil, fmt.Errorf("--secrets-identity-file: %s: %w", file, err)
	}
	return o, nil
}

// newGuards makes what guards the ways out: tenants' channels reach the public
// internet and what the operator admits, the file's also private addresses.
func newGuards(proxy *url.URL) (tenants, operator *safenet.Guard) {
	opts := safenet.Options{ProxyURL: proxy}
	return safenet.NewGuard(safenet.Policy{}, opts), safenet.NewGuard(safenet.Policy{Operator: true}, opts)
}

// proxyURL is the proxy for everything that goes out, nil for none.
func proxyURL(setting secret.String) (*url.URL, error) {
	if setting.IsZero() {
		return nil, nil
	}
	u, err := url.Parse(setting.Reveal())
	if err != nil {
		return nil, errors.New("--proxy-url: not a URL") // the error would quote it
	}
	return u, nil
}

// relayQueue is the queue as the relay's steps see it.
type relayQueue struct{ tasks *queue.Client }

func (q relayQueue) EnqueueEvent(ctx context.Context, a relay.Accepted) error {
	return q.tasks.EnqueueEvent(ctx, queue.EventTask(a))
}

func (q relayQueue) EnqueueDelivery(ctx context.Context, d relay.Due) error {
	return q.tasks.EnqueueDelivery(ctx, queue.DeliveryTask(d))
}

func (q relayQueue) HoldsEvent(ctx context.Context, eventID string) (bool, error) {
	return q.tasks.HoldsEvent(ctx, eventID)
}

func (q relayQueue) ResumeDelivery(ctx context.Context, d relay.Due) (bool, error) {
	return q.tasks.ResumeDelivery(ctx, queue.DeliveryTask(d))
}

// relayGate is the gate as the relay's steps see it.
type relayGate struct{ gates *gate.Gate }

func (g relayGate) Enter(ctx context.Context, e relay.Entry) (relay.Pass, error) {
	p, err := g.gates.Enter(ctx, gate.Entry(e))
	return relay.Pass(p), err
}

func (g relayGate) Report(ctx context.Context, e relay.Entry, p relay.Pass, r relay.Result) (relay.News, error) {
	n, err := g.gates.Report(ctx, gate.Entry(e), gate.Pass(p), gate.Result(r))
	return relay.News(n), err
}

// abandon undoes what New has done so far.
func (d *Daemon) abandon(err error) error {
	_ = d.lifecycle.Stop(context.Background())
	return err
}

// Start listens and begins to take tasks.
func (d *Daemon) Start() error {
	if err := d.opsServer.Start(); err != nil {
		return err
	}
	d.lifecycle.Add("ops listener", d.opsServer.Shutdown)
	if d.opsServer.Addr() != "" {
		d.watching.Add(1)
		go func() {
			defer d.watching.Done()
			if err, ok := <-d.opsServer.Failed(); ok {
				d.failed <- err
			}
		}()
	}
	ctx, stop := context.WithCancel(context.Background())
	sweeping := make(chan struct{})
	go func() {
		defer close(sweeping)
		d.sweep(ctx)
	}()
	d.lifecycle.Add("sweep", func(wait context.Context) error {
		stop()
		select {
		case <-sweeping:
			return nil
		case <-wait.Done():
			return wait.Err()
		}
	})
	d.pumping.Store(true)
	if err := d.pump.Start(); err != nil {
		return err
	}
	d.lifecycle.Add("pump", func(context.Context) error {
		d.steps.Drain()
		d.pump.Shutdown()
		d.pumping.Store(false)
		return nil
	})
	return nil
}

// sweep looks for lost deliveries until ctx ends.
func (d *Daemon) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		once, cancel := context.WithTimeout(ctx, sweepEvery)
		err := errors.Join(d.steps.Sweep(once), d.tasks.Tidy(once))
		cancel()
		if err != nil && ctx.Err() == nil {
			d.opts.Log.Warn("the sweep for lost deliveries is not complete; it is repeated", "error", err, "after", sweepEvery)
		}
	}
}

// Failed implements [ops.Daemon].
func (d *Daemon) Failed() <-chan error { return d.failed }

// Reload implements [ops.Daemon].
func (d *Daemon) Reload() error {
	known := config.Known{Platforms: catalog.Platforms(), Kinds: catalog.Kinds()}
	file, err := config.Load(d.opts.Settings.Config, config.NeedChannels, known, d.opts.LookupEnv)
	if err != nil {
		return err
	}
	d.view.replace(file)
	if d.follow != nil {
		d.follow(file)
	}
	return nil
}

// Stop lets running deliveries finish, then lets go of Redis.
func (d *Daemon) Stop(ctx context.Context) error {
	d.ops.Drain()
	err := d.lifecycle.Stop(ctx)
	d.watching.Wait()
	return err
}

// OpsAddr is where the ops listener is, "" when off.
func (d *Daemon) OpsAddr() string { return d.opsServer.Addr() }
