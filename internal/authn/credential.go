package authn

import (
	"net/http"
	"strings"
)

// credential returns what follows the scheme in the request's one
// Authorization header. Two headers are refused: whoever stands in front of us
// may have looked at the other one.
func credential(h http.Header, scheme string) (string, *Failure) {
	values := h.Values("Authorization")
	switch {
	case len(values) > 1:
		return "", fail(ReasonMalformed, "more than one Authorization header")
	case len(values) == 0 || values[0] == "":
		return "", fail(ReasonMissing, "no Authorization header")
	}
	got, rest, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(got, scheme) {
		return "", fail(ReasonScheme, "the Authorization header is not of scheme "+scheme)
	}
	if rest == "" {
		return "", fail(ReasonMissing, "nothing follows the scheme "+scheme)
	}
	return rest, nil
}

// oneHeader returns the value of a header that must be there once, not empty
// and of at most limit bytes. Two are refused for the reason that [credential]
// has. name is canonical.
func oneHeader(h http.Header, name string, limit int) (string, *Failure) {
	values := h[name]
	switch {
	case len(values) > 1:
		return "", fail(ReasonMalformed, "more than one header "+name)
	case len(values) == 0 || values[0] == "":
		return "", fail(ReasonMissing, "no header "+name)
	case len(values[0]) > limit:
		return "", fail(ReasonTooLarge, "header "+name+" is longer than any real one")
	}
	return values[0], nil
}
