package relayctl

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"accessrelay/internal/demo"
	"accessrelay/internal/source"
)

// marker stands in the body where the shell is to put something new each time.
const marker = "UNIQUE"

// unique is what it puts there: nanoseconds, and where date knows none (macOS
// before 14) the shell's random number.
const unique = `"$(date +%s%N)$RANDOM"`

// printHooks shows where the platforms of the demo post to.
func printHooks(w io.Writer, hooks string, sources []demo.Source) {
	word := "Hooks"
	for _, s := range sources {
		fmt.Fprintf(w, "  %-9s  %s/v1/hooks/%s\n", word, hooks, s.ID)
		word = ""
	}
}

// printEvents shows commands that send one more event of the demo each time. P0
// is the first: of the others only those whose credentials are always the same.
func printEvents(w io.Writer, hooks string, sources []demo.Source) error {
	announced := map[string]string{
		demo.P0Source:    fmt.Sprintf("Paste this as often as you like, for %.0f hours: each time it is one more event from P0.", demo.TokenTTL.Hours()),
		demo.AponoSource: "The same from Apono, for as long as you like:",
	}
	for _, id := range []string{demo.P0Source, demo.AponoSource} {
		for _, s := range sources {
			if s.ID != id || len(s.Samples) == 0 {
				continue // not in a file that somebody has changed
			}
			command, err := curlEvent(hooks+"/v1/hooks/"+s.ID, s)
			if err != nil {
				return fmt.Errorf("%s: %w", s.ID, err)
			}
			fmt.Fprintf(w, "%s\n\n%s\n\n", announced[id], command)
		}
	}
	return nil
}

// curlEvent is a command that sends one more event each time it is pasted: the
// source's first sample, with credentials that do not hang on the body.
func curlEvent(hookURL string, s demo.Source) (string, error) {
	r, err := http.NewRequest(http.MethodPost, hookURL, http.NoBody) //nolint:noctx // it is not sent
	if err != nil {
		return "", fmt.Errorf("making a request: %w", err)
	}
	if err := s.Credentials(r, nil); err != nil {
		return "", err
	}
	return curl("-i", hookURL, "-H", "Content-Type: application/json", "-H", "Authorization: "+r.Header.Get("Authorization")) +
		" -d " + uniqueBody(s.Samples[0]), nil
}

// uniqueBody is the word of a shell that is another body each time.
func uniqueBody(sample source.Sample) string {
	parts := strings.Split(string(sample.Body(marker)), marker)
	for i := range parts {
		parts[i] = quote(parts[i])
	}
	return strings.Join(parts, unique)
}

// curlChannels is a command that lists the channels.
func curlChannels(apiURL, key string) string {
	return curl(apiURL+"/v1/notification-channels", "-H", "X-API-Key: "+key, "-H", "X-Tenant-ID: "+demo.TenantID)
}

func curl(args ...string) string { return "curl -sS " + words(args...) }

// words are what a shell takes args from.
func words(args ...string) string {
	var out []string
	for _, a := range args {
		out = append(out, quote(a))
	}
	return strings.Join(out, " ")
}

// quote makes one word of s in any POSIX shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
