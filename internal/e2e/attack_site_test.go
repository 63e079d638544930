package e2e

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// tenant2 is another tenant of the same relay.
const tenant2 = "1c6f8a52-9f0e-4f0b-8a44-0b7f7c3d2e10"

// site is an ingest with sources of every method and of two tenants. No worker
// runs, so that what was enqueued stays where it can be counted.
type site struct {
	t     *testing.T
	relay *relay
	hooks string // the URL to which a source's id is appended
	keys  map[string]any
	jwks  *jwksServer
	trap  *trap

	once    map[string]credential // see good
	rotated bool                  // the old secrets of the rotations have left the file
}

// The sources. Those of JWTs ask for the claims of goodClaims unless it says
// otherwise.
const (
	srcES256   = "acme-es256" // one P-256 key, no algorithms named
	srcES384   = "acme-es384" // one P-384 key, ES384 only
	srcRS256   = "acme-rs256" // one RSA key, RS256 only
	srcRSA     = "acme-rsa"   // the same key, whatever RSA allows
	srcEd      = "acme-ed"    // one Ed25519 key, no leeway
	srcJWKS    = "acme-jwks"  // a JWKS file: kid ec-1 is P-256, kid rsa-1 is RSA
	srcIDP     = "acme-idp"   // a JWKS URL: kid idp-1 is P-256; audience acme
	srcGlobex  = "globex-p0"  // another tenant with a P-384 key of its own
	srcGlobIDP = "globex-idp" // another tenant of the same JWKS URL; audience globex
)

// newSite starts an ingest with all the sources.
func newSite(t *testing.T) *site {
	t.Helper()
	s := newKeys(t)
	s.writeFile()
	s.start()
	return s
}

// newKeys is a site that does not run yet and has no file.
func newKeys(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, relay: newRelay(t), keys: map[string]any{}, once: map[string]credential{}, trap: newTrap(t)}
	for name, curve := range map[string]elliptic.Curve{
		"es384": elliptic.P384(), "es256": elliptic.P256(), "jwks-ec": elliptic.P256(), "idp": elliptic.P256(),
		"globex": elliptic.P384(), "foreign-256": elliptic.P256(), "foreign-384": elliptic.P384(),
	} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		s.key(name, key, err)
	}
	for _, name := range []string{"rsa", "jwks-rsa", "foreign-rsa"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		s.key(name, key, err)
	}
	for _, name := range []string{"ed", "foreign-ed"} {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		s.key(name, key, err)
	}
	s.jwks = newJWKSServer(t, jwks(s.jwk("idp", "idp-1")))
	return s
}

func (s *site) start() {
	s.t.Helper()
	// How fast Redis confirms on a busy machine is not what is looked at.
	s.relay.startIngest("ACCESSRELAY_LOG_LEVEL=debug", "ACCESSRELAY_ENQUEUE_TIMEOUT=10s")
	s.hooks = s.relay.ingest.listener("hooks") + "/v1/hooks/"
}

func (s *site) key(name string, key any, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("generating a key: %v", err)
	}
	s.keys[name] = key
}

func (s *site) writeFile() {
	s.t.Helper()
	write(s.t, filepath.Join(s.relay.dir, "jwks.json"), jwks(s.jwk("jwks-ec", "ec-1"), s.jwk("jwks-rsa", "rsa-1")))
	asked := func(more map[string]any) map[string]any {
		auth := map[string]any{"issuer": issuer, "audience": audience, "subject": subject}
		maps.Copy(auth, more)
		return map[string]any{"jwt": auth}
	}
	sources := map[string][]sourceConf{
		tenant: {
			{srcES384, asked(map[string]any{"key": s.pem("es384"), "algorithms": []string{"ES384"}})},
			{srcES256, asked(map[string]any{"key": s.pem("es256")})},
			{srcRS256, asked(map[string]any{"key": s.pem("rsa"), "algorithms": []string{"RS256"}})},
			{srcRSA, asked(map[string]any{"key": s.pem("rsa")})},
			{srcEd, asked(map[string]any{"key": s.pem("ed"), "leeway": "0s"})},
			{srcJWKS, asked(map[string]any{"key_file": "jwks.json"})},
			{srcIDP, asked(map[string]any{"jwks_url": s.jwks.url})},
		},
		tenant2: {
			{srcGlobex, asked(map[string]any{"key": s.pem("globex")})},
			{srcGlobIDP, asked(map[string]any{"jwks_url": s.jwks.url, "audience": "globex"})},
		},
	}
	for _, more := range []map[string][]sourceConf{secretSources(), signedSources()} {
		for id := range sources {
			sources[id] = append(sources[id], more[id]...)
		}
	}
	for _, r := range s.rotations() {
		auth := r.both
		if s.rotated {
			auth = r.newOnly
		}
		sources[tenant] = append(sources[tenant], sourceConf{r.source, auth})
	}
	write(s.t, s.relay.path(), fileOf(s.t, sources))
}

// sourceConf is a source of the file.
type sourceConf struct {
	id   string
	auth map[string]any
}

// fileOf is an accessrelay.yaml with these sources by tenant.
func fileOf(t *testing.T, sources map[string][]sourceConf) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("tenants:\n")
	for i, id := range []string{tenant, tenant2} {
		fmt.Fprintf(&b, "  - id: %s\n    name: tenant-%d\n    sources:\n", id, i)
		for _, src := range sources[id] {
			fmt.Fprintf(&b, "      - {id: %s, platform: p0, auth: %s}\n", src.id, mustJSON(t, src.auth))
		}
	}
	return b.String()
}

// public returns the public half of a key.
func (s *site) public(name string) any {
	s.t.Helper()
	switch k := s.keys[name].(type) {
	case *ecdsa.PrivateKey:
		return &k.PublicKey
	case *rsa.PrivateKey:
		return &k.PublicKey
	case ed25519.PrivateKey:
		return k.Public()
	}
	s.t.Fatalf("there is no key %s", name)
	return nil
}

func (s *site) der(name string) []byte {
	s.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(s.public(name))
	if err != nil {
		s.t.Fatalf("encoding a key: %v", err)
	}
	return der
}

func (s *site) pem(name string) string {
	s.t.Helper()
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: s.der(name)}))
}

// jwk is the public key as RFC 7517 writes it.
func (s *site) jwk(name, kid string) claims {
	s.t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	switch k := s.public(name).(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 4, x, y
		if err != nil {
			s.t.Fatalf("encoding a key: %v", err)
		}
		size := len(point) / 2
		return claims{"kty": "EC", "kid": kid, "crv": k.Params().Name, "x": b64(point[1 : 1+size]), "y": b64(point[1+size:])}
	case *rsa.PublicKey:
		return claims{"kty": "RSA", "kid": kid, "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
	case ed25519.PublicKey:
		return claims{"kty": "OKP", "kid": kid, "crv": "Ed25519", "x": b64(k)}
	}
	s.t.Fatalf("key %s has no JWK", name)
	return nil
}

func jwks(keys ...claims) string {
	var members []string
	for _, k := range keys {
		var pairs []string
		for name, v := range k {
			pairs = append(pairs, fmt.Sprintf("%q:%q", name, v))
		}
		members = append(members, "{"+strings.Join(pairs, ",")+"}")
	}
	return `{"keys":[` + strings.Join(members, ",") + `]}`
}

// jwksServer is an identity provider's key set.
type jwksServer struct {
	url   string
	asked atomic.Int32
	down  atomic.Bool // answers nothing of use
}

func newJWKSServer(t *testing.T, set string) *jwksServer {
	t.Helper()
	s := &jwksServer{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		if s.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = w.Write([]byte(set))
	}))
	t.Cleanup(server.Close)
	s.url = server.URL + "/jwks.json"
	return s
}

func (s *jwksServer) fetches() int { return int(s.asked.Load()) }

// trap is an address that nobody has a reason to connect to.
type trap struct {
	url   string
	count atomic.Int32
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	tr := &trap{url: "http://" + l.Addr().String()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			tr.count.Add(1)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return tr
}

func (t *trap) connections() int { return int(t.count.Load()) }
