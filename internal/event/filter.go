package event

import (
	"fmt"
	"slices"
	"strings"

	"accessrelay/internal/suggest"
)

// Match reports whether filters let t through. No filters let everything
// through; a filter is a type's name or a group such as "grant.*".
func Match(filters []string, t Type) bool {
	if len(filters) == 0 {
		return true
	}
	for _, f := range filters {
		if f == string(t) {
			return true
		}
		if group, ok := strings.CutSuffix(f, "*"); ok && strings.HasPrefix(string(t), group) {
			return true
		}
	}
	return false
}

// CheckFilter returns an error that says what is wrong with filter f, or nil.
func CheckFilter(f string) error {
	if Type(f).Known() {
		return nil
	}
	group, ok := strings.CutSuffix(f, "*")
	if ok && strings.HasSuffix(group, ".") && slices.ContainsFunc(types, func(t Type) bool {
		return strings.HasPrefix(string(t), group)
	}) {
		return nil
	}
	if f == "*" {
		return fmt.Errorf("%q is not an event type; leave event_filters empty for all events", f)
	}
	hint := ""
	if meant := suggest.Closest(strings.ToLower(strings.TrimSpace(f)), filters()); meant != "" {
		hint = fmt.Sprintf(", did you mean %q?", meant)
	}
	return fmt.Errorf("%q is not an event type or a group such as grant.*%s", f, hint)
}

// filters returns every filter that there is.
func filters() []string {
	var out []string
	for _, t := range types {
		if group, _, ok := strings.Cut(string(t), "."); ok && !slices.Contains(out, group+".*") {
			out = append(out, group+".*")
		}
	}
	for _, t := range types {
		out = append(out, string(t))
	}
	return out
}
