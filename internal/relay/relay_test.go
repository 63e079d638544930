package relay

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/source/canonical"
	"accessrelay/internal/transport"
)

const granted = `{"type":"grant.active","request":{"id":"r1","reason":"CANARY-REASON"}}`

func TestEventReachesTheChannelsThatWantIt(t *testing.T) {
	off := fakeChannel("off")
	off.Enabled = false
	w, _ := newWorld(t, fakeChannel("all"), fakeChannel("grants", "grant.*"), fakeChannel("requests", "request.*"), off)
	a := w.accept(granted)
	w.run()
	want := map[string]int{"all grant.active": 1, "grants grant.active": 1}
	if fmt.Sprint(w.sends) != fmt.Sprint(want) {
		t.Errorf("sent %v, want %v", w.sends, want)
	}
	ev := w.records[a.ID].ev
	if ev.Type != event.GrantActive || ev.Request.ID != "r1" || string(ev.Raw) != granted || ev.Platform != "own" || !ev.ReceivedAt.Equal(a.ReceivedAt) {
		t.Errorf("canonical event %+v", ev)
	}
	if strings.Contains(w.log.String(), "CANARY") {
		t.Error("the log quotes the payload")
	}
	for _, id := range []string{a.ID, "own", tenant} {
		if !strings.Contains(w.log.String(), id) {
			t.Errorf("the log does not name %s", id)
		}
	}
}

func TestRepeatIsNotDelivered(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	first := w.accept(granted)
	w.run()
	second := w.accept(`{ "request": {"reason":"CANARY-REASON","id":"r1"}, "type":"grant.active"}`)
	w.run()
	if w.sends["all grant.active"] != 1 {
		t.Errorf("sent %d times", w.sends["all grant.active"])
	}
	if r := w.records[second.ID].receipt; r.Status() != event.StatusDuplicate || r.DuplicateOf != first.ID {
		t.Errorf("receipt %+v", r)
	}
}

// A failover of a Cluster can take an event that was never confirmed and leave
// its claim: the sender's repeat is then the only one.
func TestAnOriginalThatIsGoneSuppressesNothing(t *testing.T) {
	w, r := newWorld(t, fakeChannel("all"))
	ghost := w.accept(granted)
	if _, err := w.Claim(t.Context(), claimKey(ghost, &event.Event{Raw: ghost.Body}), ghost.ID, ghost.ReceivedAt, time.Hour); err != nil {
		t.Fatal(err)
	}
	waits := w.accept(granted)
	if err := r.Event(t.Context(), waits); err != nil || w.records[waits.ID].receipt.DuplicateOf != ghost.ID {
		t.Fatalf("while the original has a task: %v, receipt %+v", err, w.records[waits.ID].receipt)
	}
	delete(w.tasks, waits.ID)
	delete(w.tasks, ghost.ID) // the failover
	again := w.accept(granted)
	w.run()
	if got := w.records[again.ID].receipt; got.DuplicateOf != "" || w.sends["all grant.active"] != 1 {
		t.Errorf("sent %d times, receipt %+v", w.sends["all grant.active"], got)
	}
}

func TestUnroutedDoesNotSuppressItsRepeat(t *testing.T) {
	w, _ := newWorld(t)
	a := w.accept(granted)
	w.run()
	if r := w.records[a.ID].receipt; r.Status() != event.StatusUnrouted {
		t.Errorf("receipt %+v", r)
	}
	w.channels = append(w.channels, fakeChannel("late"))
	w.accept(granted)
	w.run()
	if w.sends["late grant.active"] != 1 {
		t.Error("the repeat of an event that nobody got was swallowed")
	}
}

func TestWhatNobodyUnderstandsIsDelivered(t *testing.T) {
	for _, tt := range []struct{ name, source, platform, body string }{
		{"unknown type", "own", "own", `{"type":"of.tomorrow"}`},
		{"a normaliser that panics", "panics", "panics", `{"type":"grant.active"}`},
		{"a source that left the file, of a platform that did too", "gone", "gone", `{"a":1}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := newWorld(t, fakeChannel("all"))
			a := w.accept(tt.body)
			a.Source, a.Platform = tt.source, tt.platform
			w.tasks[a.ID] = a
			w.now = w.now.Add(sourceWait) // from then on it does not wait for its source
			err := w.once(a.ID)
			// Label values are closed: a platform outside is a fault of the test's only.
			if err != nil {
				t.Fatal(err)
			}
			ev := w.records[a.ID].ev
			if ev.Type != event.Unrecognized || string(ev.Raw) != tt.body || ev.ID != a.ID || ev.TenantID != tenant {
				t.Errorf("got %+v", ev)
			}
		})
	}
}

func TestRetriesAreSpentOneByOne(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	w.answers = func(_ *channel.Channel, nth int) error {
		if nth <= 3 {
			return failed(transport.Retry, 0)
		}
		return nil
	}
	a := w.accept(granted)
	w.run()
	d := w.records[a.ID].deliveries[0]
	if d.State != event.StateDelivered || d.Attempts != 4 || d.RetriesUsed != 3 {
		t.Errorf("got %+v", d)
	}
	if waited := w.now.Sub(a.ReceivedAt); waited < 296*time.Second || waited > 444*time.Second {
		t.Errorf("the four attempts span %v, want 370 s ±20 %%", waited)
	}
}

func TestAnEarlyTaskMakesNoAttempt(t *testing.T) {
	w, r := newWorld(t, fakeChannel("all"))
	w.answers = func(*channel.Channel, int) error { return failed(transport.Retry, 0) }
	a := w.accept(granted)
	if err := w.once(a.ID); err != nil {
		t.Fatal(err)
	}
	due := Due{EventID: a.ID, Round: 1}
	var again *Again
	for range 3 { // the second and third come right after the first
		if err := r.Delivery(t.Context(), due); !errors.As(err, &again) || again.After <= 0 {
			t.Fatalf("got %v", err)
		}
	}
	if n := w.sends["all grant.active"]; n != 1 {
		t.Errorf("%d attempts, want 1", n)
	}
	if err := r.Delivery(t.Context(), Due{EventID: a.ID, Round: 2}); err != nil {
		t.Errorf("a task of another round: %v", err)
	}
	if err := r.Delivery(t.Context(), Due{EventID: event.NewID(t0), Round: 1}); err != nil {
		t.Errorf("a task without a record: %v", err)
	}
}

func TestDeletedDisabledAndUnreadableChannels(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(w *world)
		state  event.State
		reason transport.Reason
	}{
		{"deleted", func(w *world) { w.channels = nil }, event.StateDead, transport.ReasonChannelDeleted},
		{"disabled", func(w *world) { w.setEnabled("id-all", false) }, event.StateDead, transport.ReasonChannelDisabled},
		{"unreadable", func(w *world) {
			ch := *w.channels[0]
			ch.ConfigErr = errors.New("sealed for another")
			w.channels = []*channel.Channel{&ch}
		}, event.StateDead, transport.ReasonChannelConfig},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := newWorld(t, fakeChannel("all"))
			a := w.accept(granted)
			if err := w.once(a.ID); err != nil {
				t.Fatal(err)
			}
			delete(w.tasks, a.ID)
			tt.change(w)
			w.run()
			d := w.records[a.ID].deliveries[0]
			if d.State != tt.state || d.LastReason != string(tt.reason) || d.Attempts != 0 || len(w.sends) != 0 {
				t.Errorf("got %+v, sent %v", d, w.sends)
			}
		})
	}
}

// The worker dies between the record and the tasks, and when another takes over
// the channels have changed: the record's deliveries still come to an end.
func TestDeathBeforeTheTasksAndNoChannelAfterIt(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(w *world)
		reason transport.Reason
	}{
		{"deleted", func(w *world) { w.channels = nil }, transport.ReasonChannelDeleted},
		{"disabled", func(w *world) { w.setEnabled("id-all", false) }, transport.ReasonChannelDisabled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := newWorld(t, fakeChannel("all"))
			a := w.accept(granted)
			w.dieAt = 4 // claim, channels, record, task
			if err := w.once(a.ID); !errors.Is(err, errDied) {
				t.Fatalf("the first run ended with %v", err)
			}
			tt.change(w)
			w.run()
			if d := w.records[a.ID].deliveries[0]; d.State != event.StateDead || d.LastReason != string(tt.reason) {
				t.Errorf("%s (%s), want dead (%s)", d.State, d.LastReason, tt.reason)
			}
		})
	}
}

func TestGoneDisablesTheChannelAndTellsTheOthers(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("leaving"), fakeChannel("picky", "grant.*"))
	w.answers = func(ch *channel.Channel, _ int) error {
		if ch.Name == "leaving" {
			return failed(transport.Gone, 0)
		}
		return nil
	}
	w.accept(granted)
	w.run()
	want := map[string]int{"leaving grant.active": 1, "picky grant.active": 1, "picky relay.channel_disabled": 1}
	if fmt.Sprint(w.sends) != fmt.Sprint(want) {
		t.Errorf("sent %v, want %v", w.sends, want)
	}
	if w.channels[0].Enabled {
		t.Error("the channel is still enabled")
	}
	for _, r := range w.records {
		if r.ev.Type == event.ChannelDisabled {
			want := `{"type":"relay.channel_disabled","access":[{"resource":{"id":"id-leaving","name":"leaving","type":"fake"}}],"error":{"type":"410 Gone",`
			if !strings.HasPrefix(string(r.ev.Raw), want) {
				t.Errorf("the notice's raw is %s", r.ev.Raw)
			}
		}
	}
}

// The destination moves while a request is under way to where it was.
func TestGoneOfAnOldAddressLeavesTheNewOne(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("moved"), fakeChannel("other"))
	w.channels[0].UpdatedAt = t0
	w.answers = func(ch *channel.Channel, nth int) error {
		if ch.Name != "moved" || nth > 1 {
			return nil
		}
		is := *ch
		is.UpdatedAt = t0.Add(time.Second)
		w.channels = append([]*channel.Channel{&is}, w.channels[1:]...)
		return failed(transport.Gone, 0)
	}
	w.accept(granted)
	w.run()
	if !w.channels[0].Enabled || w.sends["other relay.channel_disabled"] != 0 {
		t.Errorf("the new address was disabled: %+v, sent %v", w.channels[0], w.sends)
	}
}

// An event that nobody wanted is run again, because the end of its task got lost,
// and by then there is a channel.
func TestAnUnroutedEventThatIsRunAgainSuppressesNothing(t *testing.T) {
	w, _ := newWorld(t)
	a := w.accept(granted)
	if err := w.once(a.ID); err != nil {
		t.Fatal(err)
	}
	w.channels = append(w.channels, fakeChannel("all"))
	if err := w.once(a.ID); err != nil {
		t.Fatal(err)
	}
	delete(w.tasks, a.ID)
	b := w.accept(granted)
	w.run()
	if r := w.records[b.ID]; r.receipt.DuplicateOf != "" || len(r.deliveries) != 1 || r.deliveries[0].State != event.StateDelivered {
		t.Errorf("its repeat: %+v", r)
	}
}

func TestATestReachesADisabledChannelAloneAndEnablesIt(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("off", "request.*"), fakeChannel("other"))
	w.setEnabled("id-off", false)
	for range 2 { // a person may ask twice
		a := w.accept(`{"type":"test"}`)
		a.Source, a.Platform, a.ChannelID = canonical.Relay, canonical.Relay, "id-off"
		w.tasks[a.ID] = a
		w.run()
	}
	if want := map[string]int{"off test": 2}; fmt.Sprint(w.sends) != fmt.Sprint(want) {
		t.Errorf("sent %v, want %v", w.sends, want)
	}
	if !w.channels[0].Enabled {
		t.Error("the channel that took its test is still disabled")
	}
}

func TestMetricsCount(t *testing.T) {
	w, r := newWorld(t, fakeChannel("all"))
	w.answers = func(_ *channel.Channel, nth int) error {
		return map[int]error{1: failed(transport.Retry, 0), 2: failed(transport.Throttle, time.Second)}[nth]
	}
	a := w.accept(granted)
	if err := r.Event(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.now = w.now.Add(time.Hour)
		_ = r.Delivery(t.Context(), Due{EventID: a.ID, Round: 1})
	}
	for _, tt := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"events routed", []string{"own", "grant.active", "routed"}, 1},
	} {
		if got := testutil.ToFloat64(r.Metrics.events.WithLabelValues(tt.labels...)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	for o, want := range map[outcome]float64{outcomeRetried: 1, outcomeThrottled: 1, outcomeDelivered: 1, outcomeDead: 0} {
		if got := testutil.ToFloat64(r.Metrics.attempts.WithLabelValues("fake", string(o))); got != want {
			t.Errorf("attempts %s: %v, want %v", o, got, want)
		}
	}
	if got := testutil.ToFloat64(r.Metrics.failures.WithLabelValues("fake", "server_error")); got != 2 {
		t.Errorf("failures: %v, want 2", got)
	}
}

// The time of an attempt is that of a request: where none was made, none is.
func TestOnlyAttemptsAreTimed(t *testing.T) {
	for _, noAttempt := range []bool{false, true} {
		w, r := newWorld(t, fakeChannel("all"))
		w.answers = func(*channel.Channel, int) error {
			err := failed(transport.Dead, 0)
			err.NoAttempt = noAttempt
			return err
		}
		a := w.accept(granted)
		if err := r.Event(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if err := r.Delivery(t.Context(), Due{EventID: a.ID, Round: 1}); err != nil {
			t.Fatal(err)
		}
		families, err := w.metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		found, want := false, uint64(1)
		if noAttempt {
			want = 0
		}
		for _, f := range families {
			if f.GetName() != "accessrelay_delivery_attempt_duration_seconds" {
				continue
			}
			if got := f.GetMetric()[0].GetHistogram().GetSampleCount(); got != want {
				t.Errorf("no attempt %t: timed %d times, want %d", noAttempt, got, want)
			}
			found = true
		}
		if !found {
			t.Error("no such metric")
		}
	}
}

// An error of Redis is no death: what follows from a send is written as soon as
// it can be, and nothing is sent twice.
func TestRedisTroubleRepeatsNoSend(t *testing.T) {
	calm, _ := newWorld(t, fakeChannel("all"))
	calm.accept(granted)
	calm.run()
	for at := 1; at <= calm.operations; at++ {
		w, _ := newWorld(t, fakeChannel("all"))
		a := w.accept(granted)
		w.dieAt = at
		w.trouble = true
		w.run()
		d := w.records[a.ID].deliveries[0]
		if n := w.sends["all grant.active"]; n != 1 || d.Attempts != 1 || d.State != event.StateDelivered {
			t.Errorf("trouble at operation %d: sent %d times, %+v", at, n, d)
		}
	}
}

// Die at every operation of the whole way, before it and after it, and go on.
// Whatever happens: every channel gets every event, twice only if the death was
// between a send and its record, and no attempt is counted that was not made.
func TestDeathAtEveryStep(t *testing.T) {
	scenario := func(t *testing.T, dieAt int, after bool) (*world, string) {
		t.Helper()
		w, _ := newWorld(t, fakeChannel("sure"), fakeChannel("shaky"), fakeChannel("leaving"))
		w.answers = func(ch *channel.Channel, nth int) error {
			switch {
			case ch.Name == "shaky" && nth == 1:
				return failed(transport.Retry, 0)
			case ch.Name == "leaving":
				return failed(transport.Gone, 0)
			}
			return nil
		}
		w.dieAt, w.dieAfter = dieAt, after
		a := w.accept(granted)
		w.run()
		w.accept(granted) // a repeat, whatever happened before
		w.run()
		return w, a.ID
	}
	calm, _ := scenario(t, 0, false)
	t.Logf("%d operations", calm.operations)
	for at := 1; at <= calm.operations; at++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d after=%v", at, after), func(t *testing.T) {
				w, id := scenario(t, at, after)
				ds := w.records[id].deliveries
				for i, wantState := range []event.State{event.StateDelivered, event.StateDelivered, event.StateDead} {
					sent := w.sends[ds[i].ChannelName+" grant.active"]
					if ds[i].State != wantState {
						t.Errorf("%s: %s (%s), want %s", ds[i].ChannelName, ds[i].State, ds[i].LastReason, wantState)
					}
					if want := calm.sends[ds[i].ChannelName+" grant.active"]; sent > want+1 || (sent < want && i < 2) {
						t.Errorf("%s: sent %d times, %d without a death", ds[i].ChannelName, sent, want)
					}
					if ds[i].Attempts > sent {
						t.Errorf("%s: %d attempts counted, %d made", ds[i].ChannelName, ds[i].Attempts, sent)
					}
				}
				if w.channels[2].Enabled {
					t.Error("the channel that is gone is still enabled")
				}
				for _, other := range []string{"sure", "shaky"} {
					n, want := w.sends[other+" relay.channel_disabled"], calm.sends[other+" relay.channel_disabled"]
					if n < want || n > want+1 {
						t.Errorf("%s was told %d times that a channel is gone, %d without a death", other, n, want)
					}
				}
			})
		}
	}
}
