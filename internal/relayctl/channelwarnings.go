package relayctl

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/channel/slack"
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

// hooks are the Slack webhooks of a file, by URL, which is never shown.
type hooks map[string]webhook

type webhook struct {
	key       string  // of the first channel with it
	perSecond float64 // of all of them
}

// add warns of a channel that, with those added before, sends more to its webhook
// than the service takes.
func (h hooks) add(key string, ch *channel.Channel) []warning {
	c, ok := ch.Config.(*slack.Config)
	rate := ch.Rate()
	if !ok || rate == nil || ch.TypeRate == nil {
		return nil
	}
	url := c.URL.Reveal()
	first, again := h[url]
	if !again {
		first.key = key
	}
	first.perSecond += float64(rate.N) / rate.Per.Seconds()
	h[url] = first
	if !again || first.perSecond <= float64(ch.TypeRate.N)/ch.TypeRate.Per.Seconds() {
		return nil
	}
	return []warning{{key, fmt.Sprintf("has the URL of %s, and each channel has a rate of its own: together they are above %s, which is what the service is known to take",
		first.key, ch.TypeRate)}}
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
