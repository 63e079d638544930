package relayctl

import (
	"slices"

	"accessrelay/internal/config"
	"accessrelay/internal/event"
	"accessrelay/internal/source"
	"accessrelay/internal/source/canonical"
)

// origin is where events of a tenant come from.
type origin struct {
	name  string // a source's id, or the API
	types []event.Type
}

// origins are a tenant's sources and, if somebody can use it, the API.
func origins(t *config.Tenant) []origin {
	var out []origin
	for _, s := range t.Sources {
		out = append(out, origin{s.ID, typesOf(s)})
	}
	if len(t.APIKeys) > 0 {
		out = append(out, origin{"the API", canonical.Types()})
	}
	return out
}

// typesOf are the types that can come of a source, in the order of
// [event.Types]: those of its samples, and what is not understood.
func typesOf(s *config.Source) []event.Type {
	var samples []source.Sample
	if p, ok := s.Platform.(source.Sampler); ok {
		samples = p.Samples()
	}
	if len(samples) == 0 { // none can be made of how the source reads events
		return append(canonical.Types(), event.Unrecognized)
	}
	return slices.DeleteFunc(event.Types(), func(t event.Type) bool {
		return t != event.Unrecognized && !slices.ContainsFunc(samples, func(s source.Sample) bool { return s.Event == t })
	})
}

// wanted reports whether filters let one of the types through.
func wanted(filters []string, types []event.Type) bool {
	return slices.ContainsFunc(types, func(t event.Type) bool { return event.Match(filters, t) })
}
