package channel

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

const maxURL = 2048

// CheckURL returns what is wrong with raw as the address of a destination, or "".
// Where it may point is judged when it is dialled, not here. The text holds
// nothing of raw.
func CheckURL(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case len(raw) > maxURL:
		return "must not be longer than 2048 characters"
	case strings.ContainsFunc(raw, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\\' }):
		return "must be a URL without blanks, control characters and backslashes"
	case err != nil:
		return "must be a URL such as https://example.com/hook"
	case u.Scheme != "https" && u.Scheme != "http":
		return "must begin with https:// (or http://, to hosts that the operator admits)"
	case u.Opaque != "" || u.Hostname() == "":
		return "must name a host, as in https://example.com/hook"
	case u.User != nil:
		return "must not hold a user name or password"
	case strings.Contains(raw, "#"):
		return "must not have a fragment (#…)"
	case strings.Contains(u.Hostname(), "%"):
		return "must not name a zone or hold % in its host"
	case urlHoldsMask(u):
		return maskedText
	}
	if p := u.Port(); p != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return "must have a port from 1 to 65535, or none"
		}
	}
	return ""
}

// MaskURL returns raw with all that follows the host replaced by the mask, or
// the mask alone where raw is not plainly a URL: a ${VAR} yet to be resolved, say.
func MaskURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || strings.Contains(raw, "${") || CheckURL(u.Scheme+"://"+u.Host) != "" ||
		u.User != nil || u.Opaque != "" {
		return Mask
	}
	return u.Scheme + "://" + u.Host + "/" + Mask
}
