package sender

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"accessrelay/internal/secret"
)

// StandardWebhooks signs id, time and body of every request by Standard
// Webhooks 1.0, with a fresh id and the time of the request. The secret is
// whsec_ and the base64 of the key; the error, which holds nothing of it, says
// that it is not.
func StandardWebhooks(s secret.String) (Credentials, error) {
	key, err := standardKey(s)
	if err != nil {
		return nil, err
	}
	return func(r *http.Request, body []byte) error {
		signStandard(r.Header, key, "msg_"+rand.Text(), time.Now(), body)
		return nil
	}, nil
}

func standardKey(s secret.String) ([]byte, error) {
	text, ok := strings.CutPrefix(s.Reveal(), "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) == 0 {
		return nil, errors.New("the secret is not whsec_ and base64")
	}
	return key, nil
}

func signStandard(h http.Header, key []byte, id string, at time.Time, body []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	signed := append([]byte(id+"."+stamp+"."), body...)
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", stamp)
	h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac(key, signed)))
}

// GitHub signs the body of every request as GitHub does. Any secret will do.
func GitHub(s secret.String) Credentials {
	key := []byte(s.Reveal())
	return func(r *http.Request, body []byte) error {
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac(key, body)))
		return nil
	}
}

func mac(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}
