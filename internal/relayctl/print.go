package relayctl

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"accessrelay/internal/channel"
)

// plain are the headers of a request that no credential stands in.
var plain = []string{"Content-Type", "User-Agent", "Webhook-Id", "Webhook-Timestamp"}

// print shows the requests that send would make, as editors that send such files
// write them. What is not known to be plain is masked.
func (c *sendCmd) print(ctx context.Context, parties []*party, t *Terminal) error {
	complete, first := true, true
	for _, p := range parties {
		if p.missing != nil {
			fmt.Fprintf(t.Err, "%s: %v\n", p.name, p.missing)
			complete = false
		}
	}
	for range c.Count {
		for _, p := range parties {
			for _, b := range p.bodies {
				data := b.make()
				r, err := p.client.Request(ctx, data)
				if err != nil {
					return err
				}
				if !first {
					fmt.Fprintln(t.Out)
				}
				first = false
				fmt.Fprintf(t.Out, "### %s\n%s %s\n%s\n%s\n", p.title(b), r.Method, r.URL.Redacted(), maskedHeaders(r.Header),
					strings.TrimRight(string(data), "\n"))
			}
		}
	}
	if !complete {
		return errReported
	}
	return nil
}

func (p *party) title(b body) string {
	if p.name == "" {
		return p.platform + ": " + b.name
	}
	return p.name + ": " + b.name
}

// maskedHeaders is a line for each header. What precedes a credential of
// Authorization, its scheme, is shown.
func maskedHeaders(h http.Header) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			if !slices.Contains(plain, name) {
				scheme, _, ok := strings.Cut(value, " ")
				value = channel.Mask
				if ok && name == "Authorization" {
					value = scheme + " " + channel.Mask
				}
			}
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	return b.String()
}
