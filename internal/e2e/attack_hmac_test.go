package e2e

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The sources of signed webhooks.
const (
	srcHooks        = "acme-hooks" // Standard Webhooks
	srcHooks2       = "acme-hooks-2"
	srcGlobexHooks  = "globex-hooks"
	srcGitHub       = "acme-github"
	srcGlobexGitHub = "globex-github"
)

// signingSecrets are those in the file, by source.
var signingSecrets = map[string]string{
	srcHooks:        whsec("canary-key-of-acme-with-32-bytes"),
	srcHooks2:       whsec("canary-key-of-acme-2-of-24-or-more"),
	srcGlobexHooks:  whsec("canary-key-of-globex-of-24-or-more"),
	srcGitHub:       "canary-github-secret-of-acme-4c1b",
	srcGlobexGitHub: "canary-github-secret-of-globex-9e02",
}

// whsec is the secret of Standard Webhooks that stands for a key.
func whsec(key string) string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(key)) }

func signedSources() map[string][]sourceConf {
	source := func(id, scheme string) sourceConf {
		return sourceConf{id, map[string]any{"hmac": map[string]any{"scheme": scheme, "secrets": []string{signingSecrets[id]}}}}
	}
	return map[string][]sourceConf{
		tenant:  {source(srcHooks, "standard-webhooks"), source(srcHooks2, "standard-webhooks"), source(srcGitHub, "github")},
		tenant2: {source(srcGlobexHooks, "standard-webhooks"), source(srcGlobexGitHub, "github")},
	}
}

// webhook is a request of Standard Webhooks in the making. Those that are as
// the specification wants them are signed by its own library.
type webhook struct {
	id     string
	at     time.Duration // from now
	stamp  string        // as text, if at cannot say it
	secret string
	body   string // what is signed; sent unless a test sends another

	// change alters the header at the end.
	change func(http.Header)
}

func goodWebhook(secret string) webhook {
	return webhook{id: "msg_p5jXN8AQM9LWM0D4loKWxJek", secret: secret, body: attackBody}
}

// signed is a credential: a good webhook of the source, altered.
func (s *site) signed(source string, change func(*webhook)) credential {
	return func(r *http.Request) {
		w := goodWebhook(signingSecrets[source])
		change(&w)
		w.put(s, r)
	}
}

func (w webhook) put(s *site, r *http.Request) {
	now := time.Now().Add(w.at)
	stamp, sig := fmt.Sprint(now.Unix()), ""
	if w.stamp == "" {
		signer, err := standardwebhooks.NewWebhook(w.secret)
		if err == nil {
			sig, err = signer.Sign(w.id, now, []byte(w.body))
		}
		if err != nil {
			s.t.Errorf("signing: %v", err)
		}
	} else {
		stamp = w.stamp
		sig = "v1," + mac64(sha256.New, keyOf(w.secret), w.id+"."+stamp+"."+w.body)
	}
	r.Header.Set("Webhook-Id", w.id)
	r.Header.Set("Webhook-Timestamp", stamp)
	r.Header.Set("Webhook-Signature", sig)
	if w.body != attackBody {
		body(w.body)(r)
	}
	if w.change != nil {
		w.change(r.Header)
	}
}

// keyOf is the key that a secret whsec_… stands for.
func keyOf(secret string) []byte {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	return key
}

func mac(h func() hash.Hash, key []byte, text string) []byte {
	m := hmac.New(h, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func mac64(h func() hash.Hash, key []byte, text string) string {
	return base64.StdEncoding.EncodeToString(mac(h, key, text))
}

func hexMAC(secret, text string) string {
	return hex.EncodeToString(mac(sha256.New, []byte(secret), text))
}

func asSigned(*webhook) {}

// webhookAttacks are on the scheme standard-webhooks.
func (s *site) webhookAttacks() []attack {
	const src = srcHooks
	good := s.signed(src, asSigned)
	with := func(name, reason string, bad func(*webhook)) attack {
		return attack{name, src, good, s.signed(src, bad), reason}
	}
	headed := func(name, reason string, change func(http.Header)) attack {
		return with(name, reason, func(w *webhook) { w.change = change })
	}
	at := func(d time.Duration) credential { return s.signed(src, func(w *webhook) { w.at = d }) }
	out := []attack{
		{"stale by a second", src, at(-4 * time.Minute), at(-301 * time.Second), "timestamp"},
		{"a day old", src, good, at(-24 * time.Hour), "timestamp"},
		{"of the future", src, at(4 * time.Minute), at(6 * time.Minute), "timestamp"},
		headed("a fresh timestamp on an old signature", "signature", func(h http.Header) { h.Set("Webhook-Signature", s.oldSignature(10*time.Minute)) }),
		headed("a fresh timestamp on a signature of a second ago", "signature", func(h http.Header) { h.Set("Webhook-Signature", s.oldSignature(time.Second)) }),
		headed("an old timestamp that was not signed", "timestamp", func(h http.Header) { h.Set("Webhook-Timestamp", "1614265330") }),
		headed("another id", "signature", func(h http.Header) { h.Set("Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJel") }),
		headed("the id in another case", "signature", func(h http.Header) { h.Set("Webhook-Id", strings.ToUpper(h.Get("Webhook-Id"))) }),
	}
	for _, other := range []struct{ name, text string }{
		{"another byte in the body", strings.Replace(attackBody, "aaaa", "aaab", 1)},
		{"a blank behind the body", attackBody + " "},
		{"a line break behind the body", attackBody + "\n"},
		{"the body in another layout", strings.ReplaceAll(attackBody, ":", ": ")},
		{"a body without its last field", strings.Replace(attackBody, `,"note":"aaaa"`, "", 1)},
		{"no body", ""},
	} {
		out = append(out, attack{other.name, src, good, func(r *http.Request) { good(r); body(other.text)(r) }, "signature"})
	}
	out = append(out,
		with("the secret of another source", "signature", func(w *webhook) { w.secret = signingSecrets[srcHooks2] }),
		with("the secret of another tenant", "signature", func(w *webhook) { w.secret = signingSecrets[srcGlobexHooks] }),
		attack{"a webhook recorded at another source", srcHooks2, s.signed(srcHooks2, asSigned), good, "signature"},
		attack{"a webhook recorded at another tenant", srcGlobexHooks, s.signed(srcGlobexHooks, asSigned), good, "signature"})
	out = append(out, s.webhookHeaders(src, good, headed)...)
	return append(out, s.webhookSignatures(src, good, headed)...)
}

// webhookHeaders leave headers out, send them twice and spell them otherwise.
func (s *site) webhookHeaders(src string, good credential, headed func(name, reason string, change func(http.Header)) attack) []attack {
	var out []attack
	for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
		out = append(out,
			headed("no "+name, "missing", func(h http.Header) { h.Del(name) }),
			headed("an empty "+name, "missing", func(h http.Header) { h.Set(name, "") }),
			headed("two of "+name, "malformed", func(h http.Header) { h.Add(name, h.Get(name)) }),
			headed("a bad "+name+" before the good", "malformed", func(h http.Header) { h[name] = []string{"1", h.Get(name)} }),
			headed("a bad "+name+" behind the good", "malformed", func(h http.Header) { h.Add(name, "1") }),
			headed("the "+name+" of another vendor", "missing", func(h http.Header) {
				h.Set(strings.Replace(name, "Webhook", "Svix", 1), h.Get(name))
				h.Del(name)
			}))
	}
	stamped := func(name string, spell func(now int64) string) attack {
		return attack{"a timestamp " + name, src, good, s.signed(src, func(w *webhook) { w.stamp = spell(time.Now().Unix()) }), "malformed"}
	}
	out = append(out,
		stamped("with a plus", func(n int64) string { return fmt.Sprintf("+%d", n) }),
		stamped("with a minus", func(n int64) string { return fmt.Sprintf("-%d", n) }),
		stamped("with a fraction", func(n int64) string { return fmt.Sprintf("%d.5", n) }),
		stamped("with an exponent", func(n int64) string { return fmt.Sprintf("%de0", n) }),
		stamped("with a blank inside", func(n int64) string { return fmt.Sprintf("%d %d", n/1000, n%1000) }),
		stamped("with underscores", func(n int64) string { return fmt.Sprintf("%d_%03d", n/1000, n%1000) }),
		stamped("in hexadecimal", func(n int64) string { return fmt.Sprintf("%#x", n) }),
		stamped("in milliseconds", func(n int64) string { return fmt.Sprint(n * 1000) }),
		stamped("of 40 digits", func(n int64) string { return fmt.Sprintf("%040d", n) }),
		stamped("that wraps around", func(int64) string { return "18446744073709551616" }),
		stamped("as a date", func(n int64) string { return time.Unix(n, 0).UTC().Format(time.RFC3339) }),
		stamped("that is a word", func(int64) string { return "now" }),
	)
	// What is signed is id.timestamp.body: with full stops in the id an old text
	// could be cut in another way, and become fresh.
	recut := func(r *http.Request) {
		old, fresh := fmt.Sprint(after(-time.Hour)), fmt.Sprint(after(0))
		recorded := webhook{id: "msg_1", secret: signingSecrets[src], stamp: old, body: fresh + "." + attackBody}
		recorded.put(s, r)
		r.Header.Set("Webhook-Id", "msg_1."+old)
		r.Header.Set("Webhook-Timestamp", fresh)
		body(attackBody)(r)
	}
	return append(out,
		attack{"an old signature cut in another way", src, good, recut, "malformed"},
		headed("a very long id", "too_large", func(h http.Header) { h.Set("Webhook-Id", strings.Repeat("m", 5<<10)) }))
}

// webhookSignatures spell the signature otherwise, or make it in another way.
func (s *site) webhookSignatures(src string, good credential, headed func(name, reason string, change func(http.Header)) attack) []attack {
	key := keyOf(signingSecrets[src])
	// made is a signature made of the request's header in another way.
	made := func(name, reason string, sig func(text string) string) attack {
		return headed(name, reason, func(h http.Header) {
			h.Set("Webhook-Signature", sig(h.Get("Webhook-Id")+"."+h.Get("Webhook-Timestamp")+"."+attackBody))
		})
	}
	spelt := func(name, reason string, spoil func(sig string) string) attack {
		return headed(name, reason, func(h http.Header) {
			_, sig, _ := strings.Cut(h.Get("Webhook-Signature"), ",")
			h.Set("Webhook-Signature", spoil(sig))
		})
	}
	const zeros = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	many := attack{"17 signatures, the last good", src, s.signed(src, func(w *webhook) {
		w.change = func(h http.Header) { h.Set("Webhook-Signature", zeros+" v2,xx "+h.Get("Webhook-Signature")) } // rotation at the sender
	}), s.signed(src, func(w *webhook) {
		w.change = func(h http.Header) {
			h.Set("Webhook-Signature", strings.Repeat(zeros+" ", 16)+h.Get("Webhook-Signature"))
		}
	}), "too_large"}
	return []attack{
		many,
		spelt("a signature of zeros", "signature", func(string) string { return zeros }),
		spelt("another last byte of the signature", "signature", func(sig string) string { return "v1," + flipped(sig) }),
		spelt("the signature cut", "signature", func(sig string) string { return "v1," + sig[:len(sig)-4] }),
		spelt("one character of it", "signature", func(sig string) string { return "v1," + sig[:1] }),
		spelt("the signature without padding", "signature", func(sig string) string { return "v1," + strings.TrimRight(sig, "=") }),
		spelt("an empty signature", "signature", func(string) string { return "v1," }),
		spelt("no version", "malformed", func(sig string) string { return sig }),
		spelt("version v1a only", "malformed", func(sig string) string { return "v1a," + sig }),
		spelt("version v2 only", "malformed", func(sig string) string { return "v2," + sig }),
		spelt("version V1", "malformed", func(sig string) string { return "V1," + sig }),
		spelt("version v1 with =", "malformed", func(sig string) string { return "v1=" + sig }),
		spelt("several versions and no v1", "malformed", func(sig string) string { return "v0," + sig + " v1a," + sig }),
		spelt("commas between signatures", "signature", func(sig string) string { return zeros + ",v1," + sig }),
		spelt("quoted", "malformed", func(sig string) string { return `"v1,` + sig + `"` }),
		made("in hexadecimal", "signature", func(text string) string { return "v1," + hex.EncodeToString(mac(sha256.New, key, text)) }),
		made("with SHA-1", "signature", func(text string) string { return "v1," + mac64(sha1.New, key, text) }),
		made("with SHA-512", "signature", func(text string) string { return "v1," + mac64(sha512.New, key, text) }),
		made("with the secret's text for the key", "signature", func(text string) string {
			return "v1," + mac64(sha256.New, []byte(signingSecrets[src]), text)
		}),
		made("with an empty key", "signature", func(text string) string { return "v1," + mac64(sha256.New, nil, text) }),
		made("with a key of zeros", "signature", func(text string) string { return "v1," + mac64(sha256.New, make([]byte, 32), text) }),
		made("of the body alone", "signature", func(string) string { return "v1," + mac64(sha256.New, key, attackBody) }),
		made("of timestamp and body", "signature", func(text string) string {
			_, rest, _ := strings.Cut(text, ".")
			return "v1," + mac64(sha256.New, key, rest)
		}),
		{"nothing of it, the secret as Bearer", src, good, header("Authorization", "Bearer "+signingSecrets[src]), "missing"},
	}
}

// oldSignature is one of an earlier request, which differs in its time alone.
func (s *site) oldSignature(age time.Duration) string {
	r := &http.Request{Header: http.Header{}}
	s.signed(srcHooks, func(w *webhook) { w.at = -age })(r)
	return r.Header.Get("Webhook-Signature")
}

// flipped is a base64 text of 32 bytes with another last byte.
func flipped(sig string) string {
	b, _ := base64.StdEncoding.DecodeString(sig)
	b[len(b)-1] ^= 1
	return base64.StdEncoding.EncodeToString(b)
}

// githubAttacks are on the scheme github.
func (s *site) githubAttacks() []attack {
	const src, name256, name1 = srcGitHub, "X-Hub-Signature-256", "X-Hub-Signature"
	digest := func(h func() hash.Hash, secret, text string) string {
		return hex.EncodeToString(mac(h, []byte(secret), text))
	}
	of := func(source string) string { return "sha256=" + digest(sha256.New, signingSecrets[source], attackBody) }
	puts := func(name string, values ...string) credential {
		return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
	}
	right := of(src)
	good := puts(name256, right)
	with := func(name, reason string, values ...string) attack {
		return attack{name, src, good, puts(name256, values...), reason}
	}
	sha1Sum := "sha1=" + digest(sha1.New, signingSecrets[src], attackBody)
	plain := sha256.Sum256([]byte(attackBody))
	keyed := sha256.Sum256([]byte(signingSecrets[src] + attackBody))
	b, _ := hex.DecodeString(strings.TrimPrefix(right, "sha256="))
	b[len(b)-1] ^= 1
	out := []attack{
		with("the secret of another tenant", "signature", of(srcGlobexGitHub)),
		{"this signature for another tenant", srcGlobexGitHub, puts(name256, of(srcGlobexGitHub)), good, "signature"},
		with("another secret", "signature", "sha256="+digest(sha256.New, "It's a Secret to Everybody", attackBody)),
		with("an empty secret", "signature", "sha256="+digest(sha256.New, "", attackBody)),
		with("no secret, SHA-256 of the body", "signature", "sha256="+hex.EncodeToString(plain[:])),
		with("SHA-256 of secret and body", "signature", "sha256="+hex.EncodeToString(keyed[:])),
		with("the signature of another body", "signature", "sha256="+digest(sha256.New, signingSecrets[src], "{}")),
		with("the signature of no body", "signature", "sha256="+digest(sha256.New, signingSecrets[src], "")),
		with("another last byte", "signature", "sha256="+hex.EncodeToString(b)),
		with("zeros", "signature", "sha256="+strings.Repeat("0", 64)),
		with("the prefix sha1=", "malformed", "sha1="+strings.TrimPrefix(right, "sha256=")),
		with("a signature of SHA-1", "malformed", sha1Sum),
		with("SHA-1 under the name of SHA-256", "malformed", "sha256="+strings.TrimPrefix(sha1Sum, "sha1=")),
		with("no prefix", "malformed", strings.TrimPrefix(right, "sha256=")),
		with("the prefix alone", "malformed", "sha256="),
		with("the prefix in upper case", "malformed", "SHA256="+strings.TrimPrefix(right, "sha256=")),
		with("the prefix twice", "malformed", "sha256="+right),
		with("cut", "malformed", right[:len(right)-1]),
		with("a byte more", "malformed", right+"00"),
		with("base64", "malformed", "sha256="+mac64(sha256.New, []byte(signingSecrets[src]), attackBody)),
		with("a list that has it", "malformed", right+", "+right),
		with("no text of hex", "malformed", "sha256="+strings.Repeat("zz", 32)),
		with("an empty header", "missing", ""),
		with("twice, good and bad", "malformed", right, of(srcGlobexGitHub)),
		with("twice, bad and good", "malformed", of(srcGlobexGitHub), right),
		with("twice, both good", "malformed", right, right),
		with("5 kB", "too_large", "sha256="+strings.Repeat("0", 5<<10)),
		{"no header", src, good, func(*http.Request) {}, "missing"},
		{"X-Hub-Signature alone", src, good, puts(name1, sha1Sum), "missing"},
		{"SHA-256 in X-Hub-Signature", src, good, puts(name1, right), "missing"},
		{"the secret as Bearer", src, good, header("Authorization", "Bearer "+signingSecrets[src]), "missing"},
	}
	for _, other := range []struct{ name, text string }{
		{"another byte in the body", strings.Replace(attackBody, "aaaa", "aaab", 1)},
		{"a line break behind the body", attackBody + "\n"},
		{"no body", ""},
	} {
		out = append(out, attack{other.name, src, good, func(r *http.Request) { good(r); body(other.text)(r) }, "signature"})
	}
	return out
}
