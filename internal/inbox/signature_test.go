package inbox

import (
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"accessrelay/internal/secret"
)

// The known answer of the Standard Webhooks specification.
const (
	knownSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	knownID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	knownStamp     = "1614265330"
	knownBody      = `{"test": 2432232314}`
	knownSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func TestSignature(t *testing.T) {
	at := time.Unix(1614265330, 0)
	good := map[string]string{"webhook-id": knownID, "webhook-timestamp": knownStamp, "webhook-signature": knownSignature}
	with := func(k, v string) map[string]string {
		h := map[string]string{}
		for a, b := range good {
			h[a] = b
		}
		if v == "" {
			delete(h, k)
		} else {
			h[k] = v
		}
		return h
	}
	for _, tc := range []struct {
		name, path, body string
		header           map[string]string
		now              time.Time
		state, reason    string
		status           int
	}{
		{"known answer", "/webhook/siem", knownBody, good, at, SignatureVerified, "", 204},
		{"one of several", "/webhook/siem", knownBody, with("webhook-signature", "v1,AAAA v2,zz "+knownSignature), at, SignatureVerified, "", 204},
		{"at the edge of the tolerance", "/webhook/siem", knownBody, good, at.Add(tolerance), SignatureVerified, "", 204},
		{"body changed", "/webhook/siem", knownBody + " ", good, at, SignatureFailed, "no signature matches the secret of this path", 401},
		{"id changed", "/webhook/siem", knownBody, with("webhook-id", "msg_2"), at, SignatureFailed, "no signature matches the secret of this path", 401},
		{"time changed", "/webhook/siem", knownBody, with("webhook-timestamp", "1614265331"), at, SignatureFailed, "no signature matches the secret of this path", 401},
		{"other version only", "/webhook/siem", knownBody, with("webhook-signature", "v2"+knownSignature[2:]), at, SignatureFailed, "no signature matches the secret of this path", 401},
		{"old", "/webhook/siem", knownBody, good, at.Add(tolerance + time.Second), SignatureFailed, "webhook-timestamp is more than 5 minutes off", 401},
		{"from the future", "/webhook/siem", knownBody, good, at.Add(-tolerance - time.Second), SignatureFailed, "webhook-timestamp is more than 5 minutes off", 401},
		{"no signature", "/webhook/siem", knownBody, with("webhook-signature", ""), at, SignatureFailed, "no webhook-signature header", 401},
		{"no id", "/webhook/siem", knownBody, with("webhook-id", ""), at, SignatureFailed, "no webhook-id header", 401},
		{"no time", "/webhook/siem", knownBody, with("webhook-timestamp", ""), at, SignatureFailed, "webhook-timestamp is not a number of seconds", 401},
		{"no secret here", "/webhook/other", knownBody, good, at, SignatureUnchecked, "", 204},
		{"nothing signed", "/webhook/other", knownBody, with("webhook-signature", ""), at, SignatureUnsigned, "", 204},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, Config{
				Now:     func() time.Time { return tc.now },
				Secrets: map[string]secret.String{"/webhook/siem/": secret.New(knownSecret)},
			})
			if r := s.do("POST", tc.path, tc.body, tc.header); r.status != tc.status {
				t.Errorf("answered %d %q, want %d", r.status, r.body, tc.status)
			}
			got := s.newest().Signature
			if got == nil || got.State != tc.state || got.Reason != tc.reason {
				t.Errorf("signature = %+v, want %s %q", got, tc.state, tc.reason)
			}
		})
	}
}

// What the specification's own library signs is verified.
func TestSignatureOfTheLibrary(t *testing.T) {
	wh, err := standardwebhooks.NewWebhook(knownSecret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	sig, err := wh.Sign("evt_1", now, []byte(`{"type":"test"}`))
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, Config{Now: func() time.Time { return now }, Secrets: map[string]secret.String{"/webhook": secret.New(knownSecret)}})
	s.do("POST", "/webhook", `{"type":"test"}`, map[string]string{"webhook-id": "evt_1", "webhook-timestamp": "1767323045", "webhook-signature": sig})
	if got := s.newest().Signature; got.State != SignatureVerified {
		t.Errorf("signature = %+v", got)
	}
}
