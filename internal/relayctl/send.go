package relayctl

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"accessrelay/internal/catalog"
	"accessrelay/internal/sender"
	"accessrelay/internal/source"
)

const (
	maxCount    = 1_000_000
	maxParallel = 256
	maxRate     = 100_000
	maxBody     = 64 << 20 // more than any relay takes
)

type sendCmd struct {
	URL      string        `name:"url" placeholder:"URL" help:"Where to: the source's hook."`
	KeyFile  string        `placeholder:"FILE" help:"The platform's private key, in PEM: EC P-256, P-384 or P-521, RSA or Ed25519."`
	Platform string        `default:"p0" placeholder:"NAME" help:"Whose samples."`
	Sample   []string      `placeholder:"NAME" help:"Which samples; the first of the list if none is named."`
	All      bool          `help:"Every sample of the platform."`
	List     bool          `help:"List the samples and send nothing."`
	Body     string        `placeholder:"FILE" help:"Send this body, as it is, instead of a sample; - is the standard input."`
	Count    int           `default:"1" placeholder:"N" help:"How many times. Each is an event of its own; with --body all but the first are repeats."`
	Rate     float64       `placeholder:"R" help:"At most so many a second."`
	Parallel int           `default:"1" placeholder:"N" help:"At most so many at a time."`
	Kid      string        `placeholder:"ID" help:"The token's kid."`
	Issuer   string        `placeholder:"TEXT" help:"The token's iss."`
	Audience string        `placeholder:"TEXT" help:"The token's aud."`
	Subject  string        `placeholder:"TEXT" help:"The token's sub."`
	TTL      time.Duration `name:"ttl" default:"5m" placeholder:"DURATION" help:"How long the token is good for."`
}

// Help implements kong.HelpProvider.
func (sendCmd) Help() string {
	return `Each webhook gets a token of its own, signed with the algorithm of the key's type: ES256, ES384, ES512,
RS256 or EdDSA. A line is printed for each of the first answers, and a summary of many. The exit code is 1
if any was refused.

Examples:

    relayctl send --url http://127.0.0.1:8080/v1/hooks/acme-p0 --key-file p0-private.pem --all
    relayctl send --url https://relay.example.com/v1/hooks/acme-p0 --key-file p0-private.pem --count 1000 --rate 50 --parallel 8`
}

// Run sends and reports.
func (c *sendCmd) Run(ctx context.Context, t *Terminal) error {
	samples := catalog.Samples(c.Platform)
	if samples == nil {
		return badUsage("--platform: there are no samples of %q (there are of %s)", c.Platform, strings.Join(catalog.PlatformNames(), ", "))
	}
	if c.List {
		return listSamples(t.Out, samples)
	}
	bodies, err := c.bodies(t.In, samples)
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	return c.send(ctx, client, bodies, t)
}

func listSamples(w io.Writer, samples []source.Sample) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "SAMPLE\tBECOMES")
	for _, s := range samples {
		fmt.Fprintf(tw, "%s\t%s\n", s.Name, s.Event)
	}
	return tw.Flush()
}

// body makes the bodies of one sample, or always the same.
type body struct {
	name string
	make func() []byte
}

func (c *sendCmd) bodies(in io.Reader, samples []source.Sample) ([]body, error) {
	given := 0
	for _, g := range []bool{len(c.Sample) > 0, c.All, c.Body != ""} {
		if g {
			given++
		}
	}
	if given > 1 {
		return nil, badUsage("--sample, --all and --body exclude each other")
	}
	if c.Body != "" {
		data, err := readBody(c.Body, in)
		if err != nil {
			return nil, fmt.Errorf("--body: %w", err)
		}
		return []body{{c.Body, func() []byte { return data }}}, nil
	}
	names := c.Sample
	switch {
	case c.All:
		for _, s := range samples {
			names = append(names, s.Name)
		}
	case len(names) == 0:
		names = []string{samples[0].Name}
	}
	var out []body
	for _, name := range names {
		i := indexOf(samples, name)
		if i < 0 {
			return nil, badUsage("--sample: there is no sample %q of %s; --list shows them", name, c.Platform)
		}
		out = append(out, body{name, func() []byte { return samples[i].Body(rand.Text()) }})
	}
	return out, nil
}

func indexOf(samples []source.Sample, name string) int {
	for i, s := range samples {
		if s.Name == name {
			return i
		}
	}
	return -1
}

func readBody(path string, in io.Reader) ([]byte, error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, shortPath(err)
		}
		defer func() { _ = f.Close() }() // only read
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxBody+1))
	if err != nil {
		return nil, shortPath(err)
	}
	if len(data) > maxBody {
		return nil, fmt.Errorf("%s: larger than %d MiB", path, maxBody>>20)
	}
	return data, nil
}

// client checks the settings of the connection and the token.
func (c *sendCmd) client() (*sender.Client, error) {
	for _, check := range []struct {
		wrong bool
		what  string
	}{
		{c.URL == "", "--url: is missing: the source's hook, such as http://127.0.0.1:8080/v1/hooks/acme-p0"},
		{c.KeyFile == "", "--key-file: is missing: the platform's private key; relayctl keygen p0 makes one"},
		{c.Count < 1 || c.Count > maxCount, fmt.Sprintf("--count: must be from 1 to %d", maxCount)},
		{c.Parallel < 1 || c.Parallel > maxParallel, fmt.Sprintf("--parallel: must be from 1 to %d", maxParallel)},
		{c.Rate < 0 || c.Rate > maxRate, fmt.Sprintf("--rate: must be more than 0 and at most %d", maxRate)},
		{c.TTL <= 0, "--ttl: must be more than 0"},
	} {
		if check.wrong {
			return nil, badUsage("%s", check.what)
		}
	}
	key, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("--key-file: %w", shortPath(err))
	}
	signer, err := sender.NewSigner(key)
	if err != nil {
		return nil, fmt.Errorf("--key-file: %s: %w", c.KeyFile, err)
	}
	signer.KeyID = c.Kid
	claims := sender.Claims{Issuer: c.Issuer, Audience: c.Audience, Subject: c.Subject, TTL: c.TTL}
	client, err := sender.New(c.URL, signer.JWT(claims))
	if err != nil {
		return nil, badUsage("--url: %v", err)
	}
	return client, nil
}
