package config

import (
	"fmt"

	"accessrelay/internal/suggest"
)

// didYouMean returns `, did you mean "…"?` if one of known is close to got.
func didYouMean(got string, known []string) string {
	best := suggest.Closest(got, known)
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}
