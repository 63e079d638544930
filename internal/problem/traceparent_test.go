package problem_test

import (
	"net/http"
	"strings"
	"testing"

	"accessrelay/internal/problem"
)

func TestTraceParent(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for in, want := range map[string]string{
		good: good, "": "", good + "-x": "", strings.ToUpper(good): "", "01" + good[2:]: "",
		strings.Replace(good, "-", "_", 2): "", strings.Replace(good, "0af", "-af", 1): "", good[:54] + "\n": "",
	} {
		if got := problem.TraceParent(http.Header{"Traceparent": {in}}); got != want {
			t.Errorf("TraceParent(%q) = %q, want %q", in, got, want)
		}
	}
}
