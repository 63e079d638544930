package transporttest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// aWhile is what a destination asks for that wants to be left alone for 7 s.
const aWhile = 7 * time.Second

// httpOutcomes: what follows from each status.
func httpOutcomes() []outcome {
	const (
		date    = "Thu, 15 Jan 2026 09:31:30 GMT" // 30 s after now
		past    = "Thu, 15 Jan 2026 09:00:00 GMT"
		distant = "Fri, 01 Jan 2100 00:00:00 GMT"
		day     = 24 * time.Hour
	)
	var out []outcome
	add := func(w want, retryAfter string, statuses ...int) {
		for _, status := range statuses {
			header := http.Header{}
			if retryAfter != "" {
				header.Set("Retry-After", retryAfter)
			}
			out = append(out, outcome{strconv.Itoa(status) + " " + retryAfter, echo(status, header), w, strconv.Itoa(status)})
		}
	}
	add(dead("redirect"), "", 300, 301, 302, 303, 304, 305, 307, 308, 399)
	add(dead("redirect"), "5", 300, 307)
	add(dead("client_error"), "", 400, 401, 402, 403, 404, 405, 406, 407, 409, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 426, 428, 431, 451, 499)
	add(dead("client_error"), "5", 400, 404, 413)
	add(retry("timeout"), "", 408)
	add(retry("timeout"), "5", 408)
	add(retry("server_error"), "", 425)
	add(retry("server_error"), "5", 425)
	add(gone(), "", 410)
	add(gone(), "5", 410)

	add(retry("rate_limited"), "", 429)
	for _, unreadable := range []string{"soon", "1.5", "0x10", "7s", "-", "1e3", "+", "７", "7, 8", "-5", "-0", "-" + strings.Repeat("9", 40)} {
		add(retry("rate_limited"), unreadable, 429)
		add(retry("server_error"), unreadable, 502, 503, 504)
	}
	for value, d := range map[string]time.Duration{
		"7": aWhile, " 7 ": aWhile, "0": 0, "86401": day,
		strings.Repeat("9", 40): day,
		date:                    30 * time.Second, past: 0, distant: day,
	} {
		add(throttle("rate_limited", d), value, 429)
		add(throttle("unavailable", d), value, 502, 503, 504)
	}
	add(retry("server_error"), "", 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 520, 529, 599)
	add(retry("server_error"), "5", 500, 501, 505, 599)
	add(retry("bad_response"), "", 600, 999)
	return out
}
