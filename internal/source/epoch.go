package source

import (
	"strconv"
	"strings"
	"time"
)

// Years 1 to 9999: what RFC 3339 can write.
const (
	minEpochSecond = -62135596800
	maxEpochSecond = 253402300799
)

// Epoch converts a time since 1970, written as a JSON number of units (seconds
// or milliseconds), to UTC. It is exact to the nanosecond, which a float64
// would not be: 1696263265.851898 seconds have all their decimals, and 1.6e12
// is read as well as 1600000000000. Anything finer is cut off.
//
// ok is false for what is not a number, for a time that RFC 3339 cannot write, and
// for 1970's first moment and all before it: 0 is how platforms write that there is
// no time, and none tells of an access that old.
func Epoch(number string, unit time.Duration) (t time.Time, ok bool) {
	digits, point, ok := decimal(number)
	if !ok {
		return time.Time{}, false
	}
	switch unit { // from here on the value is 0.digits × 10^point nanoseconds
	case time.Second:
		point += 9
	case time.Millisecond:
		point += 6
	default:
		return time.Time{}, false
	}
	const mostDigits = 12 + 9 // of the seconds of the year 9999, and the nanoseconds
	if point > mostDigits {
		return time.Time{}, false
	}
	var whole string
	if point > 0 {
		whole = (digits + strings.Repeat("0", mostDigits))[:point]
	}
	whole = strings.Repeat("0", mostDigits-len(whole)) + whole
	sec, _ := strconv.ParseInt(whole[:12], 10, 64) // digits only: cannot fail
	nsec, _ := strconv.ParseInt(whole[12:], 10, 64)
	if t = time.Unix(sec, nsec).UTC(); !writable(t) || sec == 0 && nsec == 0 {
		return time.Time{}, false
	}
	return t, true
}

// writable reports whether RFC 3339 can write t in UTC.
func writable(t time.Time) bool { return minEpochSecond <= t.Unix() && t.Unix() <= maxEpochSecond }

// decimal takes a JSON number above zero apart: its value is 0.digits × 10^point. It
// also takes what JSON's grammar refuses and platforms write into strings, such as
// 007 and +1.
func decimal(number string) (digits string, point int, ok bool) {
	s, exponent := strings.TrimPrefix(number, "+"), 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.Atoi(s[i+1:])
		if err != nil || e > 1000 || e < -1000 {
			return "", 0, false
		}
		s, exponent = s[:i], e
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if strings.Trim(whole+fraction, "0123456789") != "" {
		return "", 0, false
	}
	digits = strings.TrimLeft(whole+fraction, "0")
	return digits, len(digits) - len(fraction) + exponent, digits != ""
}
