package transport

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds what a destination can ask for. delivery.max_age ends
// the waiting anyway; this keeps the arithmetic of dates sane.
const maxRetryAfter = 24 * time.Hour

// Outcome returns what follows from the answer's status, or nil if it is a
// success (2xx). now is the time of the attempt, against which a Retry-After
// date is measured. code is the destination's own word for the error, shown
// beside the status; it must be from a closed list, never text of the answer.
func (a *Answer) Outcome(now time.Time, code string) *SendError {
	wait, hasWait := retryAfter(a.Header.Get("Retry-After"), now)
	fail := func(r Reason, c Class) *SendError {
		return &SendError{Reason: r, Class: c, Err: statusError{a.Status, code}}
	}
	throttleOr := func(r, otherwise Reason) *SendError {
		if !hasWait {
			return fail(otherwise, Retry)
		}
		e := fail(r, Throttle)
		e.RetryAfter = wait
		return e
	}
	switch s := a.Status; {
	case s >= 200 && s <= 299:
		return nil
	case s == http.StatusTooManyRequests:
		return throttleOr(ReasonRateLimited, ReasonRateLimited)
	case s == http.StatusBadGateway, s == http.StatusServiceUnavailable, s == http.StatusGatewayTimeout:
		return throttleOr(ReasonUnavailable, ReasonServerError)
	case s == http.StatusRequestTimeout:
		return fail(ReasonTimeout, Retry)
	case s == http.StatusTooEarly:
		return fail(ReasonServerError, Retry)
	case s == http.StatusGone:
		return fail(ReasonGone, Gone)
	case s >= 300 && s <= 399:
		return fail(ReasonRedirect, Dead)
	case s >= 400 && s <= 499:
		return fail(ReasonClientError, Dead)
	case s >= 500 && s <= 599:
		return fail(ReasonServerError, Retry)
	default: // 1xx as a last word, or no status that HTTP knows
		return fail(ReasonBadResponse, Retry)
	}
}

// retryAfter reads the header's value: a whole number of seconds without a sign,
// or an HTTP date (RFC 9110, 10.2.3). A date that is past counts as now. ok is
// false if there is none, or none that can be read.
func retryAfter(value string, now time.Time) (wait time.Duration, ok bool) {
	value = strings.TrimSpace(value)
	if value != "" && strings.Trim(value, "0123456789") == "" {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n > int64(maxRetryAfter/time.Second) { // err: more digits than fit
			return maxRetryAfter, true
		}
		return time.Duration(n) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), maxRetryAfter), true
}

// statusError is an answer that is no success. Its text is the status by its
// number and our own name for it: the reason phrase is the destination's text.
type statusError struct {
	status int
	code   string
}

func (e statusError) Error() string {
	s := fmt.Sprintf("answered %d", e.status)
	if name := http.StatusText(e.status); name != "" {
		s += " " + name
	}
	if e.code != "" {
		s += " (" + e.code + ")"
	}
	return s
}
