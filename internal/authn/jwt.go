package authn

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// DefaultLeeway is the difference between the sender's clock and ours that is
// forgiven when the config does not say.
const DefaultLeeway = 30 * time.Second

const (
	maxLeeway  = time.Hour       // more than a time zone gone wrong is no clock
	wideLeeway = 5 * time.Minute // from here on there is a warning
)

// JWT is the method "jwt": a signed JSON Web Token as bearer token. Exactly
// one of key, key_file and jwks_url says where the public keys are.
//
// exp is always required. Accepted are EC P-256, P-384 and P-521, RSA from
// 2048 bits, and Ed25519; HMAC and unsigned tokens never.
type JWT struct {
	// Key is the key material, filled in from key or key_file by who reads the
	// file: PEM (SPKI), a JWK or a JWK Set. When it is nil, KeyInline is used.
	Key       []byte `yaml:"-"`
	KeyInline string `yaml:"key"`
	KeyFile   string `yaml:"key_file"`
	// JWKSURL is where to fetch a JWK Set: https, or http to a loopback host.
	JWKSURL string `yaml:"jwks_url"`

	// Algorithms narrows the JWS algorithms; empty: whatever the keys' types allow.
	Algorithms []string `yaml:"algorithms"`
	// Issuer, Audience and Subject are compared with iss, aud and sub when set.
	Issuer   string `yaml:"issuer"`
	Audience string `yaml:"audience"`
	Subject  string `yaml:"subject"`
	// Leeway widens exp, nbf and iat; nil: [DefaultLeeway].
	Leeway *time.Duration `yaml:"leeway"`
}

func (c *JWT) validate() error {
	_, _, err := c.parse()
	return err
}

// warnings tells of tokens that were made for others, or are long over, and
// would pass.
func (c *JWT) warnings() []string {
	var out []string
	switch {
	case c.JWKSURL != "" && c.Audience == "" && c.Subject == "":
		out = append(out, "jwt: neither audience nor subject is set: a token that the provider made for any other service or client passes")
	case c.Issuer == "" && c.Audience == "" && c.Subject == "":
		out = append(out, "jwt: none of issuer, audience and subject is set: whatever else is signed with the key passes")
	}
	if c.Leeway != nil && *c.Leeway > wideLeeway {
		out = append(out, "jwt.leeway: is above 5m: a token passes for that long after it has expired; let both sides keep their clocks by NTP instead")
	}
	return out
}

// parse returns the fixed keys or, if they are to be fetched, the URL.
func (c *JWT) parse() (*keySet, *url.URL, error) {
	switch {
	case c.Leeway == nil:
	case *c.Leeway < 0:
		return nil, nil, errors.New("jwt.leeway: must not be negative")
	case *c.Leeway > maxLeeway:
		return nil, nil, errors.New("jwt.leeway: must be at most 1h")
	}
	if err := checkAlgorithms(c.Algorithms); err != nil {
		return nil, nil, fmt.Errorf("jwt.algorithms: %w", err)
	}
	material, name, err := c.material()
	if err != nil {
		return nil, nil, err
	}
	if c.JWKSURL != "" {
		u, err := checkURL(c.JWKSURL)
		if err != nil {
			return nil, nil, fmt.Errorf("jwt.jwks_url: %w", err)
		}
		return nil, u, nil
	}
	keys, err := parseKeys(material)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	set, err := newFixedSet(keys, c.Algorithms)
	if err != nil {
		return nil, nil, fmt.Errorf("jwt.algorithms: %w", err)
	}
	return set, nil, nil
}

// material returns the key material and the key of the config it came from.
func (c *JWT) material() ([]byte, string, error) {
	given := 0
	for _, s := range []string{c.KeyInline, c.KeyFile, c.JWKSURL} {
		if s != "" {
			given++
		}
	}
	material, name := c.Key, "jwt.key"
	if c.KeyFile != "" {
		name = "jwt.key_file"
	}
	if material == nil {
		material = []byte(c.KeyInline)
	}
	switch {
	case given > 1, c.JWKSURL != "" && len(c.Key) > 0:
		return nil, "", errors.New("jwt: key, key_file and jwks_url exclude each other")
	case given == 0 && len(c.Key) == 0:
		return nil, "", errors.New("jwt: needs one of key, key_file and jwks_url")
	}
	return material, name, nil
}

func (c *JWT) authenticator(o Options) (Authenticator, error) {
	set, u, err := c.parse()
	if err != nil {
		return nil, err
	}
	a := &jwtAuthenticator{
		now:     o.Now,
		allowed: allowedAlgorithms(c.Algorithms),
		expect:  expectations{issuer: c.Issuer, audience: c.Audience, subject: c.Subject, leeway: DefaultLeeway},
	}
	if c.Leeway != nil {
		a.expect.leeway = *c.Leeway
	}
	if u != nil {
		a.keys = o.KeySets.lease(u, o.Name, a.allowed)
	} else {
		a.keys = fixed{set}
	}
	return a, nil
}

// keySource is where the keys in force come from.
type keySource interface {
	// current returns the keys in force; nil when there are none yet.
	current() *keySet
	// refresh returns the keys in force after an attempt to get newer ones, if
	// an attempt is due; it may wait, bounded by ctx. The error says why it did
	// not wait for the attempt's end.
	refresh(ctx context.Context) (*keySet, error)
	ready() error
	close()
}

// fixed is the source of keys that stand in the config.
type fixed struct{ set *keySet }

func (f fixed) current() *keySet                         { return f.set }
func (f fixed) refresh(context.Context) (*keySet, error) { return f.set, nil }
func (f fixed) ready() error                             { return nil }
func (f fixed) close()                                   {}

// jwtAuthenticator checks bearer tokens:
//
//	Authorization ─▶ size, compact form ─▶ seen before? ──────────────────────▶ time claims
//	                                           └─▶ header ─▶ key ─▶ signature ─▶ all claims ─▶ remember
type jwtAuthenticator struct {
	now     func() time.Time
	allowed map[string]bool
	expect  expectations
	keys    keySource
	seen    seenTokens
}

// Challenge implements [Authenticator].
func (a *jwtAuthenticator) Challenge() string { return "Bearer" }

// Ready returns why there are no keys yet, or nil.
func (a *jwtAuthenticator) Ready() error { return a.keys.ready() }

// Close stops fetching keys and waits for it to end, unless others use them
// too. Those in force stay.
func (a *jwtAuthenticator) Close() { a.keys.close() }

// Authenticate implements [Authenticator]. The token does not bind the body.
func (a *jwtAuthenticator) Authenticate(r *http.Request, _ []byte) error {
	text, f := credential(r.Header, "Bearer")
	if f == nil {
		f = a.check(r.Context(), text)
	}
	if f != nil { // a nil *Failure would be a non-nil error
		return f
	}
	return nil
}

func (a *jwtAuthenticator) check(ctx context.Context, text string) *Failure {
	parts, f := splitCompact(text)
	if f != nil {
		return f
	}
	now := a.now()
	id := digestOf(text)
	if times, ok := a.seen.get(id, a.keys.current()); ok {
		return times.check(now, a.expect.leeway)
	}
	t, f := parts.token()
	if f != nil {
		return f
	}
	if !a.allowed[t.alg] {
		return fail(ReasonAlgorithm, "alg "+nameAlgorithm(t.alg)+" is not allowed here")
	}
	set, f := a.verify(ctx, t)
	if f != nil {
		return f
	}
	times, f := a.expect.check(t.payload, now)
	if f != nil {
		return f
	}
	a.seen.put(id, set, times)
	return nil
}

// verify returns the key set by which t's signature is good. Newer keys are
// asked for when t names a key that the set lacks, or names none and none fits.
func (a *jwtAuthenticator) verify(ctx context.Context, t *token) (*keySet, *Failure) {
	set := a.keys.current()
	f := set.verify(t)
	if f == nil || set.has(t.kid) {
		return set, f
	}
	fresh, err := a.keys.refresh(ctx)
	if fresh != set {
		f = fresh.verify(t)
		return fresh, f
	}
	if err != nil {
		f.Err = fmt.Errorf("%w (waiting for keys: %w)", f.Err, err)
	}
	return set, f
}
