package relayctl

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"accessrelay/internal/authn"
	"accessrelay/internal/channel"
	"accessrelay/internal/source"
)

// describeAuth says by what a source's senders are known. It shows no secret:
// keys that a JWT is checked with are public.
func describeAuth(c authn.Config) string {
	switch {
	case c.JWT != nil:
		return describeJWT(c.JWT)
	case c.Bearer != nil:
		return "the header Authorization: Bearer with " + which("secret", len(c.Bearer.Secrets))
	case c.Header != nil:
		return "the header " + c.Header.Name + " with " + which("secret", len(c.Header.Secrets))
	case c.Basic != nil:
		return "HTTP Basic: username " + c.Basic.Username + " with " + which("password", len(c.Basic.Passwords))
	case c.HMAC != nil:
		return "a signature of the body (" + c.HMAC.Scheme + ") made with " + which("secret", len(c.HMAC.Secrets))
	}
	// Another method is named as in the file.
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			return v.Type().Field(i).Tag.Get("yaml")
		}
	}
	return "nothing"
}

// which says that one of n will do.
func which(what string, n int) string {
	if n == 1 {
		return "the " + what
	}
	return fmt.Sprintf("any of %d %ss", n, what)
}

func describeJWT(c *authn.JWT) string {
	keys := "the key in the file"
	switch {
	case c.KeyFile != "":
		keys = "the key in " + c.KeyFile
	case c.JWKSURL != "":
		keys = "the keys at " + showURL(c.JWKSURL)
	}
	s := "a JWT signed with " + keys
	if len(c.Algorithms) > 0 {
		s += " (" + strings.Join(c.Algorithms, ", ") + ")"
	}
	for _, claim := range []struct{ name, value string }{
		{"issuer", c.Issuer}, {"audience", c.Audience}, {"subject", c.Subject},
	} {
		if claim.value != "" {
			s += ", " + claim.name + " " + claim.value
		}
	}
	if c.Leeway != nil {
		s += ", leeway " + span(*c.Leeway)
	}
	return s
}

// showURL leaves out the parts of a URL that can hold a secret, as channels do
// with theirs.
func showURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "its jwks_url"
	}
	return u.Scheme + "://" + u.Host + "/" + channel.Mask
}

// describeSettings is a line for each key that a source has for its platform,
// as in the file. Settings hold no secrets.
func describeSettings(settings source.Settings) []string {
	if settings == nil {
		return nil
	}
	v := reflect.Indirect(reflect.ValueOf(settings))
	var out []string
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if f := v.Field(i); key != "" && key != "-" && !f.IsZero() {
			out = append(out, key+": "+describeValue(f))
		}
	}
	return out
}

func describeValue(v reflect.Value) string {
	pairs, ok := v.Interface().(map[string]string)
	if !ok {
		return fmt.Sprint(v.Interface())
	}
	return list(slices.Sorted(maps.Keys(pairs)), func(key string) string { return key + " = " + pairs[key] })
}
