package event

import (
	"fmt"
	"slices"
	"strings"
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
	return fmt.Errorf("%q is not an event type or a group such as grant.*", f)
}
