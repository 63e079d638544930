package webhook

import (
	"encoding/base64"
	"fmt"
	"net/textproto"
	"strings"

	"accessrelay/internal/secret"
)

const (
	maxHeaders     = 32
	maxHeaderBytes = 8 << 10 // of all names and values together: what servers commonly take
)

// reserved are the headers that a channel cannot set, by canonical name.
var reserved = map[string]string{
	"Webhook-Id":          "is set by the relay for every delivery",
	"Webhook-Timestamp":   "is set by the relay for every delivery",
	"Webhook-Signature":   "is set by the relay; give signing_secret",
	"Content-Type":        "is set by the relay; give content_type",
	"Content-Length":      "is set by the relay",
	"Content-Encoding":    "is set by the relay",
	"Host":                "follows from url",
	"Connection":          "belongs to the connection",
	"Expect":              "belongs to the connection",
	"Http2-Settings":      "belongs to the connection",
	"Keep-Alive":          "belongs to the connection",
	"Proxy-Authenticate":  "belongs to the connection",
	"Proxy-Authorization": "belongs to the connection",
	"Proxy-Connection":    "belongs to the connection",
	"Te":                  "belongs to the connection",
	"Trailer":             "belongs to the connection",
	"Transfer-Encoding":   "belongs to the connection",
	"Upgrade":             "belongs to the connection",
}

// checkHeaders returns the headers by canonical name, or what is wrong with
// them. A name is shown only once it is known to be a header's name.
func checkHeaders(pairs [][2]string) (headers map[string]secret.String, problem string) {
	if len(pairs) == 0 {
		return nil, ""
	}
	if len(pairs) > maxHeaders {
		return nil, fmt.Sprintf("must not be more than %d", maxHeaders)
	}
	headers = make(map[string]secret.String, len(pairs))
	size := 0
	for _, p := range pairs {
		name, value := p[0], p[1]
		if !validName(name) {
			return nil, "holds a name that is no header name (letters, digits and -)"
		}
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if why := reserved[canonical]; why != "" {
			return nil, fmt.Sprintf("%s cannot be set: it %s", canonical, why)
		}
		if _, twice := headers[canonical]; twice {
			return nil, fmt.Sprintf("%s appears twice; letter case does not count", canonical)
		}
		if !validValue(value) {
			return nil, fmt.Sprintf("the value of %s must be of visible ASCII characters, blanks and tabs: not empty, no blank at either end, no line breaks and other control characters", canonical)
		}
		size += len(name) + len(value)
		headers[canonical] = secret.New(value)
	}
	if size > maxHeaderBytes {
		return nil, fmt.Sprintf("must not be longer than %d bytes together", maxHeaderBytes)
	}
	return headers, ""
}

// validName reports whether s is a token (RFC 9110, section 5.6.2).
func validName(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return true
}

// validValue reports whether s can be sent as it is and is read everywhere as
// what it is: visible ASCII, with blanks and tabs within (RFC 9110, section 5.5,
// where what lies above ASCII is opaque and for old senders).
func validValue(s string) bool {
	if s == "" || strings.Trim(s, " \t") != s {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' })
}

const (
	secretPrefix             = "whsec_"
	minKeyBytes, maxKeyBytes = 24, 64
)

// signingKey decodes a Standard Webhooks secret.
func signingKey(s string) ([]byte, bool) {
	encoded, ok := strings.CutPrefix(s, secretPrefix)
	if !ok || strings.ContainsAny(encoded, "\r\n") { // which encoding/base64 would skip
		return nil, false
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(key) < minKeyBytes || len(key) > maxKeyBytes {
		return nil, false
	}
	return key, true
}
