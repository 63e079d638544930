package standin

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/authn"
	"accessrelay/internal/secret"
	"accessrelay/internal/sender"
)

func newKey(t *testing.T) (*sender.Signer, []byte) {
	t.Helper()
	private, err := sender.NewP0Key()
	if err != nil {
		t.Fatal(err)
	}
	s, err := sender.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	public, err := s.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	return s, public
}

func secrets(texts ...string) []secret.String {
	var out []secret.String
	for _, s := range texts {
		out = append(out, secret.New(s))
	}
	return out
}

// methods are a config of every method and scheme.
func methods(public []byte) map[string]authn.Config {
	const whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	return map[string]authn.Config{
		"jwt":                    {JWT: &authn.JWT{Key: public, Issuer: "i", Audience: "a", Subject: "s"}},
		"bearer":                 {Bearer: &authn.Bearer{Secrets: secrets("first+/=", "second")}},
		"header":                 {Header: &authn.Header{Name: "x-permit-SECRET", Secrets: secrets("first secret", "second")}},
		"header, Authorization":  {Header: &authn.Header{Name: "Authorization", Secrets: secrets("as it is")}},
		"basic":                  {Basic: &authn.Basic{Username: "rélay", Passwords: secrets("pass:wörd", "second")}},
		"hmac standard-webhooks": {HMAC: &authn.HMAC{Scheme: authn.SchemeStandardWebhooks, Secrets: secrets(whsec)}},
		"hmac github":            {HMAC: &authn.HMAC{Scheme: authn.SchemeGitHub, Secrets: secrets("It's a Secret to Everybody", "second")}},
	}
}

// What this side makes, the other side takes, for every method; the two share
// no code.
func TestTheRelayTakesIt(t *testing.T) {
	key, public := newKey(t)
	covered := map[int]bool{}
	for name, c := range methods(public) {
		v := reflect.ValueOf(c)
		for i := range v.NumField() {
			covered[i] = covered[i] || !v.Field(i).IsNil()
		}
		t.Run(name, func(t *testing.T) {
			credentials, err := Credentials(c, Options{Key: key, Claims: sender.Claims{TTL: time.Minute}})
			if err != nil {
				t.Fatal(err)
			}
			a, err := authn.New(c, authn.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, body := range []string{"", "{}", strings.Repeat("é.\x00", 1000)} {
				r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader([]byte(body)))
				if err := credentials(r, []byte(body)); err != nil {
					t.Fatal(err)
				}
				if err := a.Authenticate(r, []byte(body)); err != nil {
					t.Errorf("refused: %v", err)
				}
				if c.HMAC != nil && a.Authenticate(r, []byte(body+" ")) == nil {
					t.Error("the signature is good for another body too")
				}
			}
			if err := Refusal(t.Context(), c, credentials); err != nil {
				t.Errorf("said to be refused: %v", err)
			}
		})
	}
	if typ := reflect.TypeFor[authn.Config](); len(covered) != typ.NumField() {
		t.Fatal("nothing was covered")
	} else {
		for i, ok := range covered {
			if !ok {
				t.Errorf("method %s has no stand-in", typ.Field(i).Name)
			}
		}
	}
}

func TestJWT(t *testing.T) {
	key, public := newKey(t)
	c := methods(public)["jwt"]
	if _, err := Credentials(c, Options{}); !errors.Is(err, ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	refusal := func(o Options, c authn.Config) string {
		t.Helper()
		credentials, err := Credentials(c, o)
		if err != nil {
			t.Fatal(err)
		}
		var failure *authn.Failure
		switch err := Refusal(t.Context(), c, credentials); {
		case err == nil:
			return ""
		case errors.As(err, &failure):
			return failure.Reason
		default:
			return err.Error()
		}
	}
	minute := sender.Claims{TTL: time.Minute}
	other, _ := newKey(t)
	if got := refusal(Options{Key: other, Claims: minute}, c); got != authn.ReasonSignature {
		t.Errorf("of another key: %q", got)
	}
	if got := refusal(Options{Key: key, Claims: sender.Claims{TTL: time.Minute, Subject: "somebody"}}, c); got != authn.ReasonSubject {
		t.Errorf("a claim of one's own: %q", got)
	}
	ready, err := key.Token(sender.Claims{Issuer: "i", Audience: "a", Subject: "s", TTL: time.Minute}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got := refusal(Options{Key: other, Token: secret.New(ready)}, c); got != "" {
		t.Errorf("a token made elsewhere: %q", got)
	}
	atURL := authn.Config{JWT: &authn.JWT{JWKSURL: "https://127.0.0.1:1/jwks.json"}}
	if got := refusal(Options{Key: other, Claims: minute}, atURL); got != "" {
		t.Errorf("keys that are not at hand: %q", got)
	}
}

func TestWrongConfig(t *testing.T) {
	for name, c := range map[string]authn.Config{
		"none": {}, "no secret": {Bearer: &authn.Bearer{}},
		"an unknown scheme": {HMAC: &authn.HMAC{Scheme: "x", Secrets: secrets("y")}},
	} {
		if _, err := Credentials(c, Options{}); err == nil {
			t.Errorf("%s: has credentials", name)
		}
	}
	if err := Refusal(t.Context(), authn.Config{}, sender.Bearer(secret.New("x"))); err == nil {
		t.Error("nothing to check with, and nothing is wrong")
	}
}
