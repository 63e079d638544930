package authn

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// What a good request costs, by method; of jwt with and without the memory of
// tokens that passed.
func BenchmarkAuthenticate(b *testing.B) {
	body := `{"reason":"` + strings.Repeat("x", 1000) + `"}`
	two := secrets(oldSecret, newSecret)
	basic := withHeaders()
	basic.SetBasicAuth("relay", newSecret)
	for _, tt := range []struct {
		name string
		c    Config
		r    *http.Request
	}{
		{"bearer", Config{Bearer: &Bearer{Secrets: two}}, bearer(newSecret)},
		{"header", Config{Header: &Header{Name: "X-Key", Secrets: two}}, withHeaders("X-Key", newSecret)},
		{"basic", Config{Basic: &Basic{Username: "relay", Passwords: two}}, basic},
		{"hmac/standard-webhooks", Config{HMAC: &HMAC{Scheme: SchemeStandardWebhooks, Secrets: secrets(whsecOld, whsecNew)}}, withHeaders(
			"Webhook-Id", "msg_1", "Webhook-Timestamp", fmt.Sprint(testNow.Unix()),
			"Webhook-Signature", signedWebhook(b, whsecNew, "msg_1", testNow, body))},
		{"hmac/github", Config{HMAC: &HMAC{Scheme: SchemeGitHub, Secrets: two}}, withHeaders("X-Hub-Signature-256", githubSignature(newSecret, body))},
	} {
		a := authenticatorOf(b, tt.c)
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			payload := []byte(body)
			for b.Loop() {
				if err := a.Authenticate(tt.r, payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, key := range []string{"ES256", "ES384", "EdDSA", "RSA"} {
		alg := key
		if key == "RSA" {
			alg = "RS256"
		}
		a := newAuthenticator(b, JWT{Key: pemOf(testKey(key))}).(*jwtAuthenticator)
		r := bearer(goodToken(alg, key))
		b.Run("jwt/"+alg+"/first", func(b *testing.B) {
			for b.Loop() {
				a.seen = seenTokens{}
				if err := a.Authenticate(r, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("jwt/"+alg+"/again", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := a.Authenticate(r, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
