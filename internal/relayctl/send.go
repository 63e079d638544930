package relayctl

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	maxCount    = 1_000_000
	maxParallel = 256
	maxRate     = 100_000
)

type sendCmd struct {
	Config    string        `placeholder:"FILE" help:"The relay's file, with its sources and their credentials. $ACCESSRELAY_CONFIG, default accessrelay.yaml."`
	Source    []string      `placeholder:"ID" help:"As the platform of this source of the file. May be repeated."`
	Platform  string        `placeholder:"NAME" help:"As the platform of the file's only source of that platform: every sample, unless --sample or --body says otherwise. Without a file: whose samples."`
	URL       string        `name:"url" placeholder:"URL" help:"Where the relay is, as in https://relay.example.com: the path of the source is added. A URL with a path is used as it is. Default http://127.0.0.1:8080."`
	Sample    []string      `placeholder:"NAME" help:"Which samples. If none is named: the first of the list, or with --platform all."`
	All       bool          `help:"Every sample; of every source of the file, if neither --source nor --platform names one."`
	List      bool          `help:"List the samples and send nothing."`
	Print     bool          `help:"Print the requests, with their credentials masked, and send nothing."`
	Body      string        `placeholder:"FILE" help:"Send this body, as it is, instead of a sample; - is the standard input."`
	Count     int           `default:"1" placeholder:"N" help:"How many times. Each is an event of its own; with --body all but the first are repeats."`
	Rate      float64       `placeholder:"R" help:"At most so many a second."`
	Parallel  int           `default:"1" placeholder:"N" help:"At most so many at a time."`
	KeyFile   string        `placeholder:"FILE" help:"For jwt: the platform's private key, in PEM: EC P-256, P-384 or P-521, RSA or Ed25519."`
	TokenFile string        `placeholder:"FILE" help:"Instead of a key: a file with the bearer token, such as one from an identity provider."`
	Kid       string        `placeholder:"ID" help:"The token's kid."`
	Issuer    string        `placeholder:"TEXT" help:"The token's iss. Default is what the file asks for; so for the next two."`
	Audience  string        `placeholder:"TEXT" help:"The token's aud."`
	Subject   string        `placeholder:"TEXT" help:"The token's sub."`
	TTL       time.Duration `name:"ttl" default:"5m" placeholder:"DURATION" help:"How long the token is good for."`
}

// Help implements kong.HelpProvider.
func (sendCmd) Help() string {
	return `Stands in for the platforms: takes a source of the file, and posts samples of what its platform sends to
its hook, with the credentials that the file asks for; of several secrets the first. For a source with jwt,
whose file holds the public key alone, it takes the private one as well, or a token.

With --source it posts the first sample, with --platform or --all every one: of each event that the platform
has. Without the file it takes --url, with its path, and --key-file or --token-file; --platform is then whose
samples, and without it the first of p0 is posted.

A line is printed for each answer, of a long burst for the first refusals, and a summary of many. The exit
code is 1 if any was refused.

Examples:

    relayctl send --config etc/accessrelay.yaml --all --key-file p0-private.pem
    relayctl send --config etc/accessrelay.yaml --source acme-apono --sample request-created
    relayctl send --platform apono --url https://relay.example.com --count 100 --rate 50 --parallel 8
    relayctl send --url http://127.0.0.1:8080/v1/hooks/acme-p0 --key-file p0-private.pem --all
    relayctl send --platform apono --print
    relayctl send --list`
}

// Run sends and reports.
func (c *sendCmd) Run(ctx context.Context, t *Terminal) error {
	if c.List {
		return c.list(t)
	}
	if err := c.check(); err != nil {
		return err
	}
	parties, err := c.parties(t)
	if err != nil {
		return err
	}
	if err := c.addBodies(t.In, parties); err != nil {
		return err
	}
	if err := c.connect(ctx, parties, t); err != nil {
		return err
	}
	defer func() {
		for _, p := range parties {
			p.close()
		}
	}()
	if c.Print {
		return c.print(ctx, parties, t)
	}
	return c.send(ctx, parties, t)
}

// check refuses settings that make no sense.
func (c *sendCmd) check() error {
	for _, check := range []struct {
		wrong bool
		what  string
	}{
		{c.Count < 1 || c.Count > maxCount, fmt.Sprintf("--count: must be from 1 to %d", maxCount)},
		{c.Parallel < 1 || c.Parallel > maxParallel, fmt.Sprintf("--parallel: must be from 1 to %d", maxParallel)},
		{c.Rate < 0 || c.Rate > maxRate, fmt.Sprintf("--rate: must be more than 0 and at most %d", maxRate)},
		{c.TTL <= 0, "--ttl: must be more than 0"},
		{c.KeyFile != "" && c.TokenFile != "", "--key-file and --token-file exclude each other"},
		{c.URL != "" && !strings.Contains(c.URL, "://"), "--url: http:// (or https://) is missing before it, as in " + localHooks},
		{c.Platform != "" && len(c.Source) > 0, "--source and --platform exclude each other: a source has its platform"},
	} {
		if check.wrong {
			return badUsage("%s", check.what)
		}
	}
	return nil
}
