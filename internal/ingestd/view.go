package ingestd

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync/atomic"

	"golang.org/x/time/rate"

	"accessrelay/internal/api"
	"accessrelay/internal/authn"
	"accessrelay/internal/channel"
	"accessrelay/internal/channel/sns"
	"accessrelay/internal/config"
	"accessrelay/internal/ingest"
	"accessrelay/internal/ratelimit"
	"accessrelay/internal/receipt"
)

// view is the file as the handlers see it. A reload replaces it whole: a request
// that is under way goes on with what it has.
type view struct {
	current atomic.Pointer[snapshot]
	keySets *authn.KeySets // of all files; made by the first replace
}

type snapshot struct {
	sources  map[string]*ingest.Source
	auth     map[string]authn.Config   // by source: to tell what a reload changes
	rates    map[string]ratelimit.Rate // likewise, of sources that have one
	tenants  []api.Tenant
	channels map[string][]*channel.Channel // by tenant
	excused  map[string]bool               // sources that are not waited for to be ready
	plain    bool                          // some network is admitted
	relayAWS sns.Patterns                  // topics for which tenants may use the relay's own AWS credentials
	keep     receipt.Retention
}

// replace puts file in force. An authenticator whose config is as before is
// kept; so is a limit, with what has been used of it. Keys that were fetched are
// kept if a source of file has their URL, whatever else of it has changed. A
// source that a reload brings does not make an ingest unready that was ready: all
// ingests get the file at once, and one source's provider would take them all from
// their load balancer. An error changes nothing. Calls must not overlap.
func (v *view) replace(file *config.File, metrics *ingest.Metrics, log *slog.Logger) error {
	old := v.current.Load()
	if old == nil {
		old = &snapshot{}
	}
	if v.keySets == nil {
		v.keySets = authn.NewKeySets(authn.Options{Log: log})
	}
	next := &snapshot{
		sources: map[string]*ingest.Source{}, auth: map[string]authn.Config{}, rates: map[string]ratelimit.Rate{},
		excused: map[string]bool{}, channels: map[string][]*channel.Channel{}, plain: len(file.Delivery.AllowNetworks) > 0,
		relayAWS: file.Delivery.AWSDefaultCredentialsFor,
		keep:     receipt.Retention(file.Retention),
	}
	serves := old.sources != nil && old.ready() == nil
	for _, t := range file.Tenants {
		next.channels[t.ID] = t.Channels
		next.tenants = append(next.tenants, apiTenant(t))
		for _, s := range t.Sources {
			auth, err := old.authenticator(s, v.keySets)
			if err != nil {
				next.closeAllBut(old)
				return fmt.Errorf("source %s: auth.%w", s.ID, err)
			}
			src := &ingest.Source{ID: s.ID, TenantID: s.TenantID, Platform: s.Platform, Auth: auth, Limit: old.limit(s)}
			next.sources[s.ID], next.auth[s.ID] = src, s.Auth
			next.excused[s.ID] = serves || old.excused[s.ID]
			if s.RateLimit != nil {
				next.rates[s.ID] = *s.RateLimit
			}
			metrics.Declare(src)
		}
	}
	v.current.Store(next)
	old.closeAllBut(next)
	return nil
}

func apiTenant(t *config.Tenant) api.Tenant {
	out := api.Tenant{ID: t.ID}
	for _, k := range t.APIKeys {
		out.Keys = append(out.Keys, api.Key{Name: k.Name, SHA256: hex.EncodeToString(k.SHA256[:])})
	}
	return out
}

func (s *snapshot) authenticator(src *config.Source, keySets *authn.KeySets) (authn.Authenticator, error) {
	if was, ok := s.sources[src.ID]; ok && reflect.DeepEqual(s.auth[src.ID], src.Auth) {
		return was.Auth, nil
	}
	return authn.New(src.Auth, authn.Options{Name: src.ID, KeySets: keySets})
}

// limit returns what keeps src to its rate, nil if it has none. One second's worth
// may come at once.
func (s *snapshot) limit(src *config.Source) *rate.Limiter {
	if src.RateLimit == nil {
		return nil
	}
	r := *src.RateLimit
	if was, ok := s.sources[src.ID]; ok && was.Limit != nil && s.rates[src.ID] == r {
		return was.Limit
	}
	aSecond := float64(r.N) / r.Per.Seconds()
	return rate.NewLimiter(rate.Limit(aSecond), max(1, int(aSecond)))
}

// closeAllBut closes the authenticators of s that other does not use.
func (s *snapshot) closeAllBut(other *snapshot) {
	for id, src := range s.sources {
		if kept, ok := other.sources[id]; ok && kept.Auth == src.Auth {
			continue
		}
		if c, ok := src.Auth.(interface{ Close() }); ok {
			c.Close()
		}
	}
}

func (v *view) source(id string) (*ingest.Source, bool) {
	s, ok := v.current.Load().sources[id]
	return s, ok
}

// sourceIDs returns the ids of all sources, sorted.
func (v *view) sourceIDs() []string { return slices.Sorted(maps.Keys(v.current.Load().sources)) }

func (v *view) tenants() []api.Tenant { return v.current.Load().tenants }

func (v *view) channels(tenantID string) []*channel.Channel {
	return v.current.Load().channels[tenantID]
}

func (v *view) plainHTTP() bool { return v.current.Load().plain }

// admit is [api.Config.Admit].
func (v *view) admit(cfg channel.Config) *channel.InvalidError {
	return sns.Admit(cfg, v.current.Load().relayAWS)
}

func (v *view) retention() receipt.Retention { return v.current.Load().keep }

func (v *view) ready() error { return v.current.Load().ready() }

// ready says which source cannot tell its senders yet.
func (s *snapshot) ready() error {
	for id, src := range s.sources {
		if s.excused[id] {
			continue
		}
		if r, ok := src.Auth.(interface{ Ready() error }); ok {
			if err := r.Ready(); err != nil {
				return fmt.Errorf("source %s: %w", id, err)
			}
		}
	}
	return nil
}

func (v *view) close() { v.current.Load().closeAllBut(&snapshot{}) }
