package relayctl

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"accessrelay/internal/config"
	"accessrelay/internal/dashboard"
	"accessrelay/internal/ops"
	"accessrelay/internal/queue"
	"accessrelay/internal/redisconn"
	"accessrelay/internal/secret"
)

// firstPing is how long Redis has for its first answer. Who has just started the
// dashboard is still looking when it is over.
const firstPing = 800 * time.Millisecond

type dashboardCmd struct {
	Addr            string `default:"127.0.0.1:8082" placeholder:"ADDR" help:"Where to listen."`
	RedisURL        string `name:"redis-url" default:"redis://127.0.0.1:6379/0" variable:"ACCESSRELAY_REDIS_URL" placeholder:"URL" help:"The relay's Redis, as for the programs."`
	PasswordFile    string `placeholder:"FILE" help:"The password to ask for is in this file."`
	Username        string `placeholder:"NAME" help:"The user name to ask for with it; any will do if none is given."`
	WithoutPassword bool   `help:"Listen on other addresses than loopback without a password: for a container whose port is published on loopback, or behind a proxy that asks for one."`
}

// Help implements kong.HelpProvider.
func (dashboardCmd) Help() string {
	return `Shows queues, tasks and retries. It changes nothing and hides what events say. It needs no config file.

Examples:

    relayctl dashboard --redis-url redis://127.0.0.1:6379/0
    relayctl dashboard --addr :8082 --password-file dashboard.password`
}

// Run serves until ctx ends.
func (c *dashboardCmd) Run(ctx context.Context, t *Terminal) error {
	if err := config.CheckEnviron(t.Environ); err != nil {
		return badUsage("%w", err)
	}
	password, err := c.password()
	if err != nil {
		return err
	}
	// The client warns of every try to connect; the page says it once.
	log, err := ops.NewLogger(t.Err, "error", "text")
	if err != nil {
		return err
	}
	redisconn.LogTo(log)
	rdb, err := redisconn.Open(c.RedisURL)
	if err != nil {
		return badUsage("--redis-url: %w", err)
	}
	defer func() { _ = rdb.Close() }() // nothing is under way any more
	h, err := dashboard.New(dashboard.Config{Redis: queue.ConnOpt(rdb), Username: c.Username, Password: password})
	if err != nil {
		return err
	}
	// Without Redis the page comes up all the same and says so itself.
	ping, cancel := context.WithTimeout(ctx, firstPing)
	defer cancel()
	if err := rdb.Ping(ping).Err(); err != nil && ctx.Err() == nil {
		fmt.Fprintf(t.Err, "relayctl: %s\n", t.message(fmt.Errorf("--redis-url: Redis does not answer yet: %w", err)))
	}
	return page{name: "dashboard", addr: c.Addr, handler: h}.serve(ctx, t)
}

func (c *dashboardCmd) password() (secret.String, error) {
	none := secret.String{}
	if err := checkAddr("addr", c.Addr); err != nil {
		return none, err
	}
	if c.PasswordFile != "" {
		if c.WithoutPassword {
			return none, badUsage("--password-file and --without-password exclude each other")
		}
		data, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return none, fmt.Errorf("--password-file: %w", shortPath(err))
		}
		p := strings.TrimRight(string(data), "\r\n")
		if p == "" {
			return none, fmt.Errorf("--password-file: %s: is empty", c.PasswordFile)
		}
		return secret.New(p), nil
	}
	switch {
	case c.Username != "":
		return none, badUsage("--username: needs --password-file too")
	case !isLoopback(c.Addr) && !c.WithoutPassword:
		return none, badUsage("--addr: others than this machine could reach %s: give --password-file, or --without-password if nobody else can", c.Addr)
	}
	return none, nil
}
