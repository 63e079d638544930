package recipes

import (
	"fmt"
	"strings"
	"testing"

	"accessrelay/internal/event"
)

// A platform's text may be nearly as long as a hook's body. A recipe cuts it before
// it escapes it: otherwise the work could be more than a template may do, and the
// delivery would end dead.
func TestLongTexts(t *testing.T) {
	const longest = 900_000
	fields := map[string]func(ev *event.Event, s string){
		"reason":    func(ev *event.Event, s string) { ev.Request.Reason = s },
		"error":     func(ev *event.Event, s string) { ev.Error = &event.Failure{Message: s} },
		"requester": func(ev *event.Event, s string) { ev.Requester = &event.Person{Name: s} },
		"all, a third each": func(ev *event.Event, s string) {
			third := s[:len(s)/3]
			ev.Request.Reason, ev.Error, ev.Requester = third, &event.Failure{Message: third}, &event.Person{Name: third}
		},
	}
	for _, p := range pages(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			ch, b := p.channel(t)
			v, schema := vendors[p.name], compile(t, p.name)
			d := newDestination(t)
			for _, letter := range []string{"'", "<", "*", `"`, "a"} {
				text := strings.Repeat(letter, longest)
				for _, field := range sortedKeys(fields) {
					ev := full(event.RequestBreakGlass)
					fields[field](ev, text)
					what := fmt.Sprintf("%d times %s in %s", longest, letter, field)
					got, err := d.send(t.Context(), ch, ev)
					if err != nil {
						t.Errorf("%s: %s: %v", p.at(b.line), what, err)
						continue
					}
					for _, w := range v.wrong(got, schema) {
						t.Errorf("%s: %s: %.600s", p.at(p.lineOf(b, w.path)), what, w.text)
					}
				}
			}
		})
	}
}
