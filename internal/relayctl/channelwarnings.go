package relayctl

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/ratelimit"
)

// channelWarnings are those of one channel, which stands at key.
func channelWarnings(key string, ch *channel.Channel) []warning {
	var out []warning
	if ch.RateLimit != nil && ch.TypeRate != nil && faster(*ch.RateLimit, *ch.TypeRate) {
		out = append(out, warning{key + ".rate_limit",
			fmt.Sprintf("is above %s, which is what the service is known to take: it refuses what comes faster, and that waits all the same", ch.TypeRate)})
	}
	gone := rawIsGone(ch.Redact)
	for i, path := range ch.Redact {
		var text string
		switch wider := coveredBy(ch.Redact, i); {
		case wider == path:
			text = "is there twice"
		case wider != "":
			text = "is inside " + wider + ", which is redacted as a whole"
		case isRaw(path) && gone != "":
			text = "changes nothing: with " + gone + " all of raw is redacted, because it holds the same fact under the platform's name"
		default:
			continue
		}
		out = append(out, warning{fmt.Sprintf("%s.redact[%d]", key, i), text})
	}
	return out
}

// coveredBy returns another path that hides what the ith does, or "". Of two that
// are the same the first counts.
func coveredBy(paths []string, i int) string {
	for j, other := range paths {
		if strings.HasPrefix(paths[i], other+".") || j < i && other == paths[i] {
			return other
		}
	}
	return ""
}

// rawIsGone returns a path for which all of raw is redacted, or "".
func rawIsGone(paths []string) string {
	if i := slices.IndexFunc(paths, func(p string) bool { return !isRaw(p) }); i >= 0 {
		return paths[i]
	}
	return ""
}

func isRaw(path string) bool { return path == "raw" || strings.HasPrefix(path, "raw.") }

// faster reports whether a lets more through than b.
func faster(a, b ratelimit.Rate) bool {
	return time.Duration(a.N)*b.Per > time.Duration(b.N)*a.Per
}
