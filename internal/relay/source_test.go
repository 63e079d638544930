package relay

import (
	"testing"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/source/canonical"
)

// An event waits in the queue while the file changes. What it was sent as counts:
// another platform under the same id would read it as its own.
func TestASourceThatHasChangedItsPlatform(t *testing.T) {
	w, r := newWorld(t, fakeChannel("all"))
	r.Source = func(string) (Source, bool) {
		return Source{Platform: canonical.New("other"), DedupWindow: time.Minute}, true
	}
	a := w.accept(granted)
	a.Platform = "unheard"
	if ev, window := r.normalize(t.Context(), a); ev.Type != event.Unrecognized || ev.Platform != "unheard" || window != time.Minute {
		t.Errorf("of a platform that is gone: %s from %s, window %s", ev.Type, ev.Platform, window)
	}
	a.Platform = "own"
	if ev, window := r.normalize(t.Context(), a); ev.Type != event.GrantActive || ev.Platform != "own" || window != time.Minute {
		t.Errorf("%s from %s, window %s", ev.Type, ev.Platform, window)
	}
}
