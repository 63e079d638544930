package relayctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"accessrelay/internal/inbox"
	"accessrelay/internal/ops"
	"accessrelay/internal/secret"
)

type inboxCmd struct {
	Addr              string            `default:"127.0.0.1:8083" placeholder:"ADDR" help:"Where to listen. Whoever reaches it can read what came in."`
	SMTPAddr          string            `name:"smtp-addr" default:"127.0.0.1:8084" placeholder:"ADDR" help:"Where to take mail; empty takes none."`
	SigningSecretFile map[string]string `placeholder:"PATH=FILE" help:"Check the signatures at a path such as /webhook/siem with the whsec_… secret in this file. May be given several times."`
}

// Help implements kong.HelpProvider.
func (inboxCmd) Help() string {
	return `Takes what channels deliver, answers as the real destinations do, and shows it as it comes in. Channels post
to /slack/…, /webhook/… and (as the endpoint of SNS) /sns/…, whatever the rest of the path is. Mail for
NAME@any.domain is shown as /email/NAME: there is no TLS and no login, and nothing is passed on. The page can make
a path fail, to see how the relay retries. Everything is kept in memory only.

Examples:

    relayctl inbox
    relayctl inbox --addr :8083 --smtp-addr :8084 --signing-secret-file /webhook/siem=siem.secret`
}

// Run serves until ctx ends.
func (c *inboxCmd) Run(ctx context.Context, t *Terminal) error {
	if err := checkAddr("addr", c.Addr); err != nil {
		return err
	}
	if c.SMTPAddr != "" {
		if err := checkAddr("smtp-addr", c.SMTPAddr); err != nil {
			return err
		}
	}
	secrets := map[string]secret.String{}
	for path, file := range c.SigningSecretFile {
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("--signing-secret-file: %w", shortPath(err))
		}
		secrets[path] = secret.New(strings.TrimSpace(string(data)))
	}
	in, err := inbox.New(inbox.Config{Secrets: secrets})
	if err != nil {
		return fmt.Errorf("--signing-secret-file: %w", err)
	}
	p := page{name: "inbox", addr: c.Addr, handler: in, close: in.Close}
	if c.SMTPAddr == "" {
		return p.serve(ctx, t)
	}
	return c.withMail(ctx, in, p, t)
}

// withMail serves the page and the mail listener until ctx ends or one of them fails.
func (c *inboxCmd) withMail(ctx context.Context, in *inbox.Inbox, p page, t *Terminal) error {
	log, err := ops.NewLogger(t.Err, "warn", "text")
	if err != nil {
		return err
	}
	mail, err := inbox.ListenMail(c.SMTPAddr, log)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("--smtp-addr: %s is taken: give another address, or none", c.SMTPAddr)
	}
	if err != nil {
		return fmt.Errorf("--smtp-addr: %w", err)
	}
	mail.Serve(in)
	fmt.Fprintf(t.Out, "mail: smtp://%s\n", browsable(mail.Addr()))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if err, failed := <-mail.Failed(); failed {
			cancel(err)
		}
	}()
	err = p.serve(ctx, t)
	stopping, done := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer done()
	err = errors.Join(err, mail.Shutdown(stopping))
	<-watched
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	return err
}
