package authn

import (
	"errors"
	"strings"
)

// schemes are what senders put before a secret that should stand alone.
var schemes = []string{"Bearer ", "Basic ", "Token "}

// shaped returns refuse with what the outside of a wrong secret shows of the
// mistake that was made with it. The words are always the same: nothing of
// given, nor how long or how near it is, is told.
func shaped(refuse *Failure, given string) *Failure {
	var hint string
	switch {
	case strings.HasPrefix(given, " "):
		hint = "what came has a second blank before it"
	case inQuotes(given):
		hint = "what came is in quotes"
	case hasScheme(given):
		hint = "what came begins with a scheme"
	default:
		return refuse
	}
	return &Failure{Reason: refuse.Reason, Err: errors.New(refuse.Err.Error() + "; " + hint)}
}

func inQuotes(s string) bool {
	return len(s) > 1 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0]
}

func hasScheme(s string) bool {
	for _, scheme := range schemes {
		if len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
			return true
		}
	}
	return false
}
