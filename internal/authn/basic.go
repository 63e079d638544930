package authn

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"accessrelay/internal/secret"
)

// maxUsername is the longest username, in bytes.
const maxUsername = 256

// Basic is the method "basic" of RFC 7617: a username and a password in
//
//	Authorization: Basic <base64 of username:password>
//
// Any of the passwords passes, so that one can be replaced without a gap. Both
// are UTF-8, taken byte for byte. It binds neither time nor body.
type Basic struct {
	Username  string          `yaml:"username"`
	Passwords []secret.String `yaml:"passwords"`
}

func (c *Basic) validate() error {
	if err := c.checkUsername(); err != nil {
		return fmt.Errorf("basic.username: %w", err)
	}
	return checkList("basic.passwords", c.Passwords, checkHeaderText)
}

func (c *Basic) checkUsername() error {
	switch {
	case c.Username == "":
		return errors.New("is missing")
	case strings.Contains(c.Username, ":"):
		return errors.New("has a colon, which ends a username in HTTP Basic")
	case strings.ContainsFunc(c.Username, isControl):
		return errors.New("has a line break or another control character")
	case len(c.Username) > maxUsername:
		return fmt.Errorf("is longer than %d bytes", maxUsername)
	}
	return nil
}

func (c *Basic) warnings() []string { return warnList("basic.passwords", c.Passwords, false) }

// authenticator compares in base64, as the texts come: base64 has one spelling
// of each text, so nothing is decoded, and username and password are one text
// of which no part is compared before the other.
func (c *Basic) authenticator(Options) (Authenticator, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	texts := reveal(c.Passwords)
	for i, password := range texts {
		texts[i] = base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + password))
	}
	return &schemeAuthenticator{
		scheme: "Basic", challenge: `Basic realm="hooks", charset="UTF-8"`,
		max:    base64.StdEncoding.EncodedLen(maxUsername + 1 + maxSecret),
		good:   digestsOf(texts...),
		refuse: fail(ReasonSecret, "the username or the password is not the one configured"),
	}, nil
}
