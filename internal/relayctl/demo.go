package relayctl

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"accessrelay/internal/demo"
)

type demoCmd struct {
	ConfigDir string `required:"" placeholder:"DIR" help:"For what both programs read: the file, the source's public key, the recipient."`
	WorkerDir string `required:"" placeholder:"DIR" help:"For what workers alone read: the identity, the webhook's signing secret."`
	SenderDir string `required:"" placeholder:"DIR" help:"For what the platform and the API's caller hold: the private key, the API key."`
	SinkURL   string `name:"sink-url" default:"http://127.0.0.1:8083" placeholder:"URL" help:"The inbox, as workers reach it."`
	HooksURL  string `name:"hooks-url" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The hooks, as you reach them: for the printed command."`
	APIURL    string `name:"api-url" default:"http://127.0.0.1:8081" placeholder:"URL" help:"The API, as you reach it: for the printed command."`
}

// Help implements kong.HelpProvider.
func (demoCmd) Help() string {
	return `Makes what is missing, leaves what it finds, and prints how to use it, each time with a fresh token that is
good for 24 hours. deploy/compose.yaml runs it before the programs.

Example:

    relayctl demo --config-dir etc --worker-dir worker --sender-dir sender`
}

// Run prepares the demo and prints how to use it.
func (c *demoCmd) Run(t *Terminal) error {
	d, err := demo.Prepare(demo.Plan{
		ConfigDir: c.ConfigDir, WorkerDir: c.WorkerDir, SenderDir: c.SenderDir, InboxURL: c.SinkURL,
	})
	if errors.Is(err, demo.ErrInboxURL) {
		return badUsage("--sink-url: %w", err)
	}
	if err != nil {
		return err
	}
	token, err := d.P0Token(time.Now())
	if err != nil {
		return err
	}
	hook := strings.TrimRight(c.HooksURL, "/") + "/v1/hooks/" + demo.P0Source
	api := strings.TrimRight(c.APIURL, "/")
	key := d.APIKey.Reveal()
	fmt.Fprintf(t.Out, `The demo is set up in %s.

  Hooks      %s
  API        %s   X-Tenant-ID: %s
  API key    %s

Once the relay is up, paste this as often as you like, for %s: each time it is one more event from P0.

%s

List the channels:

%s
`, d.ConfigFile, hook, api, demo.TenantID, key,
		hours(demo.TokenTTL), curlEvent(hook, token), curlChannels(api, key))
	return nil
}
