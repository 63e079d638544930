package problem

import (
	"net/http"
	"strings"
)

// TraceParent returns the sender's W3C trace context (version 00) if it is well
// formed. What is not is dropped: it travels on into logs.
func TraceParent(h http.Header) string {
	const layout = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00"
	v := h.Get("Traceparent")
	if len(v) != len(layout) || v[:3] != "00-" {
		return ""
	}
	for i := range len(v) {
		if dash := layout[i] == '-'; dash != (v[i] == '-') {
			return ""
		} else if !dash && !strings.ContainsRune("0123456789abcdef", rune(v[i])) {
			return ""
		}
	}
	return v
}
