package recipes

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// vendor is what a destination documents beyond the schema of a body
// (testdata/schemas, where the sources stand).
type vendor struct {
	url     string            // where requests go, with ${VAR} resolved
	headers map[string]string // that must be sent
	bytes   int               // the largest body; 0 for none that is documented
	keyed   string            // path of what ties a request's events together
	inBody  bool              // the vendor wants its key in the body
	more    func(body any) []string
}

var vendors = map[string]vendor{
	"pagerduty": {
		url: "https://events.pagerduty.com/v2/enqueue", bytes: 512 << 10, keyed: "dedup_key", inBody: true,
	},
	"splunk": {
		url:     "https://splunk.example.com:8088/services/collector/event",
		headers: map[string]string{"Authorization": "Splunk " + planted("SPLUNK_HEC_TOKEN")},
	},
	"datadog": {
		url:     "https://http-intake.logs.datadoghq.com/api/v2/logs",
		headers: map[string]string{"Dd-Api-Key": planted("DATADOG_API_KEY")},
		bytes:   5_000_000, more: datadogLog,
	},
	"teams": {
		url: planted("TEAMS_WEBHOOK_URL"), bytes: 10_000, // of 28 KB, as the page promises
	},
	"opsgenie": {
		url:     "https://api.opsgenie.com/v2/alerts",
		headers: map[string]string{"Authorization": "GenieKey " + planted("OPSGENIE_API_KEY")},
		keyed:   "alias", more: opsgenieDetails,
	},
	"discord": {
		url: planted("DISCORD_WEBHOOK_URL") + "?wait=true", more: discordTotal,
	},
}

// datadogLog: what of a log is beyond 1 MB is cut off, which leaves no JSON; tags
// are 200 characters at most, their name with them.
func datadogLog(body any) []string {
	var out []string
	for _, entry := range body.([]any) {
		if n := len(encode(entry)); n > 1_000_000 {
			out = append(out, fmt.Sprintf("the log has %d bytes", n))
		}
		tags, _ := get(entry, "ddtags").(string)
		for tag := range strings.SplitSeq(tags, ",") {
			if utf8.RuneCountInString(tag) > 200 {
				out = append(out, "a tag is longer than 200 characters")
			}
		}
	}
	return out
}

// opsgenieDetails: keys and values together have at most 8,000 characters.
func opsgenieDetails(body any) []string {
	details, _ := get(body, "details").(map[string]any)
	n := 0
	for k, v := range details {
		n += utf8.RuneCountInString(k + fmt.Sprint(v))
	}
	if n > 8000 {
		return []string{fmt.Sprintf("the details have %d characters together", n)}
	}
	return nil
}

// discordTotal: the texts of all embeds together have at most 6,000 characters.
func discordTotal(body any) []string {
	var n int
	count := func(v any) {
		s, _ := v.(string)
		n += utf8.RuneCountInString(s)
	}
	embeds, _ := get(body, "embeds").([]any)
	for _, e := range embeds {
		count(get(e, "title"))
		count(get(e, "description"))
		count(get(e, "footer.text"))
		count(get(e, "author.name"))
		fields, _ := get(e, "fields").([]any)
		for _, f := range fields {
			count(get(f, "name"))
			count(get(f, "value"))
		}
	}
	if n > 6000 {
		return []string{fmt.Sprintf("the embeds have %d characters together", n)}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
