package sender

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"testing"
	"time"

	"accessrelay/internal/secret"
)

// with returns the header of a request that has the credentials.
func with(t *testing.T, c Credentials, body string) http.Header {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
	if err := c(r, []byte(body)); err != nil {
		t.Fatal(err)
	}
	return r.Header
}

// What the specifications and the vendors print as examples.
func TestKnownAnswers(t *testing.T) {
	basic := func(username, password string) Credentials {
		c, err := Basic(username, secret.New(password))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, tt := range []struct {
		name         string
		c            Credentials
		body         string
		header, want string
	}{
		{"RFC 6750, 2.1", Bearer(secret.New("mF_9.B5f-4.1JqM")), "", "Authorization", "Bearer mF_9.B5f-4.1JqM"},
		{"RFC 7617, 2", basic("Aladdin", "open sesame"), "", "Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
		{"RFC 7617, 2.1", basic("test", "123\u00a3"), "", "Authorization", "Basic dGVzdDoxMjPCow=="},
		{"a password with a colon", basic("relay", "a:b"), "", "Authorization", "Basic cmVsYXk6YTpi"},
		{"a header, in any letter case", Header("x-permit-secret", secret.New("s e")), "", "X-Permit-Secret", "s e"},
		{"GitHub's own example", GitHub(secret.New("It's a Secret to Everybody")), "Hello, World!", "X-Hub-Signature-256",
			"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
	} {
		if got := with(t, tt.c, tt.body); len(got) != 1 || got.Get(tt.header) != tt.want {
			t.Errorf("%s: %v, want %s: %s", tt.name, got, tt.header, tt.want)
		}
	}
}

// The example of Standard Webhooks 1.0.
func TestStandardWebhooksKnownAnswer(t *testing.T) {
	key, err := standardKey(secret.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
	if err != nil {
		t.Fatal(err)
	}
	got := http.Header{}
	signStandard(got, key, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	want := http.Header{
		"Webhook-Id":        {"msg_p5jXN8AQM9LWM0D4loKWxJek"},
		"Webhook-Timestamp": {"1614265330"},
		"Webhook-Signature": {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestStandardWebhooksIsFresh(t *testing.T) {
	c, err := StandardWebhooks(secret.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().Unix()
	one, two := with(t, c, "{}"), with(t, c, "{}")
	if one.Get("webhook-id") == two.Get("webhook-id") || one.Get("webhook-signature") == two.Get("webhook-signature") {
		t.Errorf("two webhooks have one id: %v", one)
	}
	if at, err := strconv.ParseInt(one.Get("webhook-timestamp"), 10, 64); err != nil || at < before || at > time.Now().Unix() {
		t.Errorf("signed at %d (%v), want now", at, err)
	}
}

func TestCredentialsRefuse(t *testing.T) {
	for _, bad := range []string{"", "S3CR3T", "whsec_", "whsec_S3CR3T!", "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		if _, err := StandardWebhooks(secret.New(bad)); err == nil || err.Error() != "the secret is not whsec_ and base64" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := Basic("re:lay", secret.New("x")); err == nil {
		t.Error("a username with a colon is taken")
	}
}
