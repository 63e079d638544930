package transporttest

import (
	"strings"
	"testing"

	"accessrelay/internal/event"
)

// redacted: a transport tells what it is given and nothing from elsewhere. For
// each path the message about the redacted event lacks what stood there.
func (s suite) redacted(t *testing.T) {
	sc := s.stage(t)
	secretOf := func(path string) string { return "hidden(" + path + ")" }
	for _, typ := range []event.Type{event.RequestPending, event.Unrecognized} {
		for _, path := range Paths() {
			whole := Filled(typ, 1, secretOf)
			before := len(sc.messages())
			ev := event.Redact(whole, []string{path})
			s.check(t, sc.send(t.Context(), t, ev), want{})
			for _, m := range sc.messages()[before:] {
				all := s.read(t, m)
				if strings.Contains(all, secretOf(path)) || strings.Contains(string(m.Body), secretOf(path)) {
					t.Errorf("%s without %s shows it", typ, path)
				}
			}
		}
	}
}
