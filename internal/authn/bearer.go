package authn

import (
	"net/http"

	"accessrelay/internal/secret"
)

// Bearer is the method "bearer": one shared secret in
//
//	Authorization: Bearer <secret>
//
// Any of the secrets passes, so that one can be replaced without a gap. It
// binds neither time nor body: who has the secret can send anything.
type Bearer struct {
	Secrets []secret.String `yaml:"secrets"`
}

func (c *Bearer) validate() error { return checkList("bearer.secrets", c.Secrets, checkHeaderText) }

func (c *Bearer) warnings() []string { return warnList("bearer.secrets", c.Secrets, true) }

func (c *Bearer) authenticator(Options) (Authenticator, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &schemeAuthenticator{
		scheme: "Bearer", challenge: "Bearer", max: maxSecret,
		good:   digestsOf(reveal(c.Secrets)...),
		refuse: fail(ReasonSecret, "the bearer secret is none of those configured"),
	}, nil
}

// schemeAuthenticator compares what follows a scheme in the Authorization
// header with the texts that may stand there.
type schemeAuthenticator struct {
	scheme    string
	challenge string
	max       int // bytes that may follow the scheme
	good      digests
	refuse    *Failure // the answer to a text that is none of them
}

// Challenge implements [Authenticator].
func (a *schemeAuthenticator) Challenge() string { return a.challenge }

// Authenticate implements [Authenticator].
func (a *schemeAuthenticator) Authenticate(r *http.Request, _ []byte) error {
	given, f := credential(r.Header, a.scheme)
	switch {
	case f != nil:
		return f
	case len(given) > a.max:
		return fail(ReasonTooLarge, "the credential is longer than any that is configured can be")
	case a.good.matches(given) == 0:
		return shaped(a.refuse, given)
	}
	return nil
}
