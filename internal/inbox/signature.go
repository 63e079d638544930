package inbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tolerance is how far a webhook's timestamp may be from our clock.
const tolerance = 5 * time.Minute

type signingKey []byte

// parseSigningKey reads a secret as Standard Webhooks 1.0 writes it: whsec_ and
// the base64 of 24 to 64 bytes.
func parseSigningKey(s string) (signingKey, error) {
	enc, ok := strings.CutPrefix(s, "whsec_")
	if !ok {
		return nil, errors.New("must start with whsec_")
	}
	key, err := base64.StdEncoding.DecodeString(enc)
	if err != nil {
		return nil, errors.New("what follows whsec_ is not base64")
	}
	if len(key) < 24 || len(key) > 64 {
		return nil, errors.New("must hold 24 to 64 bytes")
	}
	return key, nil
}

// checkSignature is written from the specification and shares no code with the
// side that signs: a mistake in one of them shows.
func (in *Inbox) checkSignature(h http.Header, m *Message) *Signature {
	signatures := strings.Fields(h.Get("Webhook-Signature"))
	key, ok := in.secrets[m.Path]
	switch {
	case !ok && len(signatures) == 0:
		return &Signature{State: SignatureUnsigned}
	case !ok:
		return &Signature{State: SignatureUnchecked}
	}
	failed := func(reason string) *Signature { return &Signature{State: SignatureFailed, Reason: reason} }
	id, stamp := h.Get("Webhook-Id"), h.Get("Webhook-Timestamp")
	switch {
	case len(signatures) == 0:
		return failed("no webhook-signature header")
	case id == "":
		return failed("no webhook-id header")
	}
	sec, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return failed("webhook-timestamp is not a number of seconds")
	}
	if d := m.ReceivedAt.Sub(time.Unix(sec, 0)); d > tolerance || d < -tolerance {
		return failed("webhook-timestamp is more than 5 minutes off")
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "." + m.Body))
	want := mac.Sum(nil)
	for _, s := range signatures {
		enc, ok := strings.CutPrefix(s, "v1,")
		if !ok {
			continue // another version: not ours to judge
		}
		if got, err := base64.StdEncoding.DecodeString(enc); err == nil && hmac.Equal(got, want) {
			return &Signature{State: SignatureVerified}
		}
	}
	return failed("no signature matches the secret of this path")
}
