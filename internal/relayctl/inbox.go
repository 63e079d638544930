package relayctl

import (
	"context"
	"fmt"
	"os"
	"strings"

	"accessrelay/internal/inbox"
	"accessrelay/internal/secret"
)

type inboxCmd struct {
	Addr              string            `default:"127.0.0.1:8083" placeholder:"ADDR" help:"Where to listen. Whoever reaches it can read what came in."`
	SigningSecretFile map[string]string `placeholder:"PATH=FILE" help:"Check the signatures at a path such as /webhook/siem with the whsec_… secret in this file. May be given several times."`
}

// Help implements kong.HelpProvider.
func (inboxCmd) Help() string {
	return `Takes what channels deliver, answers as the real destinations do, and shows it as it comes in. Channels post
to /slack/… and /webhook/…, whatever the rest of the path is. The page can make a path fail, to see how the
relay retries. Everything is kept in memory only.

Examples:

    relayctl inbox
    relayctl inbox --addr :8083 --signing-secret-file /webhook/siem=siem.secret`
}

// Run serves until ctx ends.
func (c *inboxCmd) Run(ctx context.Context, t *Terminal) error {
	if err := checkAddr(c.Addr); err != nil {
		return err
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
	return page{name: "inbox", addr: c.Addr, handler: in, close: in.Close}.serve(ctx, t)
}
