package authn

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	whsecNew = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	whsecOld = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	webhook  = `{"type":"request.pending","data":{"id":"1.2"}}`
)

// The known answer of the specification's own test data, with a clock of that time.
func TestStandardWebhooksKnownAnswer(t *testing.T) {
	const at = 1614265330
	now := time.Unix(at, 0)
	a, err := New(Config{HMAC: &HMAC{Scheme: SchemeStandardWebhooks, Secrets: secrets(whsecNew)}},
		Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	r := withHeaders(
		"webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp", fmt.Sprint(at),
		"webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	checkRows(t, a, `{"test": 2432232314}`, []authRow{{"known answer", r, ""}})
	checkRows(t, a, `{"test": 2432232315}`, []authRow{{"another body", r, ReasonSignature}})
	checkRows(t, a, `{"test":2432232314}`, []authRow{{"the same JSON", r, ReasonSignature}})
	for _, tt := range []struct {
		off    time.Duration
		reason string
	}{
		{DefaultTolerance, ""}, {DefaultTolerance + time.Nanosecond, ReasonTimestamp}, {24 * time.Hour, ReasonTimestamp},
		{-DefaultTolerance, ""}, {-DefaultTolerance - time.Nanosecond, ReasonTimestamp}, {-24 * time.Hour, ReasonTimestamp},
	} {
		now = time.Unix(at, 0).Add(tt.off)
		checkRows(t, a, `{"test": 2432232314}`, []authRow{{"the clock is off by " + tt.off.String(), r, tt.reason}})
	}
}

// signedWebhook signs as the specification's own library does.
func signedWebhook(tb testing.TB, whsec, id string, at time.Time, body string) string {
	tb.Helper()
	wh, err := standardwebhooks.NewWebhook(whsec)
	if err != nil {
		tb.Fatal(err)
	}
	signature, err := wh.Sign(id, at, []byte(body))
	if err != nil {
		tb.Fatal(err)
	}
	return signature
}

func TestStandardWebhooks(t *testing.T) {
	a := authenticatorOf(t, Config{HMAC: &HMAC{Scheme: SchemeStandardWebhooks, Secrets: secrets(whsecNew, whsecOld)}})
	if a.Challenge() == "" {
		t.Error("no challenge")
	}
	const foreign = "whsec_" + "Zm9yZWlnbi1mb3JlaWduLWZvcmVpZ24tZm9yZWlnbg=="
	sig := func(whsec string) string { return signedWebhook(t, whsec, "msg_1", testNow, webhook) }
	good, stamp := sig(whsecNew), fmt.Sprint(testNow.Unix())
	with := func(signature string) *http.Request {
		return withHeaders("Webhook-Id", "msg_1", "Webhook-Timestamp", stamp, "Webhook-Signature", signature)
	}
	at := func(stamp string) *http.Request {
		return withHeaders("Webhook-Id", "msg_1", "Webhook-Timestamp", stamp, "Webhook-Signature", good)
	}
	named := func(id string) *http.Request {
		return withHeaders("Webhook-Id", id, "Webhook-Timestamp", stamp, "Webhook-Signature", signedWebhook(t, whsecNew, id, testNow, webhook))
	}
	twice := func(name string) *http.Request {
		r := with(good)
		r.Header.Add(name, r.Header.Get(name))
		return r
	}
	without := func(name string) *http.Request {
		r := with(good)
		r.Header.Del(name)
		return r
	}
	old := testNow.Add(-DefaultTolerance - time.Second)
	stale := withHeaders("Webhook-Id", "msg_1", "Webhook-Timestamp", fmt.Sprint(old.Unix()),
		"Webhook-Signature", signedWebhook(t, whsecNew, "msg_1", old, webhook))
	early := testNow.Add(DefaultTolerance + time.Second)
	fromAhead := withHeaders("Webhook-Id", "msg_1", "Webhook-Timestamp", fmt.Sprint(early.Unix()),
		"Webhook-Signature", signedWebhook(t, whsecNew, "msg_1", early, webhook))
	refreshed := withHeaders("Webhook-Id", "msg_1", "Webhook-Timestamp", stamp,
		"Webhook-Signature", signedWebhook(t, whsecNew, "msg_1", old, webhook))
	last := good[:len(good)-2] + "A="
	if last == good {
		last = good[:len(good)-2] + "E="
	}

	checkRows(t, a, webhook, []authRow{
		{"the first secret", with(good), ""},
		{"the second secret", with(sig(whsecOld)), ""},
		{"both", with(sig(whsecOld) + " " + good), ""},
		{"a foreign one before", with(sig(foreign) + " " + good), ""},
		{"a foreign one after", with(good + " " + sig(foreign)), ""},
		{"another version before", with("v1a,AAAA " + good), ""},
		{"two blanks between", with("v1a,AAAA  " + good), ""},
		{"16 signatures", with(strings.Repeat(sig(foreign)+" ", 15) + good), ""},
		{"longest id", named(strings.Repeat("m", maxWebhookID)), ""},

		{"17 signatures", with(strings.Repeat(sig(foreign)+" ", 16) + good), ReasonTooLarge},
		{"10 kB of signatures", with(strings.Repeat("x", 10_000) + " " + good), ReasonTooLarge},
		{"foreign secret", with(sig(foreign)), ReasonSignature},
		{"last byte differs", with(last), ReasonSignature},
		{"first byte differs", with("v1,A" + good[4:]), ReasonSignature},
		{"cut", with(good[:len(good)-1]), ReasonSignature},
		{"cut to nothing", with("v1,"), ReasonSignature},
		{"longer", with(good + "="), ReasonSignature},
		{"comma after", with(good + ","), ReasonSignature},
		{"two in a list with commas", with(sig(foreign) + "," + good), ReasonSignature},
		{"hex", with("v1," + hex.EncodeToString([]byte(good))), ReasonSignature},
		{"no version", with(good[3:]), ReasonMalformed},
		{"version v1a", with("v1a," + good[3:]), ReasonMalformed},
		{"version V1", with("V1," + good[3:]), ReasonMalformed},
		{"version v2", with("v2," + good[3:]), ReasonMalformed},
		{"equals sign", with("v1=" + good[3:]), ReasonMalformed},
		{"tab before", with("\t" + good), ReasonMalformed},
		{"blanks only", with("   "), ReasonMalformed},

		{"no id", without("Webhook-Id"), ReasonMissing},
		{"no timestamp", without("Webhook-Timestamp"), ReasonMissing},
		{"no signature", without("Webhook-Signature"), ReasonMissing},
		{"a bearer secret", bearer(whsecNew), ReasonMissing},
		{"two ids", twice("Webhook-Id"), ReasonMalformed},
		{"two timestamps", twice("Webhook-Timestamp"), ReasonMalformed},
		{"two signature headers", twice("Webhook-Signature"), ReasonMalformed},

		{"another id", withHeaders("Webhook-Id", "msg_2", "Webhook-Timestamp", stamp, "Webhook-Signature", good), ReasonSignature},
		{"id with a full stop", named("msg.1"), ReasonMalformed},
		{"id too long", named(strings.Repeat("m", maxWebhookID+1)), ReasonTooLarge},

		{"stale", stale, ReasonTimestamp},
		{"from ahead", fromAhead, ReasonTimestamp},
		{"a fresh timestamp on an old signature", refreshed, ReasonSignature},
		{"a second later", at(fmt.Sprint(testNow.Unix() + 1)), ReasonSignature},
		{"leading zero", at("0" + stamp), ReasonSignature},
		{"plus", at("+" + stamp), ReasonMalformed},
		{"minus", at("-" + stamp), ReasonMalformed},
		{"fraction", at(stamp + ".0"), ReasonMalformed},
		{"exponent", at("17e8"), ReasonMalformed},
		{"hexadecimal", at("0x6553f100"), ReasonMalformed},
		{"blank after", at(stamp + " "), ReasonMalformed},
		{"milliseconds", at(stamp + "000"), ReasonMalformed},
		{"RFC 3339", at(testNow.Format(time.RFC3339)), ReasonMalformed},
		{"other digits", at("١٧"), ReasonMalformed},
		{"19 digits", at("9223372036854775807"), ReasonMalformed},
		{"0", at("0"), ReasonTimestamp},
	})
	checkRows(t, a, webhook+"\n", []authRow{{"a byte more in the body", with(good), ReasonSignature}})
	checkRows(t, a, "", []authRow{
		{"no body", with(good), ReasonSignature},
		{"no body, signed so", with(signedWebhook(t, whsecNew, "msg_1", testNow, "")), ""},
	})
}

// One signed text cannot be cut into id, time and body in a second way, or an
// old webhook could be sent with a fresh time out of its own body.
func TestStandardWebhooksCut(t *testing.T) {
	a := authenticatorOf(t, Config{HMAC: &HMAC{Scheme: SchemeStandardWebhooks, Secrets: secrets(whsecNew)}})
	old := testNow.Add(-time.Hour)
	stamp := fmt.Sprint(testNow.Unix())
	body := `{"reason":"x.` + stamp + `.{}"}`
	signature := signedWebhook(t, whsecNew, "msg_1", old, body)
	id := fmt.Sprintf(`msg_1.%d.{"reason":"x`, old.Unix())
	r := withHeaders("Webhook-Id", id, "Webhook-Timestamp", stamp, "Webhook-Signature", signature)
	if signature != signedWebhook(t, whsecNew, id, testNow, `{}"}`) {
		t.Fatal("the second cut is of another text: the test shows nothing")
	}
	checkRows(t, a, `{}"}`, []authRow{{"cut anew", r, ReasonMalformed}})
}

func githubSignature(key, body string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// The example that GitHub publishes for testing an implementation.
func TestGitHubKnownAnswer(t *testing.T) {
	a := authenticatorOf(t, Config{HMAC: &HMAC{Scheme: SchemeGitHub, Secrets: secrets("It's a Secret to Everybody")}})
	checkRows(t, a, "Hello, World!", []authRow{{"known answer",
		withHeaders("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"), ""}})
}

func TestGitHub(t *testing.T) {
	a := authenticatorOf(t, Config{HMAC: &HMAC{Scheme: SchemeGitHub, Secrets: secrets(newSecret, oldSecret)}})
	good := githubSignature(newSecret, webhook)
	with := func(signature string) *http.Request { return withHeaders("X-Hub-Signature-256", signature) }
	other := map[bool]string{true: "1", false: "0"}[strings.HasSuffix(good, "0")]
	checkRows(t, a, webhook, []authRow{
		{"the first secret", with(good), ""},
		{"the second secret", with(githubSignature(oldSecret, webhook)), ""},
		{"hex in capitals", with("sha256=" + strings.ToUpper(good[7:])), ""},
		{"foreign secret", with(githubSignature("foreign", webhook)), ReasonSignature},
		{"last digit differs", with(good[:len(good)-1] + other), ReasonSignature},
		{"all zeros", with("sha256=" + strings.Repeat("0", 64)), ReasonSignature},
		{"nothing", withHeaders(), ReasonMissing},
		{"empty", with(""), ReasonMissing},
		{"twice", withHeaders("X-Hub-Signature-256", good, "X-Hub-Signature-256", good), ReasonMalformed},
		{"the older header", withHeaders("X-Hub-Signature", "sha1="+good[7:47]), ReasonMissing},
		{"sha1", with("sha1=" + good[7:47]), ReasonMalformed},
		{"SHA256", with("SHA256=" + good[7:]), ReasonMalformed},
		{"no prefix", with(good[7:]), ReasonMalformed},
		{"cut", with(good[:len(good)-1]), ReasonMalformed},
		{"a byte less", with(good[:len(good)-2]), ReasonMalformed},
		{"longer", with(good + "00"), ReasonMalformed},
		{"not hex", with(good[:len(good)-1] + "g"), ReasonMalformed},
		{"base64", with("sha256=" + strings.Repeat("QUJD", 16)), ReasonMalformed},
		{"two in a list", with(good + "," + good), ReasonMalformed},
		{"100 kB", with("sha256=" + strings.Repeat("0", 100_000)), ReasonTooLarge},
	})
	checkRows(t, a, webhook+" ", []authRow{{"a byte more in the body", with(good), ReasonSignature}})
	checkRows(t, a, "", []authRow{{"no body, signed so", with(githubSignature(newSecret, "")), ""}})
}

// Whatever is not empty can be a secret of GitHub's scheme: no header carries it.
func TestGitHubSecrets(t *testing.T) {
	for _, s := range []string{"x", " a b ", "line\nbreak\n", "\x00\x01", strings.Repeat("long", 3000)} {
		a := authenticatorOf(t, Config{HMAC: &HMAC{Scheme: SchemeGitHub, Secrets: secrets(s)}})
		checkRows(t, a, webhook, []authRow{{"", withHeaders("X-Hub-Signature-256", githubSignature(s, webhook)), ""}})
	}
}
