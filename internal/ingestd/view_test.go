package ingestd

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/authn"
	"accessrelay/internal/catalog"
	"accessrelay/internal/config"
	"accessrelay/internal/ingest"
	"accessrelay/internal/secret"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fileOf is a file with one tenant whose sources authenticate so, by id.
func fileOf(auth map[string]authn.Config) *config.File {
	t := &config.Tenant{ID: "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11", Name: "acme"}
	for id, c := range auth {
		t.Sources = append(t.Sources, &config.Source{ID: id, TenantID: t.ID, Platform: catalog.Platforms()["p0"], Auth: c})
	}
	return &config.File{Tenants: []*config.Tenant{t}}
}

func bearerConfig(secrets ...string) authn.Config {
	c := authn.Config{Bearer: &authn.Bearer{}}
	for _, s := range secrets {
		// A new string each time, as every load of the file makes one.
		c.Bearer.Secrets = append(c.Bearer.Secrets, secret.New(strings.Clone(s)))
	}
	return c
}

// reloader replaces a view's file as SIGHUP does.
func reloader(t *testing.T) (*view, func(map[string]authn.Config) error) {
	t.Helper()
	v, metrics := &view{}, ingest.NewMetrics(prometheus.NewRegistry(), []string{"p0"})
	t.Cleanup(v.close)
	return v, func(auth map[string]authn.Config) error {
		return v.replace(fileOf(auth), metrics, slog.New(slog.DiscardHandler))
	}
}

func authOf(t *testing.T, v *view, id string) authn.Authenticator {
	t.Helper()
	s, ok := v.source(id)
	if !ok {
		t.Fatalf("source %s is gone", id)
	}
	return s.Auth
}

// knows reports whether the source takes the secret as bearer.
func knows(t *testing.T, v *view, id, secret string) bool {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Authorization", "Bearer "+secret)
	return authOf(t, v, id).Authenticate(r, nil) == nil
}

// A secret that is the same text is the same, though every load makes a new
// value of it; one that differs in a byte is another.
func TestReloadComparesSecrets(t *testing.T) {
	const one, two, almost = "S3CR3T-0123456789abcdef", "S3CR3T-fedcba9876543210", "S3CR3T-0123456789abcdeg"
	v, reload := reloader(t)
	load := func(c authn.Config) authn.Authenticator {
		t.Helper()
		if err := reload(map[string]authn.Config{"a": c}); err != nil {
			t.Fatal(err)
		}
		return authOf(t, v, "a")
	}
	first := load(bearerConfig(one))
	if load(bearerConfig(one)) != first {
		t.Error("the same secret made a new authenticator")
	}
	changed := load(bearerConfig(almost))
	if changed == first || knows(t, v, "a", one) || !knows(t, v, "a", almost) {
		t.Error("a secret that differs in its last byte was not taken over")
	}
	rotating := load(bearerConfig(one, two))
	if rotating == changed || !knows(t, v, "a", one) || !knows(t, v, "a", two) || knows(t, v, "a", almost) {
		t.Error("a second secret was not taken over")
	}
	if load(bearerConfig(one, two)) != rotating {
		t.Error("the same two secrets made a new authenticator")
	}
	if load(bearerConfig(two)) == rotating || knows(t, v, "a", one) {
		t.Error("a secret that was taken out still passes")
	}
	list := bearerConfig(two).Bearer.Secrets
	for _, c := range []authn.Config{
		{Header: &authn.Header{Name: "X-Key", Secrets: list}},
		{Header: &authn.Header{Name: "X-Other-Key", Secrets: list}},
		{Basic: &authn.Basic{Username: "relay", Passwords: list}},
		{Basic: &authn.Basic{Username: "other", Passwords: list}},
		{HMAC: &authn.HMAC{Scheme: authn.SchemeGitHub, Secrets: list}},
	} {
		if before := authOf(t, v, "a"); load(c) == before {
			t.Errorf("%+v made no new authenticator", c)
		} else if before = authOf(t, v, "a"); load(c) != before {
			t.Errorf("%+v made a new authenticator the second time", c)
		}
	}
}

// A file whose source cannot be authenticated changes nothing.
func TestReloadRefused(t *testing.T) {
	v, reload := reloader(t)
	if err := reload(map[string]authn.Config{"a": bearerConfig("S3CR3T-one")}); err != nil {
		t.Fatal(err)
	}
	before := authOf(t, v, "a")
	err := reload(map[string]authn.Config{"a": bearerConfig("S3CR3T-two"), "b": bearerConfig("S3CR3T ")})
	if err == nil || !strings.HasPrefix(err.Error(), "source b: auth.bearer.secrets[0]: ") || strings.Contains(err.Error(), "S3CR3T") {
		t.Errorf("error %v", err)
	}
	if authOf(t, v, "a") != before || !knows(t, v, "a", "S3CR3T-one") {
		t.Error("a refused file changed a source")
	}
	if _, ok := v.source("b"); ok {
		t.Error("a refused file added a source")
	}
}

// A key set that was fetched outlives a reload that leaves its source as it
// is; those that nobody uses any more are let go of, which goleak sees.
func TestReloadKeepsFetchedKeys(t *testing.T) {
	idp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
	}))
	defer idp.Close()
	remote := func(audience string) authn.Config {
		return authn.Config{JWT: &authn.JWT{JWKSURL: idp.URL, Audience: audience, Leeway: new(time.Minute)}}
	}
	v, reload := reloader(t)
	for _, auth := range []map[string]authn.Config{
		{"a": remote("x"), "b": remote("y")}, {"a": remote("x"), "b": remote("z")}, {"a": remote("x")},
	} {
		var before authn.Authenticator
		if v.current.Load() != nil {
			before = authOf(t, v, "a")
		}
		if err := reload(auth); err != nil {
			t.Fatal(err)
		}
		if before != nil && authOf(t, v, "a") != before {
			t.Error("a source that stayed the same lost its keys")
		}
	}
	v.close()
}
