// Package catalog lists what this build knows: a new platform or channel type
// is a line here.
package catalog

import (
	"maps"
	"slices"

	"accessrelay/internal/channel"
	"accessrelay/internal/channel/email"
	"accessrelay/internal/channel/slack"
	"accessrelay/internal/channel/sns"
	"accessrelay/internal/channel/webhook"
	"accessrelay/internal/source"
	"accessrelay/internal/source/apono"
	"accessrelay/internal/source/generic"
	"accessrelay/internal/source/jitsudo"
	"accessrelay/internal/source/p0"
	"accessrelay/internal/source/permit"
)

// platforms are all that this build knows.
func platforms() []source.Sampler {
	return []source.Sampler{
		p0.New(),
		apono.New(),
		permit.New(),
		jitsudo.New(),
		generic.New(),
	}
}

// Platforms returns every platform by its name in the file. The map is the caller's.
func Platforms() map[string]source.Platform {
	out := map[string]source.Platform{}
	for _, p := range platforms() {
		out[p.Name()] = p
	}
	return out
}

// Samples returns what a platform sends, nil for one that is unknown. The slice
// is the caller's.
func Samples(platform string) []source.Sample {
	for _, p := range platforms() {
		if p.Name() == platform {
			return p.Samples()
		}
	}
	return nil
}

// Kinds returns every channel type. The slice is the caller's.
func Kinds() channel.Kinds {
	return channel.Kinds{
		slack.Kind{},
		email.Kind{},
		webhook.Kind{},
		sns.Kind{},
	}
}

// PlatformNames returns the names of [Platforms], sorted.
func PlatformNames() []string { return slices.Sorted(maps.Keys(Platforms())) }

// ChannelTypes returns the types of [Kinds], in their order.
func ChannelTypes() []string {
	var out []string
	for _, k := range Kinds() {
		out = append(out, k.Type())
	}
	return out
}
