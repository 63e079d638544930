package webhook

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"accessrelay/internal/channel"
)

var _ channel.Kind = Kind{}

func whsec(n int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", n)))
}

func TestParse(t *testing.T) {
	in := `{"signing_secret":"` + whsec(24) + `","url":"https://a.example/canary","headers":{"authorization":"Bearer canary","X-Env":"prod"}}`
	got, err := Kind{}.Parse(json.RawMessage(in))
	if err != nil {
		t.Fatal(err)
	}
	c := got.(*Config)
	if c.URL.Reveal() != "https://a.example/canary" || len(c.Headers) != 2 ||
		c.Headers["Authorization"].Reveal() != "Bearer canary" || c.Headers["X-Env"].Reveal() != "prod" {
		t.Errorf("Parse gives %s", c.Reveal())
	}
	if key := c.SigningKey(); string(key) != strings.Repeat("k", 24) {
		t.Errorf("SigningKey() = %d bytes", len(key))
	}
	want := `{"headers":{"Authorization":"Bearer canary","X-Env":"prod"},"signing_secret":"` + whsec(24) + `","url":"https://a.example/canary"}`
	if s := string(c.Reveal()); s != want {
		t.Errorf("Reveal() = %s", s)
	}
	if s := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(s, "canary") || strings.Contains(s, "whsec_") {
		t.Errorf("the config prints its secrets: %s", s)
	}

	bare, err := Kind{}.Parse(json.RawMessage(`{"url":"https://a.example","headers":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	if s := string(bare.Reveal()); s != `{"url":"https://a.example"}` {
		t.Errorf("Reveal() = %s", s)
	}
	if bare.(*Config).SigningKey() != nil {
		t.Error("a key without a signing secret")
	}
}

func TestParseRefuses(t *testing.T) {
	headers := func(h string) string { return `{"url":"https://a.example/","headers":` + h + `}` }
	signing := func(s string) string { return `{"url":"https://a.example/","signing_secret":"` + s + `"}` }
	many := "{"
	for i := range 33 {
		many += fmt.Sprintf(`"X-%d":"v",`, i)
	}
	many = strings.TrimSuffix(many, ",") + "}"
	tests := []struct{ in, field, want string }{
		{`{}`, "url", "is required"},
		{`{"url":"http://canary@a.example/"}`, "url", "user name"},
		{`{"url":"https://a.example/***"}`, "url", "holds the mask"},
		{`{"url":"https://a.example/","webhook_url":"https://a.example/"}`, "webhook_url", "is not a key"},
		{`{"url":"https://a.example/","body":"canary"}`, "body", "is not a key"},
		{headers(`null`), "headers", "an object of strings"},
		{headers(`"canary"`), "headers", "an object of strings"},
		{headers(`{"X-A":1}`), "headers", "an object of strings"},
		{headers(`{"X-A":["canary"]}`), "headers", "an object of strings"},
		{headers(`{"X-A":"***"}`), "headers", "holds the mask"},
		{headers(`{"":"v"}`), "headers", "no header name"},
		{headers(`{"Bearer canary":"v"}`), "headers", "no header name"},
		{headers(`{"X:canary":"v"}`), "headers", "no header name"},
		{headers(`{"X\r\ncanary":"v"}`), "headers", "no header name"},
		{headers(`{"Xé":"v"}`), "headers", "no header name"},
		{headers(`{"X-A":"canary\r\nX-B: 1"}`), "headers", "value of X-A"},
		{headers(`{"X-A":"canary\u0000"}`), "headers", "value of X-A"},
		{headers(`{"X-A":"canary\u007f"}`), "headers", "value of X-A"},
		{headers(`{"X-A":"canaryé"}`), "headers", "value of X-A must be of visible ASCII characters"},
		{headers(`{"X-A":"canary\u0085"}`), "headers", "value of X-A"},
		{headers(`{"X-A":" canary"}`), "headers", "value of X-A"},
		{headers(`{"X-A":""}`), "headers", "value of X-A"},
		{headers(`{"X-A":"v","x-a":"w"}`), "headers", "X-A appears twice"},
		{headers(`{"X-A":"` + strings.Repeat("v", 8193) + `"}`), "headers", "longer"},
		{headers(many), "headers", "more than 32"},
		{signing(""), "signing_secret", "must not be empty"},
		{signing("canary"), "signing_secret", "whsec_"},
		{signing(strings.TrimPrefix(whsec(32), "whsec_")), "signing_secret", "whsec_"},
		{signing(whsec(23)), "signing_secret", "24 to 64"},
		{signing(whsec(65)), "signing_secret", "24 to 64"},
		{signing(strings.TrimRight(whsec(25), "=")), "signing_secret", "whsec_"},
		{signing(whsec(24) + `\n`), "signing_secret", "whsec_"},
		{signing(strings.ReplaceAll(whsec(24), "a", "-")), "signing_secret", "whsec_"},
		{signing("***"), "signing_secret", "holds the mask"},
		{`{"url":"https://a.example/","url":"https://b.example/"}`, "url", "appears twice"},
	}
	for name := range reserved {
		tests = append(tests, struct{ in, field, want string }{
			headers(`{"` + strings.ToLower(name) + `":"canary"}`), "headers", name + " cannot be set",
		})
	}
	for _, tt := range tests {
		_, err := Kind{}.Parse(json.RawMessage(tt.in))
		var invalid *channel.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("Parse(%.90s) = %v, want an *InvalidError", tt.in, err)
			continue
		}
		if got := invalid.Fields[tt.field]; !strings.Contains(got, tt.want) || len(invalid.Fields) != 1 {
			t.Errorf("Parse(%.90s) = %v, want only %s: %s", tt.in, err, tt.field, tt.want)
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("Parse(%.90s) echoes a value: %v", tt.in, err)
		}
	}
}

func TestParseAcceptsKeyLengths(t *testing.T) {
	for _, n := range []int{24, 25, 32, 64} {
		if _, err := (Kind{}).Parse(json.RawMessage(`{"url":"https://a.example/","signing_secret":"` + whsec(n) + `"}`)); err != nil {
			t.Errorf("a key of %d bytes: %v", n, err)
		}
	}
}

func TestMask(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{"url":"https://a.example:8443/canary?x=canary","headers":{"Authorization":"canary"},"signing_secret":"whsec_canary"}`,
			`{"headers":{"Authorization":"***"},"signing_secret":"***","url":"https://a.example:8443/***"}`},
		{`{"url":"${CANARY}","headers":{"A":"${CANARY}"},"signing_secret":"${CANARY}"}`,
			`{"headers":{"A":"***"},"signing_secret":"***","url":"***"}`},
		{`{"headers":["canary"],"body":"canary"}`, `{"body":"***","headers":"***"}`},
		{`{"body_template":"{\"a\": {{type}}}","content_type":"text/plain"}`, `{"body_template":"{\"a\": {{type}}}","content_type":"text/plain"}`},
		{`{"body_template":"{\"key\": \"${CANARY}\"}"}`, `{"body_template":"***"}`},
		{`"canary"`, `{}`},
	}
	for _, tt := range tests {
		if got := string(Kind{}.Mask(json.RawMessage(tt.in))); got != tt.want {
			t.Errorf("Mask(%s) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"url":"https://a.example/x","headers":{"authorization":"Bearer x"},"signing_secret":"` + whsec(24) + `"}`)
	f.Add(`{"url":"http://10.0.0.1","headers":{"X-é":"é"}}`)
	f.Add(`{"headers":{"a":"1","A":"2"}}`)
	f.Add(`{"url":"https://a.example","body_template":"{\"a\": {{type}}}","content_type":"application/x+json; charset=utf-8"}`)
	f.Add(`{"url":"https://a.example","body_template":"a={{type}}","content_type":"application/x-www-form-urlencoded"}`)
	f.Fuzz(func(t *testing.T, in string) {
		if masked := (Kind{}).Mask(json.RawMessage(in)); !json.Valid(masked) {
			t.Errorf("Mask gives %s", masked)
		}
		c, err := Kind{}.Parse(json.RawMessage(in))
		if err != nil {
			var invalid *channel.InvalidError
			if !errors.As(err, &invalid) {
				t.Errorf("error is %T", err)
			}
			return
		}
		again, err := Kind{}.Parse(c.Reveal())
		if err != nil || string(again.Reveal()) != string(c.Reveal()) {
			t.Errorf("%s does not survive: %v", c.Reveal(), err)
		}
	})
}
