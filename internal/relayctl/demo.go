package relayctl

import (
	"errors"
	"fmt"
	"strings"

	"accessrelay/internal/demo"
)

type demoCmd struct {
	ConfigDir string `required:"" placeholder:"DIR" help:"For what both programs read: the file, P0's public key, the recipient."`
	IngestDir string `placeholder:"DIR" help:"For what ingest alone reads: the secrets that it knows platforms by. Default is --config-dir."`
	WorkerDir string `required:"" placeholder:"DIR" help:"For what workers alone read: the identity, the webhook's signing secret."`
	SenderDir string `required:"" placeholder:"DIR" help:"For what the platform and the API's caller hold: the private key, the API key."`
	SinkURL   string `name:"sink-url" default:"http://127.0.0.1:8083" placeholder:"URL" help:"The inbox, as workers reach it."`
	SinkSMTP  string `name:"sink-smtp-addr" default:"127.0.0.1:8084" placeholder:"ADDR" help:"Where the inbox takes mail, as workers reach it."`
	HooksURL  string `name:"hooks-url" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The hooks, as you reach them: for the printed command."`
	APIURL    string `name:"api-url" default:"http://127.0.0.1:8081" placeholder:"URL" help:"The API, as you reach it: for the printed command."`
}

// Help implements kong.HelpProvider.
func (demoCmd) Help() string {
	return `Makes what is missing, leaves what it finds, and prints how to use it, each time with a fresh token of P0
that is good for 24 hours. deploy/compose.yaml runs it before the programs.

Example:

    relayctl demo --config-dir etc --ingest-dir ingest --worker-dir worker --sender-dir sender`
}

// Run prepares the demo and prints how to use it.
func (c *demoCmd) Run(t *Terminal) error {
	d, err := demo.Prepare(demo.Plan{
		ConfigDir: c.ConfigDir, IngestDir: c.IngestDir, WorkerDir: c.WorkerDir, SenderDir: c.SenderDir, InboxURL: c.SinkURL,
		MailAddr: c.SinkSMTP,
	})
	if errors.Is(err, demo.ErrInboxURL) {
		return badUsage("--sink-url: %w", err)
	}
	if errors.Is(err, demo.ErrMailAddr) {
		return badUsage("--sink-smtp-addr: %w", err)
	}
	if err != nil {
		return err
	}
	sources, err := d.Sources(t.lookup)
	if err != nil {
		return err
	}
	hooks, api := strings.TrimRight(c.HooksURL, "/"), strings.TrimRight(c.APIURL, "/")
	key := d.APIKey.Reveal()
	fmt.Fprintf(t.Out, "The demo is set up in %s.\n\n", d.ConfigFile)
	printHooks(t.Out, hooks, sources)
	fmt.Fprintf(t.Out, `  API        %s   X-Tenant-ID: %s
  API key    %s

Once the relay is up:

`, api, demo.TenantID, key)
	if err := printEvents(t.Out, hooks, sources); err != nil {
		return err
	}
	fmt.Fprintf(t.Out, "List the channels:\n\n%s\n", curlChannels(api, key))
	return nil
}
