package config

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"

	"accessrelay/internal/channel/sns"
)

func (l *loader) file(a at) *File {
	f := &File{tenants: map[string]*Tenant{}, sources: map[string]*Source{}}
	if !l.is(a, objectNode) {
		return nil
	}
	o := l.object(a, "tenants", "delivery", "retention")
	f.Delivery = l.delivery(o.get("delivery"))
	f.Retention = l.retention(o.get("retention"))
	tenants := o.get("tenants")
	items := l.list(tenants)
	if l.err == nil && len(items) == 0 {
		l.fail(tenants, "has no tenant: without one there is nobody to relay for")
	}
	keys := map[[sha256.Size]byte]string{}
	for _, item := range items {
		t := l.tenant(item, f, keys)
		if l.err != nil {
			return nil
		}
		f.Tenants = append(f.Tenants, t)
		f.tenants[t.ID] = t
	}
	return f
}

// tenant reads one tenant. f has those before it; keys are theirs, to where
// each stands.
func (l *loader) tenant(a at, f *File, keys map[[sha256.Size]byte]string) *Tenant {
	if !l.is(a, objectNode) {
		return nil
	}
	o := l.object(a, "id", "name", "api_keys", "sources", "channels")
	t := &Tenant{ID: l.tenantID(o.get("id")), Name: l.name(o.get("name"))}
	if f.tenants[t.ID] != nil {
		l.fail(o.get("id"), "is the id of another tenant too")
	}
	t.APIKeys = l.apiKeys(o.get("api_keys"), keys)
	for _, item := range l.list(o.get("sources")) {
		s := l.source(item, t.ID)
		if l.err != nil {
			return nil
		}
		id, _ := entryFor(item.n, "id")
		if f.sources[s.ID] != nil {
			l.fail(at{key: join(item.key, "id"), line: id.line}, "%s is the id of another source too (line %d); ids are unique over all tenants", s.ID, l.sourceLines[s.ID])
			return nil
		}
		f.sources[s.ID], l.sourceLines[s.ID] = s, id.line
		t.Sources = append(t.Sources, s)
	}
	t.Channels = l.channels(t.ID, o.get("channels"))
	return t
}

func (l *loader) tenantID(a at) string {
	s := l.str(a)
	id, err := uuid.Parse(s)
	if l.err == nil && (err != nil || len(s) != len(id.String())) {
		l.fail(a, "must be a UUID such as 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11")
	}
	return id.String()
}

func (l *loader) apiKeys(a at, keys map[[sha256.Size]byte]string) []APIKey {
	var out []APIKey
	for _, item := range l.list(a) {
		if !l.is(item, objectNode) {
			return nil
		}
		o := l.object(item, "name", "sha256")
		k := APIKey{Name: l.name(o.get("name"))}
		place := o.get("sha256")
		sum, err := hex.DecodeString(l.str(place))
		switch {
		case l.err != nil:
			return nil
		case err != nil || len(sum) != sha256.Size:
			l.fail(place, "must be 64 hex digits; relayctl keygen api-key makes a key and its sha256")
		case [sha256.Size]byte(sum) == sha256.Sum256(nil):
			l.fail(place, "is that of the empty key")
		case keys[[sha256.Size]byte(sum)] != "":
			l.fail(place, "is the same as %s; each key is for one tenant", keys[[sha256.Size]byte(sum)])
		case slices.ContainsFunc(out, func(other APIKey) bool { return other.Name == k.Name }):
			l.fail(o.get("name"), "is the name of another key of the tenant too")
		}
		if l.err != nil {
			return nil
		}
		k.SHA256 = [sha256.Size]byte(sum)
		keys[k.SHA256] = place.key
		out = append(out, k)
	}
	return out
}

func (l *loader) delivery(a at) Delivery {
	o := l.object(a, "max_retries", "backoff", "timeout", "max_age", "allow_networks", "aws_default_credentials_for")
	d := Delivery{
		MaxRetries: l.number(o.get("max_retries"), defaultMaxRetries, 100),
		Backoff:    defaultBackoff(),
		Timeout:    l.attemptTime(o.get("timeout")),
		MaxAge:     l.duration(o.get("max_age"), defaultMaxAge, time.Second),
	}
	if b := o.get("backoff"); b.given() {
		d.Backoff = nil
		for _, item := range l.list(b) {
			d.Backoff = append(d.Backoff, l.duration(item, 0, time.Millisecond))
		}
		if l.err == nil && len(d.Backoff) == 0 {
			l.fail(b, "is an empty list; leave it out for 10s, 1m, 5m")
		}
	}
	for _, item := range l.list(o.get("allow_networks")) {
		d.AllowNetworks = append(d.AllowNetworks, l.network(item))
	}
	for _, item := range l.list(o.get("aws_default_credentials_for")) {
		d.AWSDefaultCredentialsFor = append(d.AWSDefaultCredentialsFor, l.topics(item))
	}
	return d
}

// attemptTime reads how long one attempt may take: far less than the hour after
// which the queue would run its task a second time.
func (l *loader) attemptTime(a at) time.Duration {
	const most = 5 * time.Minute
	d := l.duration(a, defaultTimeout, time.Millisecond)
	if l.err == nil && d > most {
		l.fail(a, "must be at most 5m")
	}
	return d
}

func (l *loader) network(a at) netip.Prefix {
	p, err := netip.ParsePrefix(l.str(a))
	switch {
	case l.err != nil:
	case err != nil:
		l.fail(a, "must be a network such as 10.1.0.0/16 or fd00::/8")
	case p != p.Masked():
		l.fail(a, "has bits beyond its length; did you mean %s?", p.Masked())
	}
	return p
}

func (l *loader) topics(a at) sns.Pattern {
	s := l.str(a)
	if l.err != nil {
		return sns.Pattern{}
	}
	p, err := sns.ParsePattern(s)
	if err != nil {
		l.fail(a, "%v", err)
	}
	return p
}

func (l *loader) retention(a at) Retention {
	o := l.object(a, "receipts", "dead_letters")
	return Retention{
		Receipts:    l.duration(o.get("receipts"), defaultReceipts, time.Second),
		DeadLetters: l.duration(o.get("dead_letters"), 0, 0),
	}
}
