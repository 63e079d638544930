package generic

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

// sampleAt is fixed, so that a sample sent twice with one unique text is a repeat.
const sampleAt = "2026-01-15T09:30:00Z"

// asIfConfigured is what the samples of a platform that no source has configured are for.
func asIfConfigured() Settings {
	return Settings{
		EventType: "$.kind",
		Fields: map[string]string{
			"occurred_at": "$.time", "request.id": "$.request.id", "request.reason": "$.request.reason",
			"requester.email": "$.requester.email", "resource.name": "$.resource", "permission.name": "$.role",
			"window.ends_at": "$.until",
		},
	}
}

// Samples implements [source.Sampler]: bodies that the source's paths read, one for
// each type. A path with wildcards or descendants has the simplest body that it
// finds something in. Where none can be made (a path to the two-hundredth element,
// or one that finds something else first) there are no samples.
func (p Platform) Samples() []source.Sample {
	if p.eventType == nil {
		as := asIfConfigured()
		p, _ = as.compile() // a test has it compile
	}
	var out []source.Sample
	for _, t := range event.Types() {
		if !ofPlatforms(t) {
			continue
		}
		body := p.sampleBody(p.wordFor(t))
		var e event.Event
		if p.Normalize(body("1"), &e); e.Type != t || p.Check(body("1")) != nil {
			continue
		}
		out = append(out, source.Sample{
			Name: strings.NewReplacer(".", "-", "_", "-").Replace(string(t)), Event: t, Body: body,
		})
	}
	return out
}

// wordFor returns what the platform calls t: a word of its own if there is one.
func (p Platform) wordFor(t event.Type) string {
	for _, word := range slices.Sorted(maps.Keys(p.types)) {
		if p.types[word] == t {
			return word
		}
	}
	return string(t)
}

// sampleBody returns the bodies in which the event's type is word.
func (p Platform) sampleBody(word string) func(unique string) []byte {
	return func(unique string) []byte {
		body := map[string]any{}
		put(body, p.eventType.segments, word)
		for _, r := range p.facts { // in the way of an earlier one: left out
			put(body, r.path.segments, cmp.Or(map[string]string{"request.id": "req-" + unique}[r.fact.name], r.fact.sample))
		}
		for _, key := range []string{"id", "sample_id", "zz_sample_id"} {
			if _, taken := body[key]; !taken {
				body[key] = "sample-" + unique
				break
			}
		}
		return source.SampleBody(body)
	}
}

// longestSample is how many elements a sample's array has at most.
const longestSample = 100

// put makes the simplest way by which segments find value in at, and reports
// whether there was room for it.
func put(at map[string]any, segments []segment, value any) bool {
	if len(segments) == 0 {
		return false
	}
	sel := segments[0].selectors[0]
	name := sel.name
	switch sel.kind {
	case wildcard:
		name = "any"
	case byIndex: // behind .., else it would find nothing in an object
		name, segments = "any", append([]segment{{selectors: []selector{{name: "any"}}}}, segments...)
	case byName:
	}
	rest := segments[1:]
	there, taken := at[name]
	if inner, ok := there.(map[string]any); ok && len(rest) > 0 && rest[0].selectors[0].kind != byIndex {
		return put(inner, rest, value)
	}
	if taken {
		return false
	}
	made, ok := sampleValue(rest, value)
	if ok {
		at[name] = made
	}
	return ok
}

// sampleValue returns a value in which segments find value.
func sampleValue(segments []segment, value any) (any, bool) {
	if len(segments) == 0 {
		return value, true
	}
	sel := segments[0].selectors[0]
	if sel.kind != byIndex {
		inner := map[string]any{}
		return inner, put(inner, segments, value)
	}
	before, behind := sel.index, 0
	if sel.index < 0 {
		before, behind = 0, -sel.index-1
	}
	if before+behind >= longestSample {
		return nil, false
	}
	made, ok := sampleValue(segments[1:], value)
	list := make([]any, before+1+behind)
	list[before] = made
	return list, ok
}
