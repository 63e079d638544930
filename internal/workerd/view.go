package workerd

import (
	"sync/atomic"

	"accessrelay/internal/catalog"
	"accessrelay/internal/channel"
	"accessrelay/internal/channel/sns"
	"accessrelay/internal/config"
	"accessrelay/internal/relay"
	"accessrelay/internal/source"
)

// view is the file as the steps see it. A reload replaces it whole.
type view struct{ current atomic.Pointer[config.File] }

func (v *view) replace(f *config.File) { v.current.Store(f) }

func (v *view) file() *config.File { return v.current.Load() }

// source finds a source of the file, with its platform as the source sets it up.
func (v *view) source(id string) (relay.Source, bool) {
	s := v.file().SourceByID(id)
	if s == nil {
		return relay.Source{}, false
	}
	return relay.Source{Platform: s.Platform, DedupWindow: s.DedupWindow}, true
}

// platform finds the platform of an event whose source the file no longer has. One
// that sources set up is as it was before: its events become unrecognized, and go
// out with what was sent.
func platform(name string) (source.Platform, bool) {
	p, ok := catalog.Platforms()[name]
	return p, ok
}

func (v *view) policy() relay.Policy {
	d := v.file().Delivery
	return relay.Policy{MaxRetries: d.MaxRetries, Backoff: d.Backoff, Timeout: d.Timeout, MaxAge: d.MaxAge}
}

// relayAWS are the topics for which tenants may use the worker's own credentials.
func (v *view) relayAWS() sns.Patterns { return v.file().Delivery.AWSDefaultCredentialsFor }

func (v *view) tenants() []string {
	var ids []string
	for _, t := range v.file().Tenants {
		ids = append(ids, t.ID)
	}
	return ids
}

func (v *view) channels(tenantID string) []*channel.Channel {
	t := v.file().TenantByID(tenantID)
	if t == nil {
		return nil
	}
	return t.Channels
}
