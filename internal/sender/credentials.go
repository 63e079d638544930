package sender

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"accessrelay/internal/secret"
)

// Credentials add to a request with that body what proves who sends it. They
// are safe for concurrent use.
//
// Each method is written from its own specification and shares no code with
// the side that checks: a mistake in one of them shows.
type Credentials func(r *http.Request, body []byte) error

// Bearer sends a token or a secret as it is: Authorization: Bearer <token>
// (RFC 6750, 2.1).
func Bearer(token secret.String) Credentials {
	return func(r *http.Request, _ []byte) error {
		r.Header.Set("Authorization", "Bearer "+token.Reveal())
		return nil
	}
}

// Header sends a secret as the whole value of a header of that name.
func Header(name string, value secret.String) Credentials {
	return func(r *http.Request, _ []byte) error {
		r.Header.Set(name, value.Reveal())
		return nil
	}
}

// Basic sends a username and a password in UTF-8 (RFC 7617, 2). The error is
// of a username with a colon, at which the two would be cut.
func Basic(username string, password secret.String) (Credentials, error) {
	if strings.Contains(username, ":") {
		return nil, errors.New("the username has a colon")
	}
	return func(r *http.Request, _ []byte) error {
		pair := username + ":" + password.Reveal()
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
		return nil
	}, nil
}

// JWT sends a fresh token with every request.
func (s *Signer) JWT(c Claims) Credentials {
	return func(r *http.Request, _ []byte) error {
		token, err := s.Token(c, time.Now())
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
}
