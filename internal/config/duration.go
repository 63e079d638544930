package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

var (
	errDuration = errors.New("must be a duration such as 30s, 5m, 24h or 7d")
	errSize     = errors.New("must be a size such as 512KiB or 1MiB")
)

// parseDuration reads Go's durations and, before them, whole days: 7d, 1d12h.
// A plain 0 needs no unit.
func parseDuration(s string) (time.Duration, error) {
	var days time.Duration
	if n, rest, ok := strings.Cut(s, "d"); ok {
		v, err := strconv.ParseUint(n, 10, 31)
		if err != nil || v > uint64(math.MaxInt64/(24*time.Hour)) {
			return 0, errDuration
		}
		days = time.Duration(v) * 24 * time.Hour
		if rest == "" {
			return days, nil
		}
		s = rest
	}
	d, err := time.ParseDuration(s)
	if err != nil || days > 0 && (d < 0 || d > math.MaxInt64-days) {
		return 0, errDuration
	}
	return days + d, nil
}

var units = map[string]uint64{
	"": 1, "B": 1,
	"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
}

// parseSize reads a whole number of bytes, with a unit or without.
func parseSize(s string) (int64, error) {
	i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if i < 0 {
		i = len(s)
	}
	n, err := strconv.ParseUint(s[:i], 10, 63)
	unit, ok := units[strings.TrimSpace(s[i:])]
	if err != nil || !ok || n > math.MaxInt64/unit {
		return 0, errSize
	}
	return int64(n * unit), nil
}
