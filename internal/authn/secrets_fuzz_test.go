package authn

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/secret"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// judged fails unless a lets r pass exactly if want says so, and gives one of
// the documented reasons else.
func judged(t *testing.T, a Authenticator, r *http.Request, body []byte, want bool) {
	t.Helper()
	err := a.Authenticate(r, body)
	if (err == nil) != want {
		t.Fatalf("headers %q, body %q: %v; want it to pass: %v", r.Header, body, err, want)
	}
	documented(t, err)
}

// One header whose value is the scheme and one of the secrets passes, nothing else.
func FuzzBearer(f *testing.F) {
	f.Add("Bearer "+newSecret, "", false)
	f.Add("bEARER "+oldSecret, "", true)
	f.Add("Bearer "+newSecret[1:], "Bearer "+newSecret, true)
	f.Add("Bearer  "+newSecret+" ", "", false)
	a := authenticatorOf(f, Config{Bearer: &Bearer{Secrets: secrets(newSecret, oldSecret)}})
	f.Fuzz(func(t *testing.T, one, two string, both bool) {
		r := withHeaders("Authorization", one)
		if both {
			r.Header.Add("Authorization", two)
		}
		good := !both && len(one) > 7 && strings.EqualFold(one[:7], "bearer ") && (one[7:] == newSecret || one[7:] == oldSecret)
		judged(t, a, r, nil, good)
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(newSecret, "", false)
	f.Add(oldSecret, newSecret, true)
	f.Add(newSecret+"\x00", "", false)
	a := authenticatorOf(f, Config{Header: &Header{Name: "X-Permit-Secret", Secrets: secrets(newSecret, oldSecret)}})
	f.Fuzz(func(t *testing.T, one, two string, both bool) {
		r := withHeaders("X-Permit-Secret", one)
		if both {
			r.Header.Add("X-Permit-Secret", two)
		}
		judged(t, a, r, nil, !both && slices.Contains([]string{newSecret, oldSecret}, one))
	})
}

// The standard library reads the header its own way: what passes here must say
// the same to it, and what any client sends for a good pair must pass.
func FuzzBasic(f *testing.F) {
	f.Add("Basic cmVsYXk6MTIzwqM=", "relay", "123£")
	f.Add("basic cmVsYXk6eA==", "relay", "x")
	f.Add("Basic cmVsYXk6MTIzwqN=", ":", "")
	a := authenticatorOf(f, Config{Basic: &Basic{Username: "relay", Passwords: secrets("123£", newSecret)}})
	good := func(user, password string, ok bool) bool {
		return ok && user == "relay" && (password == "123£" || password == newSecret)
	}
	f.Fuzz(func(t *testing.T, value, user, password string) {
		r := request(value)
		err := a.Authenticate(r, nil)
		if err == nil && !good(r.BasicAuth()) {
			t.Fatalf("%q passed", value)
		}
		documented(t, err)
		r = withHeaders()
		r.SetBasicAuth(user, password)
		judged(t, a, r, nil, good(r.BasicAuth()))
	})
}

// What passes is what the specification's own library lets pass, narrowed by
// our bounds. What it signs passes, if its id is one that we take.
func FuzzHMACStandardWebhooks(f *testing.F) {
	now := strconv.FormatInt(testNow.Unix(), 10)
	f.Add("msg_1", now, signedWebhook(f, whsecOld, "msg_1", testNow, webhook), []byte(webhook))
	f.Add("msg_1", now, "v1a,AA v1, "+signedWebhook(f, whsecNew, "msg_1", testNow, "{}"), []byte("{}"))
	f.Add("msg.1", now, signedWebhook(f, whsecNew, "msg.1", testNow, webhook), []byte(webhook))
	f.Add("msg_1", "0"+now, signedWebhook(f, whsecNew, "msg_1", testNow, webhook), []byte(webhook))
	f.Add("", "-1", "v1,", []byte{})
	a := authenticatorOf(f, Config{HMAC: &HMAC{Scheme: SchemeStandardWebhooks, Secrets: secrets(whsecNew, whsecOld)}})
	var theirs []*standardwebhooks.Webhook
	for _, s := range []string{whsecNew, whsecOld} {
		wh, err := standardwebhooks.NewWebhook(s)
		if err != nil {
			f.Fatal(err)
		}
		theirs = append(theirs, wh)
	}
	f.Fuzz(func(t *testing.T, id, stamp, signature string, body []byte) {
		r := withHeaders("Webhook-Id", id, "Webhook-Timestamp", stamp, "Webhook-Signature", signature)
		err := a.Authenticate(r, body)
		documented(t, err)
		if err == nil {
			at, parseErr := strconv.ParseInt(stamp, 10, 64)
			if off := testNow.Unix() - at; parseErr != nil || off > 300 || off < -300 {
				t.Fatalf("time %q passed", stamp)
			}
			if !slices.ContainsFunc(theirs, func(wh *standardwebhooks.Webhook) bool { return wh.VerifyIgnoringTimestamp(body, r.Header) == nil }) {
				t.Fatalf("id %q, time %q, signature %q, body %q passed, and the library refuses it", id, stamp, signature, body)
			}
			if strings.Contains(id, ".") || len(id) > maxWebhookID || id == "" {
				t.Fatalf("id %q passed", id)
			}
		}
		r.Header.Set("Webhook-Timestamp", now)
		r.Header.Set("Webhook-Signature", "v1a,AA "+signedWebhook(t, whsecOld, id, testNow, string(body)))
		judged(t, a, r, body, id != "" && len(id) <= maxWebhookID && !strings.Contains(id, "."))
	})
}

func FuzzHMACGitHub(f *testing.F) {
	f.Add(githubSignature(newSecret, webhook), []byte(webhook))
	f.Add(strings.ToUpper(githubSignature(oldSecret, "")), []byte{})
	f.Add("sha256=", []byte("{}"))
	f.Add("sha1=", []byte("{}"))
	a := authenticatorOf(f, Config{HMAC: &HMAC{Scheme: SchemeGitHub, Secrets: secrets(newSecret, oldSecret)}})
	f.Fuzz(func(t *testing.T, signature string, body []byte) {
		good := func(key string) bool {
			mac := hmac.New(sha256.New, []byte(key))
			mac.Write(body)
			digits, ok := strings.CutPrefix(signature, "sha256=")
			return ok && strings.ToLower(digits) == hex.EncodeToString(mac.Sum(nil)) && len(digits) == 64
		}
		judged(t, a, withHeaders("X-Hub-Signature-256", signature), body, good(newSecret) || good(oldSecret))
		judged(t, a, withHeaders("X-Hub-Signature-256", githubSignature(newSecret, string(body))), body, true)
	})
}

// A secret and a header's name that a config may have can be sent over HTTP
// and pass; no error shows the secret.
func FuzzConfiguredSecret(f *testing.F) {
	f.Add("X-Key", newSecret)
	f.Add("authorization", "Token x")
	f.Add("Te", "trailers")
	f.Add("a!#$%&'*+.^`|~9", "ä\u00a0b")
	f.Add("X-Key\r\nX", "x\r\nY: z")
	f.Add("x_key", " x")
	f.Fuzz(func(t *testing.T, name, text string) {
		for _, c := range []Config{
			{Header: &Header{Name: name, Secrets: secrets(text)}},
			{Bearer: &Bearer{Secrets: secrets(text)}},
		} {
			err := c.Validate()
			for _, w := range c.Warnings() {
				if len(text) > 8 && strings.Contains(w, text) || strings.ContainsAny(w, "\r\n") {
					t.Fatalf("warning %q", w)
				}
			}
			if err != nil {
				if len(text) > 8 && strings.Contains(err.Error(), text) {
					t.Fatalf("the error shows the secret: %q", err)
				}
				continue
			}
			line := "Authorization: Bearer " + text
			if c.Header != nil {
				line = name + ":\t" + text + " "
			}
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("POST / HTTP/1.1\r\nHost: example.com\r\n" + line + "\r\n\r\n")))
			if err != nil {
				t.Fatalf("%q cannot be sent: %v", line, err)
			}
			judged(t, authenticatorOf(t, c), r, nil, true)
		}
	})
}

// Any text is read as a key or refused; what is read is what others read too.
func FuzzStandardKey(f *testing.F) {
	f.Add(whsecNew)
	f.Add("whsec_" + strings.Repeat("AAAA", 21) + "AA==")
	f.Add("whsec_AAAA\nAAAA")
	f.Add("whsec_AB==")
	f.Fuzz(func(t *testing.T, s string) {
		key, err := standardKey(s)
		if err != nil {
			if key != nil || len(s) > 40 && strings.Contains(err.Error(), s[6:]) {
				t.Fatalf("%q: key %x, %v", s, key, err)
			}
			return
		}
		if len(key) < 24 || len(key) > 64 {
			t.Fatalf("a key of %d bytes", len(key))
		}
		a := authenticatorOf(t, Config{HMAC: &HMAC{Scheme: SchemeStandardWebhooks, Secrets: []secret.String{secret.New(s)}}})
		at := testNow.Add(-time.Minute)
		judged(t, a, withHeaders("Webhook-Id", "m", "Webhook-Timestamp", fmt.Sprint(at.Unix()),
			"Webhook-Signature", signedWebhook(t, s, "m", at, "{}")), []byte("{}"), true)
	})
}
