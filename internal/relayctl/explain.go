package relayctl

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"accessrelay/internal/catalog"
	"accessrelay/internal/channel"
	"accessrelay/internal/channel/sns"
	"accessrelay/internal/config"
	"accessrelay/internal/event"
)

// explain says what f means. hooks is what stands before /v1/hooks in a URL.
func explain(w io.Writer, f *config.File, hooks string) {
	for _, tenant := range f.Tenants {
		fmt.Fprintf(w, "\nTenant %s (%s)\n", tenant.Name, tenant.ID)
		explainKeys(w, tenant)
		for _, s := range tenant.Sources {
			explainSource(w, s, hooks)
		}
		for _, ch := range tenant.Channels {
			explainChannel(w, ch, tenant)
		}
		if len(tenant.Channels) == 0 && len(origins(tenant)) > 0 {
			fmt.Fprintln(w, "  No channel in the file: events go to those made through the API, else nowhere.")
		}
	}
	explainDelivery(w, f)
}

func explainKeys(w io.Writer, t *config.Tenant) {
	if len(t.APIKeys) == 0 {
		fmt.Fprintln(w, "  No API key: nobody can use the API for this tenant.")
		return
	}
	fmt.Fprintf(w, "  API keys: %s\n", list(t.APIKeys, func(k config.APIKey) string { return k.Name }))
}

func explainSource(w io.Writer, s *config.Source, hooks string) {
	fmt.Fprintf(w, "  Source %s: %s posts to %s/v1/hooks/%s\n", s.ID, s.Platform.Name(), hooks, s.ID)
	if others := slices.DeleteFunc(s.Platform.Methods(), func(m string) bool { return m == "POST" }); len(others) > 0 {
		fmt.Fprintf(w, "    may also use %s there\n", strings.Join(others, " and "))
	}
	fmt.Fprintf(w, "    known by %s\n", describeAuth(s.Auth))
	for _, setting := range describeSettings(s.Settings) {
		fmt.Fprintf(w, "    %s\n", setting)
	}
	if s.DedupWindow == 0 {
		fmt.Fprintln(w, "    repeats are not recognised: dedup_window is 0")
	} else {
		fmt.Fprintf(w, "    repeats within %s are dropped\n", span(s.DedupWindow))
	}
	if s.RateLimit != nil {
		fmt.Fprintf(w, "    each ingest takes at most %s, and answers 429 beyond it\n", s.RateLimit)
	}
}

func explainChannel(w io.Writer, ch *channel.Channel, t *config.Tenant) {
	wants := "every event"
	if len(ch.Filters) > 0 {
		wants = strings.Join(ch.Filters, ", ")
	}
	slug := ch.Type
	if k := catalog.Kinds().ByType(ch.Type); k != nil {
		slug = k.Slug()
	}
	fmt.Fprintf(w, "  Channel %s: %s, takes %s\n    %s\n", ch.Name, slug, wants, ch.Masked)
	if r := ch.Rate(); r != nil {
		fmt.Fprintf(w, "    is told at most %s, over all workers; what is more waits\n", r)
	}
	if len(ch.Redact) > 0 {
		hidden := slices.Clone(ch.Redact)
		if rawIsGone(ch.Redact) != "" {
			hidden = append(slices.DeleteFunc(hidden, isRaw), "raw")
		}
		fmt.Fprintf(w, "    does not see %s\n", strings.Join(hidden, ", "))
	}
	if len(ch.Filters) == 0 {
		return
	}
	for _, o := range origins(t) {
		got := slices.DeleteFunc(slices.Clone(o.types), func(typ event.Type) bool { return !event.Match(ch.Filters, typ) })
		what := list(got, func(typ event.Type) string { return string(typ) })
		if len(got) == 0 {
			what = "nothing"
		}
		fmt.Fprintf(w, "    gets from %s: %s\n", o.name, what)
	}
}

func explainDelivery(w io.Writer, f *config.File) {
	d := f.Delivery
	fmt.Fprintf(w, "\nDelivery: 1 attempt of at most %s and up to %d retries after %s; throttled ones wait up to %s\n",
		span(d.Timeout), d.MaxRetries, list(d.Backoff, span), span(d.MaxAge))
	if len(d.AllowNetworks) > 0 {
		fmt.Fprintf(w, "  channels made through the API may reach %v\n", list(d.AllowNetworks, netip.Prefix.String))
	}
	if len(d.AWSDefaultCredentialsFor) > 0 {
		fmt.Fprintf(w, "  channels made through the API may use the workers' own AWS credentials for %s\n", list(d.AWSDefaultCredentialsFor, sns.Pattern.String))
	}
	kept := "until they are replayed or deleted"
	if f.Retention.DeadLetters > 0 {
		kept = "for " + span(f.Retention.DeadLetters)
	}
	fmt.Fprintf(w, "Retention: receipts for %s, dead letters %s\n", span(f.Retention.Receipts), kept)
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
