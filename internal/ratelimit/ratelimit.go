// Package ratelimit reads what the file and the API call a rate_limit: how often
// something may happen. Who holds to it is others' business.
package ratelimit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is how often something may happen: N times in Per.
type Rate struct {
	N   int           // at least 1
	Per time.Duration // a second, a minute or an hour
}

// mostRate is more than one process takes; it keeps a slip of the keyboard from
// passing for a limit.
const mostRate = 1_000_000

var rateUnits = []struct {
	name string
	per  time.Duration
}{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}}

// Parse reads a rate such as 100/s, 60/m or 1000/h. The error says what is
// wrong, for who wrote it.
func Parse(s string) (Rate, error) {
	number, unit, found := strings.Cut(s, "/")
	per := time.Duration(0)
	for _, u := range rateUnits {
		if u.name == unit {
			per = u.per
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	switch {
	case !found:
		return Rate{}, fmt.Errorf("must be a rate such as 100/s, 60/m or 1000/h: a number, a slash and the time it is for")
	case per == 0:
		return Rate{}, fmt.Errorf("must end in /s, /m or /h: a rate is for a second, a minute or an hour")
	case err != nil && strings.Trim(number, "0123456789") != "":
		return Rate{}, fmt.Errorf("must begin with a whole number; for less than one in a second there is /m, and /h")
	case err != nil && number == "":
		return Rate{}, fmt.Errorf("must begin with a number, as in 100/%s", unit)
	case err == nil && n == 0:
		return Rate{}, fmt.Errorf("must be at least 1; leave the key out for the default")
	case err == nil && number[0] == '0':
		return Rate{}, fmt.Errorf("must begin with a whole number, without zeros before it, as in %d/%s", n, unit)
	case err != nil || n > mostRate:
		return Rate{}, fmt.Errorf("must be at most %d/%s; leave the key out for the default", mostRate, unit)
	}
	return Rate{N: int(n), Per: per}, nil
}

// String writes the rate as the file has it.
func (r Rate) String() string {
	for _, u := range rateUnits {
		if u.per == r.Per {
			return strconv.Itoa(r.N) + "/" + u.name
		}
	}
	return fmt.Sprintf("%d in %v", r.N, r.Per)
}
