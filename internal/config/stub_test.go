package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/ratelimit"
	"accessrelay/internal/source"
)

// stubPlatform and stubKind stand in for the real ones, so that a change of
// their texts does not change the goldens here.
type stubPlatform string

func (p stubPlatform) Name() string                 { return string(p) }
func (stubPlatform) Methods() []string              { return []string{"POST"} }
func (stubPlatform) EmptyReply() bool               { return false }
func (stubPlatform) Check([]byte) error             { return nil }
func (stubPlatform) Normalize([]byte, *event.Event) {}

// stubConfigurable is a platform that its sources set up.
type stubConfigurable struct {
	stubPlatform
	set *stubSettings // nil: not set up
}

func (stubConfigurable) NewSettings() source.Settings { return &stubSettings{} }

type stubSettings struct {
	EventType  string            `yaml:"event_type"`
	EventTypes map[string]string `yaml:"event_types"`
}

func (s *stubSettings) Platform() (source.Platform, error) {
	if s.EventType == "" {
		return nil, errors.New("event_type: is missing: where the type stands")
	}
	for _, word := range slices.Sorted(maps.Keys(s.EventTypes)) {
		if s.EventTypes[word] == "wrong" {
			return nil, fmt.Errorf("event_types.%s: %q is\nnot a type", word, s.EventTypes[word])
		}
	}
	if s.EventType == "unheard-of" {
		return nil, errors.New("fields.x: is not among the keys")
	}
	return stubConfigurable{stubPlatform("generic"), s}, nil
}

type stubKind struct{ slug string }

func (k stubKind) Slug() string { return k.slug }
func (k stubKind) Type() string { return strings.ReplaceAll(k.slug, "-", "_") }

type stubConfig struct{ raw json.RawMessage }

func (c stubConfig) Reveal() json.RawMessage { return c.raw }

// Parse wants a url in https and knows a few more keys.
func (stubKind) Parse(raw json.RawMessage) (channel.Config, error) {
	var o map[string]any
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, channel.Invalid("config", "must be a JSON object")
	}
	invalid := &channel.InvalidError{Fields: map[string]string{}}
	for _, k := range slices.Sorted(maps.Keys(o)) {
		if !slices.Contains([]string{"url", "headers", "retries", "tags"}, k) {
			invalid.Fields[k] = "unknown key"
		}
	}
	switch u, ok := o["url"].(string); {
	case !ok && o["url"] != nil:
		invalid.Fields["url"] = "must be a string"
	case !strings.HasPrefix(u, "https://"):
		invalid.Fields["url"] = "must be an https URL"
	}
	if len(invalid.Fields) > 0 {
		return nil, invalid
	}
	return stubConfig{raw}, nil
}

func (stubKind) Mask(raw json.RawMessage) json.RawMessage {
	return channel.MaskObject(raw, map[string]func(json.RawMessage) any{"url": channel.ShowURL})
}

// pacedKind is one that has a rate limit of its own.
type pacedKind struct{ stubKind }

func (pacedKind) DefaultRate() ratelimit.Rate { return ratelimit.Rate{N: 1, Per: time.Second} }

func stubs() Known {
	return Known{
		Platforms: map[string]source.Platform{"p0": stubPlatform("p0"), "generic": stubConfigurable{stubPlatform: "generic"}},
		Kinds:     channel.Kinds{pacedKind{stubKind{"slack-webhook"}}, stubKind{"generic-webhook"}},
	}
}

func lookupIn(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}
