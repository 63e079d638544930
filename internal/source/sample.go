package source

import (
	"encoding/json"

	"accessrelay/internal/event"
)

// Sample is one webhook of a platform, for trying out a relay without it.
type Sample struct {
	// Name is unique among the platform's samples and may be typed: [a-z-]+.
	Name string
	// Event is the type that the relay is to make of it.
	Event event.Type
	// Body returns the webhook's body, with unique as part of an id. Bodies of
	// one unique text are equal, those of two are not: they are two events.
	Body func(unique string) []byte
}

// Sampler is a platform that shows what it sends.
type Sampler interface {
	Platform
	// Samples are webhooks as the platform sends them, one or more for every type
	// that comes of it. The first is what is sent when nobody says which. The
	// slice is the caller's.
	Samples() []Sample
}

// SampleBody writes the literal that a sample's body is. It panics if that
// cannot be JSON, which a test of the sample would see.
func SampleBody(literal any) []byte {
	b, err := json.Marshal(literal)
	if err != nil {
		panic("sample: " + err.Error())
	}
	return b
}
