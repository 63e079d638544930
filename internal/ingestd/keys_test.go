package ingestd

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"accessrelay/internal/authn"
)

// provider is an identity provider with one key, which also makes tokens.
type provider struct {
	server  *httptest.Server
	key     ed25519.PrivateKey
	fetches atomic.Int32
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	set := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"one","x":%q}]}`, base64URL(p.key.Public().(ed25519.PublicKey)))
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.fetches.Add(1)
		_, _ = io.WriteString(w, set)
	}))
	t.Cleanup(p.server.Close)
	return p
}

func base64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// request has a good token for the audience.
func (p *provider) request(audience, kid string) *http.Request {
	text := base64URL(fmt.Appendf(nil, `{"alg":"EdDSA","kid":%q}`, kid)) + "." +
		base64URL(fmt.Appendf(nil, `{"aud":%q,"exp":%d}`, audience, time.Now().Add(time.Hour).Unix()))
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Authorization", "Bearer "+text+"."+base64URL(ed25519.Sign(p.key, []byte(text))))
	return r
}

// config is one of a source that fetches the provider's keys.
func (p *provider) config(audience string, leeway time.Duration) authn.Config {
	return authn.Config{JWT: &authn.JWT{JWKSURL: p.server.URL, Audience: audience, Leeway: &leeway}}
}

// reason is why the source refuses r, "" if it does not.
func reason(t *testing.T, v *view, id string, r *http.Request) string {
	t.Helper()
	err := authOf(t, v, id).Authenticate(r, nil)
	if f, ok := errors.AsType[*authn.Failure](err); ok {
		return f.Reason
	}
	if err != nil {
		t.Fatalf("the error is %T, not a *Failure", err)
	}
	return ""
}

func expectReason(t *testing.T, v *view, id string, r *http.Request, want string) {
	t.Helper()
	if got := reason(t, v, id, r); got != want {
		t.Errorf("source %s: reason %q, want %q", id, got, want)
	}
}

// The keys that were fetched belong to the URL: whatever else of its sources a
// reload changes, they stay in force, also while the provider is down.
func TestReloadWhileProviderIsDown(t *testing.T) {
	p := newProvider(t)
	v, reload := reloader(t)
	load := func(auth map[string]authn.Config) {
		t.Helper()
		if err := reload(auth); err != nil {
			t.Fatal(err)
		}
	}
	load(map[string]authn.Config{"a": p.config("x", 30*time.Second)})
	expectReason(t, v, "a", p.request("x", "one"), "")
	p.server.Close()

	narrowed := p.config("x", 40*time.Second)
	narrowed.JWT.Algorithms = []string{"EdDSA"}
	for _, step := range []struct {
		what string
		auth map[string]authn.Config
		id   string
	}{
		{"leeway", map[string]authn.Config{"a": p.config("x", 40*time.Second)}, "a"},
		{"algorithms", map[string]authn.Config{"a": narrowed}, "a"},
		{"another source beside it", map[string]authn.Config{"a": p.config("x", 0), "b": p.config("x", 0)}, "b"},
		{"the source's id", map[string]authn.Config{"c": p.config("x", time.Second)}, "c"},
	} {
		load(step.auth)
		if got := reason(t, v, step.id, p.request("x", "one")); got != "" {
			t.Errorf("after a change of %s: reason %q", step.what, got)
		}
		if err := v.ready(); err != nil {
			t.Errorf("after a change of %s: not ready: %v", step.what, err)
		}
	}

	load(map[string]authn.Config{"c": p.config("y", time.Second)})
	expectReason(t, v, "c", p.request("y", "one"), "")
	expectReason(t, v, "c", p.request("x", "one"), authn.ReasonAudience)

	// A file that is refused takes nothing away and starts nothing.
	before := authOf(t, v, "c")
	other := p.config("y", 0)
	other.JWT.JWKSURL += "/other"
	if err := reload(map[string]authn.Config{"c": p.config("y", 0), "d": other, "e": bearerConfig("S3CR3T ")}); err == nil {
		t.Error("a bad secret was taken")
	}
	if authOf(t, v, "c") != before {
		t.Error("a refused file changed a source")
	}
	expectReason(t, v, "c", p.request("y", "one"), "")

	// Keys that no source uses are let go of.
	load(map[string]authn.Config{"b": bearerConfig("S3CR3T-0123456789abcdef")})
	load(map[string]authn.Config{"c": p.config("y", 0)})
	expectReason(t, v, "c", p.request("y", "one"), authn.ReasonNoKeys)
}

// An ingest that starts waits for the keys of all its sources; one that serves goes
// on serving, whatever source a reload brings.
func TestReadinessOverReloads(t *testing.T) {
	p := newProvider(t)
	p.server.Close()
	down := p.config("x", 0)
	secret := bearerConfig("S3CR3T-0123456789abcdef")

	v, reload := reloader(t)
	for _, step := range []struct {
		what  string
		auth  map[string]authn.Config
		ready bool
	}{
		{"started without keys", map[string]authn.Config{"a": down, "b": secret}, false},
		{"reloaded before it was ready", map[string]authn.Config{"a": p.config("y", 0), "b": secret}, false},
		{"without the source", map[string]authn.Config{"b": secret}, true},
		{"with the source, while it serves", map[string]authn.Config{"a": down, "b": secret}, true},
		{"with a change of it", map[string]authn.Config{"a": p.config("y", 0), "b": secret}, true},
		{"with another beside it", map[string]authn.Config{"a": down, "b": secret, "c": down}, true},
	} {
		if err := reload(step.auth); err != nil {
			t.Fatal(err)
		}
		if err := v.ready(); (err == nil) != step.ready {
			t.Errorf("%s: ready %t, %v", step.what, err == nil, err)
		}
	}
}

// Sources of one URL fetch together, at the start and because of unknown keys.
func TestSourcesOfOneURLFetchOnce(t *testing.T) {
	p := newProvider(t)
	v, reload := reloader(t)
	start := time.Now()
	auth := map[string]authn.Config{"a": p.config("x", 0), "b": p.config("y", 0)}
	if err := reload(auth); err != nil {
		t.Fatal(err)
	}
	expectReason(t, v, "a", p.request("x", "one"), "")
	expectReason(t, v, "b", p.request("y", "one"), "")
	expectReason(t, v, "b", p.request("x", "one"), authn.ReasonAudience)
	if n := p.fetches.Load(); n != 1 {
		t.Errorf("%d fetches at the start, want 1", n)
	}
	for range 3 {
		expectReason(t, v, "a", p.request("x", "invented"), authn.ReasonUnknownKey)
		expectReason(t, v, "b", p.request("y", "invented"), authn.ReasonUnknownKey)
	}
	most := 2 + int32(time.Since(start)/(30*time.Second)) // the second is because of the unknown keys
	if n := p.fetches.Load(); n < 2 || n > most {
		t.Errorf("%d fetches, want 2, or at most %d on a machine this slow", n, most)
	}
}
