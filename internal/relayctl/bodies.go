package relayctl

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"accessrelay/internal/catalog"
	"accessrelay/internal/source"
)

const maxBody = 64 << 20 // more than any relay takes

// body makes the bodies of one sample, or always the same.
type body struct {
	name string
	make func() []byte
}

// addBodies says what each of the parties is to send.
func (c *sendCmd) addBodies(in io.Reader, parties []*party) error {
	given := 0
	for _, g := range []bool{len(c.Sample) > 0, c.All, c.Body != ""} {
		if g {
			given++
		}
	}
	if given > 1 {
		return badUsage("--sample, --all and --body exclude each other")
	}
	if c.Body == "" {
		for _, p := range parties {
			err := c.addSamples(p)
			switch {
			case errors.Is(err, errNoSample) && len(parties) > 1:
				p.missing = err
			case errors.Is(err, errNoSample):
				return fmt.Errorf("%s: %w", p.name, err)
			case err != nil:
				return err
			}
		}
		return nil
	}
	data, err := readBody(c.Body, in)
	if err != nil {
		return fmt.Errorf("--body: %w", err)
	}
	for _, p := range parties {
		p.bodies = []body{{c.Body, func() []byte { return data }}}
	}
	return nil
}

// errNoSample is of a source that reads events in a way that no sample shows.
var errNoSample = errors.New("there is no sample of what the source reads: send a body of your own with --body")

func (c *sendCmd) addSamples(p *party) error {
	if len(p.samples) == 0 {
		return errNoSample
	}
	chosen := p.samples[:1]
	switch {
	case c.All:
		chosen = p.samples
	case len(c.Sample) == 0 && c.Platform != "":
		chosen = p.samples
	case len(c.Sample) > 0:
		chosen = nil
		for _, name := range c.Sample {
			i := indexOf(p.samples, name)
			if i < 0 {
				return badUsage("--sample: there is no sample %q of %s; --list shows them", name, p.platform)
			}
			chosen = append(chosen, p.samples[i])
		}
	}
	for _, s := range chosen {
		p.bodies = append(p.bodies, body{s.Name, func() []byte { return s.Body(rand.Text()) }})
	}
	return nil
}

// samplesOf returns the samples of a platform that no source sets up.
func samplesOf(platform string) ([]source.Sample, error) {
	samples := catalog.Samples(platform)
	if len(samples) == 0 {
		return nil, badUsage("--platform: there are no samples of %q (there are of %s)", platform, strings.Join(catalog.PlatformNames(), ", "))
	}
	return samples, nil
}

func indexOf(samples []source.Sample, name string) int {
	return slices.IndexFunc(samples, func(s source.Sample) bool { return s.Name == name })
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
