package ingest

import (
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"accessrelay/internal/ops"
)

// overLimit takes what one event of src costs, and returns nil if it was there. A
// refused event costs nothing: one that is sent again and again would put off its
// own turn.
func overLimit(src *Source, clock func() time.Time) *refusal {
	if src.Limit == nil {
		return nil
	}
	now := clock()
	if src.Limit.AllowN(now, 1) {
		return nil
	}
	wait := (1 - src.Limit.TokensAt(now)) / float64(src.Limit.Limit())
	return &refusal{
		outcome: rateLimited, status: http.StatusTooManyRequests, code: "rate_limited",
		message: "more events than this source may send; send it again later",
		header:  [2]string{"Retry-After", wholeSeconds(wait)},
	}
}

// wholeSeconds writes a wait as Retry-After has it: whole, at least 1, never too
// short. What a float64 adds to a whole number does not count.
func wholeSeconds(wait float64) string {
	return strconv.Itoa(max(1, int(math.Ceil(wait-1e-6))))
}

// limitedLog is where refusals of src's rate are told. Like those of an outage all
// say the same, as many as are sent; but one source must not hush another.
func (h *hooks) limitedLog(src *Source) *slog.Logger {
	if log, ok := h.limited.Load(src.ID); ok {
		return log.(*slog.Logger)
	}
	log, _ := h.limited.LoadOrStore(src.ID, ops.Throttle(h.Log))
	return log.(*slog.Logger)
}
