package relayctl

import (
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"time"

	"accessrelay/internal/authn"
	"accessrelay/internal/catalog"
	"accessrelay/internal/channel"
	"accessrelay/internal/config"
)

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Read the file as the programs do, and say what it means."`
}

type configCheckCmd struct {
	File string `arg:"" optional:"" help:"The file. $ACCESSRELAY_CONFIG, default accessrelay.yaml."`
	For  string `default:"both" enum:"ingest,worker,both" placeholder:"PROGRAM" help:"Whose secrets to look up: ingest, worker or both."`
}

// Help implements kong.HelpProvider.
func (configCheckCmd) Help() string {
	return `Each program looks up only the secrets that it needs: ingest those of auth, workers those of channels. On a
machine that has not both, say which one you mean. The exit code is 1 if the program would refuse the file.

Examples:

    relayctl config check accessrelay.yaml
    relayctl config check --for ingest /etc/accessrelay/accessrelay.yaml`
}

var needs = map[string]config.Need{
	"ingest": config.NeedAuth, "worker": config.NeedChannels, "both": config.NeedAuth | config.NeedChannels,
}

// Run checks the file and explains it.
func (c *configCheckCmd) Run(t *Terminal) error {
	if err := config.CheckEnviron(t.Environ); err != nil {
		return err
	}
	c.File = configFile(c.File, t)
	f, err := c.load(c.For, t)
	if err != nil {
		if c.For != "both" {
			return err
		}
		for _, one := range []string{"ingest", "worker"} {
			if _, oneErr := c.load(one, t); oneErr == nil {
				return fmt.Errorf("%w (for %s alone the file is right: --for %s)", err, one, one)
			}
		}
		return err
	}
	whom := c.For
	if whom == "both" {
		whom = "ingest and worker"
	}
	fmt.Fprintf(t.Out, "%s is right for %s.\n", c.File, whom)
	explain(t.Out, f)
	return nil
}

func (c *configCheckCmd) load(program string, t *Terminal) (*config.File, error) {
	return loadFile(c.File, needs[program], t)
}

func explain(w io.Writer, f *config.File) {
	for _, tenant := range f.Tenants {
		fmt.Fprintf(w, "\nTenant %s (%s)\n", tenant.Name, tenant.ID)
		explainKeys(w, tenant)
		for _, s := range tenant.Sources {
			fmt.Fprintf(w, "  Source %s: %s posts to /v1/hooks/%s\n", s.ID, s.Platform.Name(), s.ID)
			fmt.Fprintf(w, "    known by %s\n", describeAuth(s.Auth))
			if s.DedupWindow == 0 {
				fmt.Fprintln(w, "    repeats are not recognised: dedup_window is 0")
			} else {
				fmt.Fprintf(w, "    repeats within %s are dropped\n", span(s.DedupWindow))
			}
		}
		for _, ch := range tenant.Channels {
			explainChannel(w, ch)
		}
		if len(tenant.Sources) > 0 && len(tenant.Channels) == 0 {
			fmt.Fprintln(w, "  No channel in the file: events go to those made through the API, else nowhere.")
		}
	}
	d := f.Delivery
	fmt.Fprintf(w, "\nDelivery: 1 attempt of at most %s and up to %d retries after %s; throttled ones wait up to %s\n",
		span(d.Timeout), d.MaxRetries, list(d.Backoff, span), span(d.MaxAge))
	if len(d.AllowNetworks) > 0 {
		fmt.Fprintf(w, "  channels made through the API may reach %v\n", list(d.AllowNetworks, netip.Prefix.String))
	}
	kept := "until they are replayed or deleted"
	if f.Retention.DeadLetters > 0 {
		kept = "for " + span(f.Retention.DeadLetters)
	}
	fmt.Fprintf(w, "Retention: receipts for %s, dead letters %s\n", span(f.Retention.Receipts), kept)
}

func explainKeys(w io.Writer, t *config.Tenant) {
	if len(t.APIKeys) == 0 {
		fmt.Fprintln(w, "  No API key: nobody can use the API for this tenant.")
		return
	}
	var names []string
	for _, k := range t.APIKeys {
		names = append(names, k.Name)
	}
	fmt.Fprintf(w, "  API keys: %s\n", strings.Join(names, ", "))
}

func explainChannel(w io.Writer, ch *channel.Channel) {
	wants := "every event"
	if len(ch.Filters) > 0 {
		wants = strings.Join(ch.Filters, ", ")
	}
	slug := ch.Type
	if k := catalog.Kinds().ByType(ch.Type); k != nil {
		slug = k.Slug()
	}
	fmt.Fprintf(w, "  Channel %s: %s, takes %s\n    %s\n", ch.Name, slug, wants, ch.Masked)
}

// describeAuth says by what a source's senders are known. It shows no secret:
// keys that a JWT is checked with are public.
func describeAuth(c authn.Config) string {
	if c.JWT != nil {
		return describeJWT(c.JWT)
	}
	// Another method is named as in the file.
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			return v.Type().Field(i).Tag.Get("yaml")
		}
	}
	return "nothing"
}

func describeJWT(c *authn.JWT) string {
	keys := "the key in the file"
	switch {
	case c.KeyFile != "":
		keys = "the key in " + c.KeyFile
	case c.JWKSURL != "":
		keys = "the keys at " + showURL(c.JWKSURL)
	}
	s := "a JWT signed with " + keys
	if len(c.Algorithms) > 0 {
		s += " (" + strings.Join(c.Algorithms, ", ") + ")"
	}
	for _, claim := range []struct{ name, value string }{
		{"issuer", c.Issuer}, {"audience", c.Audience}, {"subject", c.Subject},
	} {
		if claim.value != "" {
			s += ", " + claim.name + " " + claim.value
		}
	}
	return s
}

// showURL leaves out the parts of a URL that can hold a secret.
func showURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "its jwks_url"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

// span writes a duration as the file would: 2h, 1m30s, 7d.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func list[T any](items []T, write func(T) string) string {
	var out []string
	for _, i := range items {
		out = append(out, write(i))
	}
	return strings.Join(out, ", ")
}
