package relay

import (
	"errors"
	"testing"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/source/canonical"
)

// An event waits in the queue while the file changes. What it was sent as counts:
// another platform under the same id would read it as its own.
func TestASourceThatHasChangedItsPlatform(t *testing.T) {
	for _, tt := range []struct {
		platform string
		want     event.Type
	}{{"own", event.GrantActive}, {"unheard", event.Unrecognized}} {
		w, r := newWorld(t, fakeChannel("all"))
		r.Source = func(string) (Source, bool) {
			return Source{Platform: canonical.New("other"), DedupWindow: time.Minute}, true
		}
		a := w.accept(granted)
		a.Platform = tt.platform
		w.now = w.now.Add(sourceWait)
		if err := r.Event(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if ev := w.records[a.ID].ev; ev.Type != tt.want || ev.Platform != tt.platform || string(ev.Raw) != granted {
			t.Errorf("of %s: %+v", tt.platform, ev)
		}
	}
}

// Ingest has a new file before the worker has it: the event waits for its source
// and for the channels that come with it, but not for ever.
func TestAnEventWaitsForItsSource(t *testing.T) {
	w, r := newWorld(t)
	a := w.accept(granted)
	a.Source = "new"
	waits := func() bool {
		t.Helper()
		err := r.Event(t.Context(), a)
		var again *Again
		if err != nil && (!errors.As(err, &again) || again.Failed() || again.RunAgainAfter() != sourceAgain) {
			t.Fatal(err)
		}
		return err != nil
	}
	if !waits() {
		t.Fatal("it does not wait")
	}
	w.now = a.ReceivedAt.Add(-sourceWait / 2) // the worker's clock may be behind ingest's
	if !waits() || len(w.records) != 0 || len(w.claims) != 0 {
		t.Errorf("while it waits: %d records, %d claims", len(w.records), len(w.claims))
	}

	inFile := r.Source
	r.Source = func(id string) (Source, bool) {
		if id == "new" {
			id = "own"
		}
		return inFile(id)
	}
	w.channels = append(w.channels, fakeChannel("new"))
	if waits() {
		t.Fatal("the source is there, and it still waits")
	}
	if got := w.records[a.ID]; got.ev.Type != event.GrantActive || len(got.deliveries) != 1 {
		t.Errorf("%+v", got)
	}
}

// A source that has left the file does not come again.
func TestAnEventDoesNotWaitForEver(t *testing.T) {
	for _, late := range []time.Duration{sourceWait, -sourceWait} { // behind ingest's clock, or far before it
		w, r := newWorld(t, fakeChannel("all"))
		a := w.accept(granted)
		a.Source = "gone"
		w.now = a.ReceivedAt.Add(late)
		if err := r.Event(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if got := w.records[a.ID]; got.ev.Type != event.GrantActive || len(got.deliveries) != 1 {
			t.Errorf("%+v", got)
		}
	}
}
