package recipes

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

var (
	status = regexp.MustCompile("`([1-5][0-9]{2})`")
	// outcomes are what a table of answers says in its second column.
	outcomes = map[string]transport.Class{
		"retried": transport.Retry, "waits": transport.Throttle, "dead": transport.Dead, "disabled": transport.Gone,
	}
)

// The table of a page says what the vendor answers, and how the relay takes it.
func TestAnswersAreTakenAsTold(t *testing.T) {
	for _, p := range pages(t) {
		ch, _ := p.channel(t)
		d := newDestination(t)
		_, rows := p.table(t, "What it answers")
		delivered := false
		for _, r := range rows {
			want, _, _ := strings.Cut(r.cells[1], ",")
			class, failure := outcomes[want]
			if !failure && want != "delivered" {
				t.Errorf("%s: %q is no outcome", p.at(r.line), want)
			}
			codes := status.FindAllStringSubmatch(r.cells[0], -1)
			if len(codes) == 0 {
				t.Errorf("%s: no status", p.at(r.line))
			}
			for _, code := range codes {
				d.status, _ = strconv.Atoi(code[1])
				d.header = nil
				if strings.Contains(r.cells[0], "with `Retry-After`") {
					d.header = map[string]string{"Retry-After": "7"}
				}
				_, err := d.send(t.Context(), ch, full(event.Test))
				switch {
				case err == nil && !failure:
					delivered = true
				case err == nil || !failure || transport.AsSendError(err).Class != class:
					t.Errorf("%s: after %s the relay's word is %v", p.at(r.line), code[1], err)
				}
			}
		}
		if !delivered {
			t.Errorf("%s: no answer means success", p.at(rows[0].line))
		}
	}
}
