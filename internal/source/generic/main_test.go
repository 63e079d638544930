package generic

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"accessrelay/internal/event"
)

// leaves lists all texts of an event as JSON, raw apart, by their keys; lists do
// not count. Those of the identity come first.
func leaves(t *testing.T, e *event.Event) []string {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	delete(v, "raw")
	var identity, out []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, inner := range v {
				walk(strings.TrimPrefix(path+"."+k, "."), inner)
			}
		case []any:
			for _, inner := range v {
				walk(path, inner)
			}
		default:
			line := fmt.Sprintf("%s=%v", path, v)
			if slices.Contains([]string{"id", "type", "tenant_id", "source", "platform", "platform_event", "received_at"}, path) {
				identity = append(identity, line)
			} else {
				out = append(out, line)
			}
		}
	}
	walk("", v)
	slices.Sort(identity)
	slices.Sort(out)
	return append(identity, out...)
}
