package slack

import (
	"fmt"
	"strings"

	"accessrelay/internal/event"
	"accessrelay/internal/wording"
)

// fields are the facts in two columns: who, what, until when. At most ten.
func fields(ev *event.Event) []text {
	var out []text
	for _, f := range wording.Facts(ev, style, fieldBudget) {
		out = append(out, mrkdwn("*"+f.Label+"*\n"+f.Value))
	}
	return out
}

// list is a section with a row a line.
func list(l wording.List) []block {
	if len(l.Rows) == 0 {
		return nil
	}
	rows := make([]string, 0, len(l.Rows)+1)
	for _, r := range l.Rows {
		rows = append(rows, "• "+r)
	}
	if l.More > 0 {
		rows = append(rows, fmt.Sprintf("%s: %d more", truncated, l.More))
	}
	return []block{section("*" + l.Label + "*\n" + strings.Join(rows, "\n"))}
}
