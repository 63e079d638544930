package generic

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
	"accessrelay/internal/suggest"
)

// Settings are the keys that a source of this platform has in the file.
type Settings struct {
	// EventType is a JSONPath to the event's type. Required.
	EventType string `yaml:"event_type"`
	// EventTypes says what the platform's words for types mean. A word that is the
	// name of a type means that type without being listed.
	EventTypes map[string]string `yaml:"event_types"`
	// Fields are JSONPaths by the facts that they lead to.
	Fields map[string]string `yaml:"fields"`
}

// NewSettings implements [source.Configurable].
func (Platform) NewSettings() source.Settings { return &Settings{} }

// Platform implements [source.Settings].
func (s *Settings) Platform() (source.Platform, error) {
	p, err := s.compile()
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (s *Settings) compile() (Platform, error) {
	var none Platform
	if s.EventType == "" {
		return none, fmt.Errorf("event_type: is missing: the JSONPath of the event's type, such as $.kind")
	}
	p := Platform{types: map[string]event.Type{}}
	var err error
	if p.eventType, err = parsePath(s.EventType); err != nil {
		return none, fmt.Errorf("event_type: not a JSONPath of this version: %w", err)
	}
	for _, word := range slices.Sorted(maps.Keys(s.EventTypes)) {
		if p.types[word], err = meaning(word, event.Type(s.EventTypes[word])); err != nil {
			return none, fmt.Errorf("event_types.%s: %w", word, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Fields)) {
		i := slices.IndexFunc(facts, func(f fact) bool { return f.name == name })
		if i < 0 {
			return none, fmt.Errorf("fields.%s: %w", name, unknown("a fact", name, factNames()))
		}
		to, err := parsePath(s.Fields[name])
		if err != nil {
			return none, fmt.Errorf("fields.%s: not a JSONPath of this version: %w", name, err)
		}
		p.facts = append(p.facts, reading{facts[i], to})
	}
	return p, nil
}

// meaning checks that a platform's word may mean t.
func meaning(word string, t event.Type) (event.Type, error) {
	switch {
	case !t.Known():
		return t, unknown("an event type", string(t), typeNames())
	case !ofPlatforms(t):
		return t, fmt.Errorf("%s is the relay's own: no platform announces it", t)
	case ofPlatforms(event.Type(word)) && word != string(t):
		return t, fmt.Errorf("%s is an event type and means itself", word)
	default:
		return t, nil
	}
}

func typeNames() []string {
	var out []string
	for _, t := range event.Types() {
		if ofPlatforms(t) {
			out = append(out, string(t))
		}
	}
	return out
}

// unknown does not quote got: it may have come from a variable that was not meant.
func unknown(what, got string, known []string) error {
	if best := suggest.Closest(got, known); best != "" {
		return fmt.Errorf("not %s, did you mean %q?", what, best)
	}
	return fmt.Errorf("not %s; there are %s", what, strings.Join(known, ", "))
}
