// Package standin stands in for a platform towards one source: it has the
// credentials that the source's config asks for.
package standin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"accessrelay/internal/authn"
	"accessrelay/internal/secret"
	"accessrelay/internal/sender"
)

// Options are what a platform has and a source's config has not. They are for
// the method jwt alone: all other methods share their secrets with the relay.
type Options struct {
	Key   *sender.Signer // the platform's private key, to sign tokens with
	Token secret.String  // instead of a key: a token that somebody else has made
	// Claims of the tokens. Empty ones are taken from the config.
	Claims sender.Claims
}

// ErrNoKey says that a source wants a JWT, and that there is neither a key to
// sign one with nor a token.
var ErrNoKey = errors.New("its senders are known by a JWT, which takes the platform's private key or a token")

// Credentials returns what a sender that c describes has; of several secrets
// the first. Without a key where one is needed the error is [ErrNoKey]. The
// secrets of c must have been looked up.
func Credentials(c authn.Config, o Options) (sender.Credentials, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	switch {
	case c.JWT != nil:
		return token(c.JWT, o)
	case c.Bearer != nil:
		return sender.Bearer(c.Bearer.Secrets[0]), nil
	case c.Header != nil:
		return sender.Header(c.Header.Name, c.Header.Secrets[0]), nil
	case c.Basic != nil:
		return sender.Basic(c.Basic.Username, c.Basic.Passwords[0])
	case c.HMAC != nil:
		return signature(c.HMAC)
	}
	return nil, errors.New("relayctl does not know this way to authenticate")
}

func token(c *authn.JWT, o Options) (sender.Credentials, error) {
	switch {
	case !o.Token.IsZero():
		return sender.Bearer(o.Token), nil
	case o.Key == nil:
		return nil, ErrNoKey
	}
	claims := o.Claims
	for _, claim := range []struct {
		to   *string
		from string
	}{
		{&claims.Issuer, c.Issuer}, {&claims.Audience, c.Audience}, {&claims.Subject, c.Subject},
	} {
		if *claim.to == "" {
			*claim.to = claim.from
		}
	}
	return o.Key.JWT(claims), nil
}

func signature(c *authn.HMAC) (sender.Credentials, error) {
	switch c.Scheme {
	case authn.SchemeStandardWebhooks:
		return sender.StandardWebhooks(c.Secrets[0])
	case authn.SchemeGitHub:
		return sender.GitHub(c.Secrets[0]), nil
	}
	return nil, fmt.Errorf("relayctl does not know the scheme %s of hmac", c.Scheme)
}

// Refusal returns why a relay with the config c refuses the credentials, as an
// *[authn.Failure], or nil if it takes them. A relay never tells that to a
// sender. Where the keys stand at a URL it is not known, and nil.
func Refusal(ctx context.Context, c authn.Config, credentials sender.Credentials) error {
	if c.JWT != nil && c.JWT.JWKSURL != "" {
		return nil
	}
	a, err := authn.New(c, authn.Options{})
	if err != nil {
		return err
	}
	body := []byte("{}")
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	if err := credentials(r, body); err != nil {
		return err
	}
	return a.Authenticate(r, body)
}
