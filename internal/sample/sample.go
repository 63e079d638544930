// Package sample has webhooks as the platforms send them, for trying out a relay
// without any platform.
package sample

import (
	"encoding/json"
	"maps"
	"slices"

	"accessrelay/internal/event"
)

// Sample is one webhook of a platform.
type Sample struct {
	// Name is unique among the platform's samples and may be typed: [a-z-]+.
	Name string
	// Event is the type that the relay is to make of it.
	Event event.Type
	// Body returns the webhook's body, with unique as part of an id. Bodies of
	// one unique text are equal, those of two are not: they are two events.
	Body func(unique string) []byte
}

var platforms = map[string][]Sample{
	"p0": p0Samples,
}

// Platforms returns the platforms that have samples, sorted.
func Platforms() []string { return slices.Sorted(maps.Keys(platforms)) }

// For returns the samples of a platform, nil for one that has none. The slice
// is the caller's.
func For(platform string) []Sample { return append([]Sample(nil), platforms[platform]...) }

func body(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("sample: " + err.Error()) // a sample is a literal of this package
	}
	return b
}
