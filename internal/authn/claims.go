package authn

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxDate is the last second of the year 9999. A date beyond it is a mistake
// (milliseconds for seconds make a token that never expires).
const maxDate = 253402300799

// expectations are what a token's claims are compared with; "" is not compared.
type expectations struct {
	issuer, audience, subject string
	leeway                    time.Duration
}

// times are the claims that must be checked again whenever a token is used.
type times struct {
	exp      time.Time
	nbf, iat time.Time // zero when absent
}

// check reads the claims in payload and checks them all.
func (e expectations) check(payload []byte, now time.Time) (times, *Failure) {
	claims, err := parseObject(payload)
	if err != nil {
		return times{}, &Failure{Reason: ReasonMalformed, Err: errors.New("claims: " + err.Error())}
	}
	t, f := readTimes(claims)
	if f != nil {
		return times{}, f
	}
	if f := t.check(now, e.leeway); f != nil {
		return times{}, f
	}
	return t, e.checkNames(claims)
}

func readTimes(claims object) (times, *Failure) {
	var t times
	if _, ok := claims["exp"]; !ok {
		return times{}, fail(ReasonNoExpiry, "the token has no exp")
	}
	for _, claim := range []struct {
		name string
		at   *time.Time
	}{{"exp", &t.exp}, {"nbf", &t.nbf}, {"iat", &t.iat}} {
		raw, ok := claims[claim.name]
		if !ok {
			continue
		}
		seconds, ok := number(raw)
		if claim.name == "exp" && ok && seconds <= 0 {
			return times{}, fail(ReasonNoExpiry, "exp is not above 0")
		}
		if !ok || seconds < 0 || seconds > maxDate {
			return times{}, fail(ReasonMalformed, claim.name+" is not a number of seconds between 0 and the year 9999")
		}
		whole, part := math.Modf(seconds)
		*claim.at = time.Unix(int64(whole), int64(part*1e9))
	}
	return t, nil
}

// number reads a JSON number, which may have a fraction (RFC 7519, NumericDate).
func number(raw json.RawMessage) (float64, bool) {
	if len(raw) == 0 || (raw[0] != '-' && (raw[0] < '0' || raw[0] > '9')) {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	return n, err == nil
}

// check compares the times with now. A token ends at exp, not after it.
func (t times) check(now time.Time, leeway time.Duration) *Failure {
	switch {
	case !now.Before(t.exp.Add(leeway)):
		return fail(ReasonExpired, "exp has passed")
	case now.Before(t.nbf.Add(-leeway)):
		return fail(ReasonNotYetValid, "nbf is in the future")
	case now.Before(t.iat.Add(-leeway)):
		return fail(ReasonNotYetValid, "iat is in the future")
	}
	return nil
}

func (e expectations) checkNames(claims object) *Failure {
	is := func(name, want string) bool {
		var got string
		return want == "" || (claims.text(name, &got) == nil && got == want)
	}
	switch {
	case !is("iss", e.issuer):
		return differs(ReasonIssuer, "iss", claims["iss"], e.issuer)
	case !is("sub", e.subject):
		return differs(ReasonSubject, "sub", claims["sub"], e.subject)
	case !is("aud", e.audience) && !slices.Contains(texts(claims["aud"]), e.audience):
		return differs(ReasonAudience, "aud", claims["aud"], e.audience)
	}
	return nil
}

// differs says what a claim is and what it should be. These claims are parties'
// names, not secrets, and by now the signature has proved who says so.
func differs(reason, claim string, raw json.RawMessage, want string) *Failure {
	is := "is not a string"
	var text string
	switch {
	case len(raw) == 0:
		is = "is missing"
	case raw[0] == '"' && json.Unmarshal(raw, &text) == nil:
		is = "is " + quoted(text)
	case claim == "aud" && raw[0] == '[':
		is = "is not a list of strings"
		if list := texts(raw); list != nil {
			is = "is " + quotedList(list)
		}
	}
	return fail(reason, claim+" "+is+", the file asks for "+quoted(want))
}

// maxShown bounds what is shown of a claim, in bytes before quoting.
const maxShown = 100

// quoted returns s in quotes, cut if it is long.
func quoted(s string) string {
	if len(s) <= maxShown {
		return strconv.Quote(s)
	}
	end := maxShown
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return strconv.Quote(s[:end]) + "…"
}

// quotedList returns the first of list, and as many more as fit the bound.
func quotedList(list []string) string {
	out := make([]string, 0, len(list))
	room := maxShown
	for i, s := range list {
		if room -= len(s); room < 0 && i > 0 {
			out = append(out, "…")
			break
		}
		out = append(out, quoted(s))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// texts reads a JSON array of strings; nil if it is anything else.
func texts(raw json.RawMessage) []string {
	var list []any // []string would take null for ""
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	out := make([]string, 0, len(list))
	for _, v := range list {
		s, ok := v.(string)
		if !ok {
			return nil
		}
		out = append(out, s)
	}
	return out
}
