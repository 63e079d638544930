// Package authn tells who sent a request. Each method (jwt, bearer, header,
// basic, hmac) is one file with its config struct; the package knows no
// platform.
package authn

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Authenticator checks the credentials of requests. It is safe for concurrent
// use. One that fetches keys also has
//
//	Ready() error // nil once a key set was fetched
//	Close()       // stops fetching, unless others use the keys too, and waits for it to end
//
// and must be closed.
type Authenticator interface {
	// Authenticate returns nil if r comes from whom the config describes, else
	// a *Failure. body is r's body, already read. It may wait for keys, bounded
	// by r's context.
	Authenticate(r *http.Request, body []byte) error
	// Challenge is the WWW-Authenticate value of a 401. It is the same
	// whatever failed.
	Challenge() string
}

// Config holds exactly one method.
type Config struct {
	JWT    *JWT    `yaml:"jwt"`
	Bearer *Bearer `yaml:"bearer"`
	Header *Header `yaml:"header"`
	Basic  *Basic  `yaml:"basic"`
	HMAC   *HMAC   `yaml:"hmac"`
}

// Options are what the process gives to its authenticators.
type Options struct {
	Name    string           // whom the authenticator is for, in the log of fetches; may be empty
	Now     func() time.Time // nil: time.Now
	HTTP    *http.Client     // for jwks_url; nil: a client that ignores the proxy variables
	Log     *slog.Logger     // of fetches; nil: nothing is logged
	KeySets *KeySets         // for jwks_url, in place of HTTP and Log; nil: one for this authenticator alone
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.HTTP == nil {
		o.HTTP = directClient()
	}
	return o
}

// method is one way to authenticate; [Config] has a pointer to each.
type method interface {
	validate() error
	warnings() []string // only asked after validate
	authenticator(Options) (Authenticator, error)
}

// method returns the one that is set.
func (c Config) method() (method, error) {
	var set []method
	if c.JWT != nil {
		set = append(set, c.JWT)
	}
	if c.Bearer != nil {
		set = append(set, c.Bearer)
	}
	if c.Header != nil {
		set = append(set, c.Header)
	}
	if c.Basic != nil {
		set = append(set, c.Basic)
	}
	if c.HMAC != nil {
		set = append(set, c.HMAC)
	}
	if len(set) != 1 {
		return nil, fmt.Errorf("needs exactly one method (jwt, bearer, header, basic, hmac), has %d", len(set))
	}
	return set[0], nil
}

// Validate returns the error that [New] would return, and starts nothing.
func (c Config) Validate() error {
	m, err := c.method()
	if err != nil {
		return err
	}
	return m.validate()
}

// Warnings returns what an operator should know about a config that is
// accepted: a line each, which begins with the key and holds no value of a
// secret. The secrets must have been looked up. A config that [Config.Validate]
// refuses has none.
func (c Config) Warnings() []string {
	m, err := c.method()
	if err != nil || m.validate() != nil {
		return nil
	}
	return m.warnings()
}

// New returns the authenticator that c describes. Its errors begin with the
// key that is wrong, as in "jwt.key_file: …", and hold no value of a key.
func New(c Config, o Options) (Authenticator, error) {
	m, err := c.method()
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	if o.KeySets == nil {
		o.KeySets = NewKeySets(o)
	}
	return m.authenticator(o)
}

// directClient returns a client that asks no proxy, whatever the environment
// says. Every fetch has its own deadline.
func directClient() *http.Client {
	return &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute}}
}

// The reasons of a [Failure]: a closed set. They are for the log and tell an
// operator where to look; a client is never told which it was.
const (
	ReasonMissing     = "missing"       // no Authorization header, or not the one of the method
	ReasonScheme      = "scheme"        // another scheme than the method's
	ReasonMalformed   = "malformed"     // not one well-formed credential: a header twice, another JWS form, bad JSON, a claim of a wrong type
	ReasonTooLarge    = "too_large"     // longer than any real credential
	ReasonCritical    = "critical"      // the token demands extensions (crit, b64)
	ReasonAlgorithm   = "algorithm"     // alg is none, HMAC, unknown, or not one that the key and the config allow
	ReasonNoKeys      = "no_keys"       // the key set could not be fetched so far
	ReasonUnknownKey  = "unknown_key"   // the token's kid is not in the key set
	ReasonSignature   = "signature"     // no key or secret that fits made this signature
	ReasonSecret      = "secret"        // the secret, or username and password, are none of those configured
	ReasonTimestamp   = "timestamp"     // a signed webhook is of another time than now
	ReasonNoExpiry    = "no_expiry"     // exp is missing, or not above 0
	ReasonExpired     = "expired"       // exp has passed
	ReasonNotYetValid = "not_yet_valid" // nbf or iat is in the future
	ReasonIssuer      = "issuer"        // iss is not the configured issuer
	ReasonAudience    = "audience"      // aud does not name the configured audience
	ReasonSubject     = "subject"       // sub is not the configured subject
)

// Failure says why a request was refused. It holds nothing of the credential, but
// for a claim iss, aud or sub whose signature is good and whose value is another.
type Failure struct {
	Reason string // one of the Reason constants
	Err    error  // what exactly, in words; may be nil
}

func (f *Failure) Error() string {
	if f.Err == nil {
		return f.Reason
	}
	return f.Reason + ": " + f.Err.Error()
}

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

func fail(reason, text string) *Failure { return &Failure{Reason: reason, Err: errors.New(text)} }
