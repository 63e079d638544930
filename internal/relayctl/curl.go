package relayctl

import (
	"strings"

	"accessrelay/internal/demo"
	"accessrelay/internal/source/p0"
)

// pasted is the sample that the printed command sends: P0's own documented event.
const pasted = "preapproval-created"

// marker stands in the body where the shell is to put something new each time.
const marker = "UNIQUE"

// unique is what it puts there: nanoseconds, and where date knows none (macOS
// before 14) the shell's random number.
const unique = `"$(date +%s%N)$RANDOM"`

// curlEvent is a command that sends one more P0 event each time it is pasted.
func curlEvent(hookURL, token string) string {
	samples := p0.New().Samples()
	body := string(samples[indexOf(samples, pasted)].Body(marker))
	parts := strings.Split(body, marker)
	for i := range parts {
		parts[i] = quote(parts[i])
	}
	return curl("-i", hookURL, "-H", "Content-Type: application/json", "-H", "Authorization: Bearer "+token) +
		" -d " + strings.Join(parts, unique)
}

// curlChannels is a command that lists the channels.
func curlChannels(apiURL, key string) string {
	return curl(apiURL+"/v1/notification-channels", "-H", "X-API-Key: "+key, "-H", "X-Tenant-ID: "+demo.TenantID)
}

func curl(args ...string) string {
	var b strings.Builder
	b.WriteString("curl -sS")
	for _, a := range args {
		b.WriteString(" " + quote(a))
	}
	return b.String()
}

// quote makes one word of s in any POSIX shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
