package relayctl

import (
	"cmp"
	"fmt"
	"text/tabwriter"

	"accessrelay/internal/catalog"
	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// list shows the samples: of the sources that are named, else of platforms.
func (c *sendCmd) list(t *Terminal) error {
	tw := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
	show := func(of string, p source.Platform, samples []source.Sample) {
		for _, s := range samples {
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", of, s.Name, cmp.Or(wordOf(p, s), "-"), s.Event)
		}
	}
	if c.Config != "" || len(c.Source) > 0 {
		c.All = c.All || len(c.Source) == 0 && c.Platform == ""
		parties, err := c.fromFile(t)
		if err != nil {
			return err
		}
		fmt.Fprintln(tw, "SOURCE\tSAMPLE\tSENT AS\tBECOMES")
		for _, p := range parties {
			show(p.name, p.reads, p.samples)
		}
		return tw.Flush()
	}
	names := catalog.PlatformNames()
	if c.Platform != "" {
		if _, err := samplesOf(c.Platform); err != nil {
			return err
		}
		names = []string{c.Platform}
	}
	platforms := catalog.Platforms()
	fmt.Fprintln(tw, "PLATFORM\tSAMPLE\tSENT AS\tBECOMES")
	for _, name := range names {
		show(name, platforms[name], catalog.Samples(name))
	}
	return tw.Flush()
}

// wordOf is what the sample's platform itself calls the event; empty for one that
// only a source's settings give words.
func wordOf(p source.Platform, s source.Sample) string {
	var e event.Event
	p.Normalize(s.Body("1"), &e)
	return oneLine(e.PlatformEvent)
}
