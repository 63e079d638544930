package relayctl

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/alecthomas/kong"

	"accessrelay/internal/demo"
	"accessrelay/internal/devstack"
	"accessrelay/internal/ops"
	"accessrelay/internal/redisconn"
)

const (
	samplesTimeout = time.Minute
	// More than the 5 s for which net/http waits on a connection that a client
	// opened and has not used yet.
	stopTimeout = 10 * time.Second
)

type devCmd struct {
	HooksPort     int  `default:"${hooks_port}" placeholder:"PORT" help:"Where webhooks come in."`
	APIPort       int  `name:"api-port" default:"${api_port}" placeholder:"PORT" help:"The management API."`
	DashboardPort int  `default:"${dashboard_port}" placeholder:"PORT" help:"The dashboard of the queues."`
	InboxPort     int  `default:"${inbox_port}" placeholder:"PORT" help:"The inbox that all channels deliver to."`
	MailPort      int  `default:"${mail_port}" placeholder:"PORT" help:"Where the inbox takes mail."`
	IngestOpsPort int  `default:"${ingest_ops_port}" placeholder:"PORT" help:"Metrics and health of ingest."`
	WorkerOpsPort int  `default:"${worker_ops_port}" placeholder:"PORT" help:"Metrics and health of the worker."`
	FreePorts     bool `help:"Take free ports instead of all of these."`
	Verbose       bool `short:"v" help:"Show the log of both programs, not its warnings only."`
}

// ports fills in the defaults of the flags.
func ports(p devstack.Ports) kong.Vars {
	return kong.Vars{
		"hooks_port": strconv.Itoa(p.Hooks), "api_port": strconv.Itoa(p.API),
		"dashboard_port": strconv.Itoa(p.Dashboard), "inbox_port": strconv.Itoa(p.Inbox), "mail_port": strconv.Itoa(p.Mail),
		"ingest_ops_port": strconv.Itoa(p.IngestOps), "worker_ops_port": strconv.Itoa(p.WorkerOps),
	}
}

// Help implements kong.HelpProvider.
func (devCmd) Help() string {
	return `Runs ingest, a worker, the dashboard and an inbox with a Redis in memory, all in this process and on
127.0.0.1 only. It makes keys, configures a source of every platform and a channel of every type that
delivers to the inbox, sends samples, and prints URLs and commands to paste. Nothing survives its exit.

Examples:

    relayctl dev
    relayctl dev --hooks-port 18080 --verbose
    relayctl dev --free-ports`
}

// Run runs until ctx ends or a part fails.
func (c *devCmd) Run(ctx context.Context, t *Terminal) error {
	ports := devstack.Ports{
		Hooks: c.HooksPort, API: c.APIPort, Dashboard: c.DashboardPort,
		Inbox: c.InboxPort, Mail: c.MailPort, IngestOps: c.IngestOpsPort, WorkerOps: c.WorkerOpsPort,
	}
	if c.FreePorts {
		ports = devstack.Ports{}
	}
	level := "warn"
	if c.Verbose {
		level = "info"
	}
	log, err := ops.NewLogger(t.Err, level, "text")
	if err != nil {
		return err
	}
	redisconn.LogTo(log)
	fmt.Fprintln(t.Out, "accessrelay dev: starting …")
	stack, err := devstack.Start(ctx, devstack.Options{Ports: ports, Log: log, AtKill: t.AtKill})
	if err != nil {
		return err
	}
	err = c.run(ctx, stack, t)
	// A cancelled ctx is how dev is meant to end, so stopping has its own time.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if stopErr := stack.Stop(stopping); err == nil {
		err = stopErr
	}
	fmt.Fprintln(t.Out, "\naccessrelay dev: stopped; nothing is left of it.")
	return err
}

func (c *devCmd) run(ctx context.Context, s *devstack.Stack, t *Terminal) error {
	sending, cancel := context.WithTimeout(ctx, samplesTimeout)
	defer cancel()
	report, err := s.SendSamples(sending)
	if ctx.Err() != nil {
		return nil // asked to stop before all was delivered
	}
	if err != nil {
		return err
	}
	if err := c.print(s, report, t); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.Failed():
		return err
	}
}

func (c *devCmd) print(s *devstack.Stack, r devstack.Report, t *Terminal) error {
	sources, err := s.Demo.Sources(t.lookup)
	if err != nil {
		return err
	}
	key := s.Demo.APIKey.Reveal()
	fmt.Fprintf(t.Out, `
The relay runs, all of it in this process. NOTHING SURVIVES ITS EXIT: no event, no channel, no key.
%d sample events went in and were delivered %d times, in %s.

  Inbox      %s   what the channels delivered: open it and watch
  Mail       %s          SMTP: what comes here is in the inbox too
  Dashboard  %s   the queues
`, r.Sent, r.Delivered, shortTime(r.Took), s.URLs.Inbox, s.URLs.Mail, s.URLs.Dashboard)
	printHooks(t.Out, s.URLs.Hooks, sources)
	fmt.Fprintf(t.Out, `  API        %s   X-Tenant-ID: %s
  API key    %s
  Metrics    %s/metrics (ingest), %s/metrics (worker)
  Config     %s

`, s.URLs.API, demo.TenantID, key, s.URLs.IngestOps, s.URLs.WorkerOps, s.Demo.ConfigFile)
	if err := printEvents(t.Out, s.URLs.Hooks, sources); err != nil {
		return err
	}
	fmt.Fprintf(t.Out, `Every sample of every platform once more:

%s %s

List the channels:

%s

Ctrl-C stops it.
`, t.program(), words("send", "--config", s.Demo.ConfigFile, "--url", s.URLs.Hooks, "--key-file", s.Demo.P0KeyFile, "--all"),
		curlChannels(s.URLs.API, key))
	return nil
}
