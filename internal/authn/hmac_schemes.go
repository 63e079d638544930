package authn

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxWebhookID  = 256 // bytes
	maxSignatures = 16  // of one request; a sender has one a secret
	maxHMACHeader = 4 << 10
)

// standardAuthenticator checks signatures of Standard Webhooks 1.0.
type standardAuthenticator struct {
	macs *macs
	now  func() time.Time
}

// Challenge implements [Authenticator].
func (*standardAuthenticator) Challenge() string { return ownChallenge }

// Authenticate implements [Authenticator]. body is what was signed, byte for byte.
func (a *standardAuthenticator) Authenticate(r *http.Request, body []byte) error {
	if f := a.check(r.Header, body); f != nil { // a nil *Failure would be a non-nil error
		return f
	}
	return nil
}

func (a *standardAuthenticator) check(h http.Header, body []byte) *Failure {
	id, f := oneHeader(h, "Webhook-Id", maxWebhookID)
	if f != nil {
		return f
	}
	stamp, f := oneHeader(h, "Webhook-Timestamp", maxHMACHeader)
	if f != nil {
		return f
	}
	given, f := oneHeader(h, "Webhook-Signature", maxHMACHeader)
	if f != nil {
		return f
	}
	// With a full stop in the id one signed text could be cut in two ways: a
	// piece of an old body would become a fresh time and another body.
	if strings.Contains(id, ".") {
		return fail(ReasonMalformed, "webhook-id has a full stop")
	}
	at, ok := seconds(stamp)
	if !ok {
		return fail(ReasonMalformed, "webhook-timestamp is not a whole number of seconds")
	}
	if off := a.now().Sub(at); off > DefaultTolerance || off < -DefaultTolerance {
		return fail(ReasonTimestamp, "webhook-timestamp is more than 5 minutes from our clock")
	}
	var list [maxSignatures]string
	signatures, f := versionOne(given, list[:0])
	if f != nil {
		return f
	}
	var encoded [44]byte // of 32 bytes
	if a.macs.matches(body, func(sum []byte) int {
		base64.StdEncoding.Encode(encoded[:], sum)
		n := 0
		for _, s := range signatures {
			n += subtle.ConstantTimeCompare([]byte(s), encoded[:])
		}
		return n
	}, id, ".", stamp, ".") == 0 {
		return fail(ReasonSignature, "no configured secret made one of the signatures")
	}
	return nil
}

// versionOne appends to list the signatures of version v1, in base64, out of
// the header's space-separated list. Other versions are not ours to judge.
func versionOne(header string, list []string) ([]string, *Failure) {
	n := 0
	for s := range strings.SplitSeq(header, " ") {
		if s == "" {
			continue
		}
		if n++; n > maxSignatures {
			return nil, fail(ReasonTooLarge, "webhook-signature has more than 16 signatures")
		}
		if text, ok := strings.CutPrefix(s, "v1,"); ok {
			list = append(list, text)
		}
	}
	if len(list) == 0 {
		return nil, fail(ReasonMalformed, "webhook-signature has no signature of version v1")
	}
	return list, nil
}

// seconds reads Unix seconds: digits and nothing else.
func seconds(text string) (time.Time, bool) {
	// 11 digits reach the year 5138.
	if text == "" || len(text) > 11 || strings.Trim(text, "0123456789") != "" {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(n, 0), err == nil
}

// githubAuthenticator checks signatures as GitHub makes them.
type githubAuthenticator struct{ macs *macs }

// Challenge implements [Authenticator].
func (*githubAuthenticator) Challenge() string { return ownChallenge }

// Authenticate implements [Authenticator]. body is what was signed, byte for byte.
func (a *githubAuthenticator) Authenticate(r *http.Request, body []byte) error {
	given, f := oneHeader(r.Header, "X-Hub-Signature-256", maxHMACHeader)
	if f != nil {
		return f
	}
	text, ok := strings.CutPrefix(given, "sha256=")
	var want [sha256.Size]byte
	if !ok || len(text) != hex.EncodedLen(len(want)) {
		return fail(ReasonMalformed, "x-hub-signature-256 is not sha256= and 64 hex digits")
	}
	if _, err := hex.Decode(want[:], []byte(text)); err != nil {
		return fail(ReasonMalformed, "x-hub-signature-256 is not sha256= and 64 hex digits")
	}
	if a.macs.matches(body, func(sum []byte) int { return subtle.ConstantTimeCompare(sum, want[:]) }) == 0 {
		return fail(ReasonSignature, "no configured secret made the signature")
	}
	return nil
}
