package authn

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"accessrelay/internal/secret"
)

// ownChallenge is the WWW-Authenticate value of methods for which HTTP has no
// scheme. A 401 must name one (RFC 9110, 11.6.1); this tells nothing.
const ownChallenge = "Webhook"

// Header is the method "header": one shared secret as the whole value of a
// header. Any of the secrets passes, so that one can be replaced without a
// gap. It binds neither time nor body.
type Header struct {
	// Name in any letter case; Authorization is allowed, for senders that put
	// a secret there without a scheme.
	Name    string          `yaml:"name"`
	Secrets []secret.String `yaml:"secrets"`
}

func (c *Header) validate() error {
	if err := checkHeaderName(c.Name); err != nil {
		return fmt.Errorf("header.name: %w", err)
	}
	return checkList("header.secrets", c.Secrets, checkHeaderText)
}

// takenHeaders are those that HTTP or a proxy on the way sets, by canonical
// name or, with a - at its end, by their beginning.
var takenHeaders = []string{
	"Connection", "Content-", "Expect", "Forwarded", "Host", "Keep-Alive", "Proxy-", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Via", "X-Forwarded-",
}

// checkHeaderName checks that name is a field name (RFC 9110, 5.1) that a
// sender can set.
func checkHeaderName(name string) error {
	if name == "" {
		return errors.New("is missing: name the header that holds the secret, such as X-Webhook-Secret")
	}
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0 {
			continue
		}
		return errors.New("is not the name of a header: it may have letters, digits and -, and nothing after it")
	}
	if len(name) > 100 {
		return errors.New("is longer than 100 characters")
	}
	canonical := http.CanonicalHeaderKey(name)
	for _, taken := range takenHeaders {
		if canonical == taken || strings.HasSuffix(taken, "-") && strings.HasPrefix(canonical, taken) {
			return fmt.Errorf("%s is set by HTTP itself or by proxies on the way: use a header of the sender's own, such as X-Webhook-Secret", canonical)
		}
	}
	return nil
}

func (c *Header) warnings() []string {
	var out []string
	if strings.Contains(c.Name, "_") {
		out = append(out, "header.name: has an underscore; nginx and other proxies drop such headers unless they are told not to")
	}
	return append(out, warnList("header.secrets", c.Secrets, true)...)
}

func (c *Header) authenticator(Options) (Authenticator, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	name := http.CanonicalHeaderKey(c.Name)
	return &headerAuthenticator{
		name: name, good: digestsOf(reveal(c.Secrets)...),
		refuse: fail(ReasonSecret, "header "+name+" is none of the configured secrets"),
	}, nil
}

type headerAuthenticator struct {
	name   string // canonical
	good   digests
	refuse *Failure
}

// Challenge implements [Authenticator].
func (*headerAuthenticator) Challenge() string { return ownChallenge }

// Authenticate implements [Authenticator].
func (a *headerAuthenticator) Authenticate(r *http.Request, _ []byte) error {
	given, f := oneHeader(r.Header, a.name, maxSecret)
	switch {
	case f != nil:
		return f
	case a.good.matches(given) == 0:
		return shaped(a.refuse, given)
	}
	return nil
}
