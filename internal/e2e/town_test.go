package e2e

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// house is a tenant of a relay with many: what it has in the file, and the keys
// to it.
type house struct {
	name, id, apiKey string
	sources          []platformSource
	channels         []houseChannel
}

// platformSource is a source of any platform.
type platformSource struct {
	id, platform string
	keys         map[string]any // of the source in the file, beside id and platform
	sign         signing
	fit          func(sample []byte) []byte // to what the source asks for; nil: as it is
}

// signing adds the credentials that the source asks for. It may be called from
// many goroutines at a time.
type signing func(r *http.Request, body []byte)

type houseChannel struct {
	name, kind string
	filters    []string
	sink       *sink
}

// wants is the rule of event_filters, written once more.
func (c houseChannel) wants(eventType string) bool {
	for _, f := range c.filters {
		if group, ok := strings.CutSuffix(f, "*"); f == eventType || ok && strings.HasPrefix(eventType, group) {
			return true
		}
	}
	return len(c.filters) == 0
}

// newTown makes three tenants. Every platform is in two of them at least, each
// time with another way to prove who sends. Their channels differ, and the last
// has none for some events.
func newTown(t *testing.T) []*house {
	t.Helper()
	hook := func(name string, filters ...string) houseChannel {
		return houseChannel{name, "generic-webhook", filters, newSink(t)}
	}
	acme := &house{name: "acme", id: tenant, sources: []platformSource{
		bySigner(t, "acme-p0", "p0"),
		byBearer("acme-apono", "apono"),
		byHeader("acme-permit", "permit", "X-Permit-Secret"),
		byStandardWebhooks(t, "acme-jitsudo", "jitsudo"),
		plainly(byBasic("acme-legacy", "generic")),
	}, channels: []houseChannel{
		hook("everything"),
		hook("grants", "grant.*"),
		hook("requests", "request.*", "operation.pending", "operation.approved"),
		hook("people", "user.created", "user.invited", "preapproval.*"),
	}}
	globex := &house{name: "globex", id: tenant2, sources: []platformSource{
		bySigner(t, "globex-p0", "p0"),
		byOAuth(t, "globex-apono", "apono"),
		byBearer("globex-permit", "permit"),
		byGitHub("globex-jitsudo", "jitsudo"),
		inItsWords(t, byHeader("globex-legacy", "generic", "X-Legacy-Key")),
	}, channels: []houseChannel{
		hook("everything"),
		hook("alarms", "request.break_glass", "unrecognized", "request.failed"),
		{"chat", "slack-webhook", []string{"grant.*", "operation.*"}, newSink(t)},
	}}
	initech := &house{name: "initech", id: "5e0f3c9d-7a41-4d2b-9b1c-c3a6f0d2b8e4", sources: []platformSource{
		byBearer("initech-apono", "apono"),
		plainly(byStandardWebhooks(t, "initech-legacy", "generic")),
		byBasic("initech-permit", "permit"),
	}, channels: []houseChannel{
		hook("denied", "request.denied", "operation.denied"),
		hook("grants", "grant.active", "grant.revoked"),
	}}
	town := []*house{acme, globex, initech}
	for _, h := range town {
		h.apiKey = "ark_e2e-key-of-" + h.name
	}
	return town
}

// townFile is the accessrelay.yaml of all of them.
func townFile(t *testing.T, town []*house) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("tenants:\n")
	for _, h := range town {
		sum := sha256.Sum256([]byte(h.apiKey))
		fmt.Fprintf(&b, "  - id: %s\n    name: %s\n    api_keys: [{name: operator, sha256: %x}]\n    sources:\n", h.id, h.name, sum)
		for _, s := range h.sources {
			keys := map[string]any{"id": s.id, "platform": s.platform}
			for k, v := range s.keys {
				keys[k] = v
			}
			fmt.Fprintf(&b, "      - %s\n", mustJSON(t, keys))
		}
		b.WriteString("    channels:\n")
		for _, c := range h.channels {
			fmt.Fprintf(&b, "      - {name: %s, type: %s, config: {url: %q}, event_filters: %s}\n",
				c.name, c.kind, c.sink.url, mustJSON(t, append([]string{}, c.filters...)))
		}
	}
	b.WriteString("delivery: {backoff: [1s]}\n")
	return b.String()
}

// The ways to prove who sends. The secrets are long enough to raise no warning.

func auth(method string, config map[string]any) map[string]any {
	return map[string]any{"auth": map[string]any{method: config}}
}

func secretOf(id string) string { return "secret-of-" + id + "-0123456789abcdef" }

func bySigner(t *testing.T, id, platform string) platformSource {
	t.Helper()
	s := newSigner(t)
	config := map[string]any{"key": s.publicPEM(), "issuer": issuer, "audience": audience, "subject": subject}
	return platformSource{id: id, platform: platform, keys: auth("jwt", config), sign: func(r *http.Request, _ []byte) {
		r.Header.Set("Authorization", "Bearer "+s.token())
	}}
}

// byOAuth sends one token of an identity provider again and again, as a client
// of OAuth does.
func byOAuth(t *testing.T, id, platform string) platformSource {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatalf("generating a key: %v", err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	provider := newJWKSServer(t, jwks(claims{"kty": "RSA", "kid": "idp-1", "n": b64(key.N.Bytes()), "e": "AQAB"}))
	config := map[string]any{"jwks_url": provider.url, "issuer": "https://idp.example.com/", "audience": id}
	token := (&forged{header: claims{"typ": "JWT", "alg": "RS256", "kid": "idp-1"}, key: key, claims: claims{
		"iss": "https://idp.example.com/", "aud": id, "exp": after(time.Hour), "iat": after(0),
	}}).token(t)
	return platformSource{id: id, platform: platform, keys: auth("jwt", config), sign: func(r *http.Request, _ []byte) {
		r.Header.Set("Authorization", "Bearer "+token)
	}}
}

func byBearer(id, platform string) platformSource {
	config := map[string]any{"secrets": []string{"one-that-is-being-replaced", secretOf(id)}}
	return platformSource{id: id, platform: platform, keys: auth("bearer", config), sign: func(r *http.Request, _ []byte) {
		r.Header.Set("Authorization", "Bearer "+secretOf(id))
	}}
}

func byHeader(id, platform, name string) platformSource {
	config := map[string]any{"name": name, "secrets": []string{secretOf(id)}}
	return platformSource{id: id, platform: platform, keys: auth("header", config), sign: func(r *http.Request, _ []byte) {
		r.Header.Set(name, secretOf(id))
	}}
}

func byBasic(id, platform string) platformSource {
	config := map[string]any{"username": "relay", "passwords": []string{secretOf(id)}}
	return platformSource{id: id, platform: platform, keys: auth("basic", config), sign: func(r *http.Request, _ []byte) {
		r.SetBasicAuth("relay", secretOf(id))
	}}
}

// byStandardWebhooks signs with the library of the specification's authors.
func byStandardWebhooks(t *testing.T, id, platform string) platformSource {
	t.Helper()
	sum := sha256.Sum256([]byte(id))
	key := "whsec_" + base64.StdEncoding.EncodeToString(sum[:])
	signer, err := standardwebhooks.NewWebhook(key)
	if err != nil {
		t.Fatal(err)
	}
	config := map[string]any{"scheme": "standard-webhooks", "secrets": []string{key}}
	return platformSource{id: id, platform: platform, keys: auth("hmac", config), sign: func(r *http.Request, body []byte) {
		now := time.Now()
		signature, err := signer.Sign("msg_1", now, body)
		if err != nil {
			t.Errorf("signing: %v", err)
		}
		r.Header.Set("Webhook-Id", "msg_1")
		r.Header.Set("Webhook-Timestamp", fmt.Sprint(now.Unix()))
		r.Header.Set("Webhook-Signature", signature)
	}}
}

func byGitHub(id, platform string) platformSource {
	config := map[string]any{"scheme": "github", "secrets": []string{secretOf(id)}}
	return platformSource{id: id, platform: platform, keys: auth("hmac", config), sign: func(r *http.Request, body []byte) {
		mac := hmac.New(sha256.New, []byte(secretOf(id)))
		mac.Write(body)
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}}
}

// plainly has the source find the type where the samples of generic have it.
func plainly(s platformSource) platformSource {
	s.keys["event_type"] = "$.kind"
	return s
}

// inItsWords has the source find it elsewhere, in the words of a system of the
// tenant's own, and makes the samples such events.
func inItsWords(t *testing.T, s platformSource) platformSource {
	t.Helper()
	words := map[string]string{}
	for _, kind := range eventTypes {
		if kind != "test" && kind != "relay.channel_disabled" {
			words["It's "+kind] = kind
		}
	}
	s.keys["event_type"], s.keys["event_types"] = "$.event['what happened']", words
	s.fit = func(sample []byte) []byte {
		var body map[string]any
		if err := json.Unmarshal(sample, &body); err != nil {
			t.Errorf("reading a sample: %v", err)
		}
		body["event"] = map[string]any{"what happened": fmt.Sprintf("It's %s", body["kind"])}
		delete(body, "kind")
		return mustJSON(t, body)
	}
	return s
}
