package relayctl

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"accessrelay/internal/authn"
	"accessrelay/internal/config"
	"accessrelay/internal/event"
	"accessrelay/internal/secret"
)

// warning is what is likely to be a mistake in a file that is right.
type warning struct {
	key  string // as the loader has it: secrets[0], also where the file has secrets_files
	text string
}

// warnings are those of f for a program with that need.
func warnings(f *config.File, need config.Need) []warning {
	var out []warning
	add := func(key, format string, args ...any) { out = append(out, warning{key, fmt.Sprintf(format, args...)}) }
	var seen []sourceAt
	shared := hooks{}
	for i, tenant := range f.Tenants {
		key := fmt.Sprintf("tenants[%d]", i)
		if len(origins(tenant)) == 0 {
			add(key, "has neither a source nor an API key: nothing can come in for it")
			continue
		}
		for j, s := range tenant.Sources {
			place := sourceAt{s, fmt.Sprintf("%s.sources[%d]", key, j)}
			if s.DedupWindow == 0 {
				add(place.key+".dedup_window", "is 0s: what a platform sends again is delivered again")
			}
			if need&config.NeedAuth != 0 {
				for _, w := range s.Auth.Warnings() {
					inAuth, text, _ := strings.Cut(w, ": ")
					add(place.key+".auth."+inAuth, "%s", text)
				}
				for _, other := range seen {
					out = append(out, place.sharedWith(other)...)
				}
				seen = append(seen, place)
			}
			if w := unheard(s, tenant); w != "" {
				add(place.key, "%s", w)
			}
		}
		for j, ch := range tenant.Channels {
			place := fmt.Sprintf("%s.channels[%d]", key, j)
			out = append(out, channelWarnings(place, ch)...)
			out = append(out, configWarnings(place+".config", ch, f.Delivery.AllowNetworks)...)
			out = append(out, shared.add(fmt.Sprintf("%s.channels[%d]", key, j), ch)...)
			if !reachable(ch.Filters, tenant) {
				add(place+".event_filters", "nothing that comes in for the tenant is of these types: the channel gets nothing but tests")
			}
		}
	}
	if tries := retrying(f.Delivery); f.Delivery.MaxAge < tries {
		add("delivery.max_age", "is %s, and the waits before the retries (delivery.backoff) add up to %s: what is throttled after them is dead at once", span(f.Delivery.MaxAge), span(tries))
	}
	return out
}

// unheard says that no channel can get an event of s, or nothing.
func unheard(s *config.Source, t *config.Tenant) string {
	for _, ch := range t.Channels {
		if wanted(ch.Filters, typesOf(s)) {
			return ""
		}
	}
	switch {
	case len(t.Channels) == 0 && len(t.APIKeys) == 0:
		return "the tenant has neither a channel nor an API key to make one with: its events go nowhere"
	case len(t.Channels) == 0: // they are all kept through the API
		return ""
	}
	types := list(typesOf(s), func(t event.Type) string { return string(t) })
	if len(t.APIKeys) == 0 {
		return "no channel takes any of its events (" + types + "): they go nowhere"
	}
	return "no channel of the file takes any of its events (" + types + "): they go to channels made through the API, else nowhere"
}

// reachable reports whether filters let through something that can come in, or
// what the relay itself has to say.
func reachable(filters []string, t *config.Tenant) bool {
	if wanted(filters, []event.Type{event.ChannelDisabled}) {
		return true
	}
	for _, o := range origins(t) {
		if wanted(filters, o.types) {
			return true
		}
	}
	return false
}

// retrying is how long the waits before all retries take.
func retrying(d config.Delivery) time.Duration {
	var sum time.Duration
	for n := range d.MaxRetries {
		sum += d.Backoff[min(n, len(d.Backoff)-1)]
	}
	return sum
}

// sourceAt is a source with its key in the file.
type sourceAt struct {
	*config.Source
	key string
}

// sharedWith says by what a sender of the other source passes for one of s.
func (s sourceAt) sharedWith(other sourceAt) []warning {
	var out []warning
	mine, theirs := secretsOf(s.Auth), secretsOf(other.Auth)
	for _, m := range mine {
		for _, t := range theirs {
			if m.text.Equal(t.text) {
				out = append(out, warning{s.key + ".auth." + m.key,
					fmt.Sprintf("is a secret of source %s too: who can send as one can send as the other", other.ID)})
				break
			}
		}
	}
	if a, b := s.Auth.JWT, other.Auth.JWT; a != nil && b != nil && sameKeys(a, b) && !toldApart(a, b) {
		out = append(out, warning{s.key + ".auth.jwt",
			fmt.Sprintf("has the key of source %s, and no issuer, audience or subject tells them apart: a token for one passes for the other", other.ID)})
	}
	return out
}

// shared is a secret that a sender and the relay both have.
type shared struct {
	key  string // in auth
	text secret.String
}

func secretsOf(c authn.Config) []shared {
	var out []shared
	add := func(key string, secrets []secret.String) {
		for i, s := range secrets {
			out = append(out, shared{fmt.Sprintf("%s[%d]", key, i), s})
		}
	}
	switch {
	case c.Bearer != nil:
		add("bearer.secrets", c.Bearer.Secrets)
	case c.Header != nil:
		add("header.secrets", c.Header.Secrets)
	case c.Basic != nil:
		add("basic.passwords", c.Basic.Passwords)
	case c.HMAC != nil:
		add("hmac.secrets", c.HMAC.Secrets)
	}
	return out
}

func sameKeys(a, b *authn.JWT) bool {
	if a.JWKSURL != "" || b.JWKSURL != "" {
		return a.JWKSURL == b.JWKSURL
	}
	return bytes.Equal(bytes.TrimSpace(material(a)), bytes.TrimSpace(material(b)))
}

func material(c *authn.JWT) []byte {
	if c.Key != nil {
		return c.Key
	}
	return []byte(c.KeyInline)
}

// toldApart reports whether there is a claim that both ask for and that differs.
func toldApart(a, b *authn.JWT) bool {
	for _, claim := range [][2]string{{a.Issuer, b.Issuer}, {a.Audience, b.Audience}, {a.Subject, b.Subject}} {
		if claim[0] != "" && claim[1] != "" && claim[0] != claim[1] {
			return true
		}
	}
	return false
}
