package relay

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/ratelimit"
	"accessrelay/internal/transport"
)

// fakeGate lets everything through unless a test has it say something else.
type fakeGate struct {
	says    func(e Entry) Pass
	entered []Entry
	results []Result
	news    News
}

func newFakeGate() *fakeGate { return &fakeGate{says: func(Entry) Pass { return Pass{} }} }

func (w *world) Enter(_ context.Context, e Entry) (p Pass, err error) {
	err = w.step(func() error {
		w.gate.entered = append(w.gate.entered, e)
		p = w.gate.says(e)
		return nil
	})
	return p, err
}

func (w *world) Report(_ context.Context, _ Entry, _ Pass, r Result) (n News, err error) {
	err = w.step(func() error {
		w.gate.results = append(w.gate.results, r)
		n = w.gate.news
		return nil
	})
	return n, err
}

// until has the gate open at a time.
func (w *world) until(at time.Time, turn int64, broken bool) func(Entry) Pass {
	return func(Entry) Pass {
		if wait := at.Sub(w.now); wait > 0 {
			return Pass{Wait: wait, Turn: turn, Broken: broken}
		}
		return Pass{Turn: turn}
	}
}

// one works off the event, and then the delivery's task once.
func (w *world) one(a Accepted) (event.Delivery, error) {
	w.t.Helper()
	if err := w.once(a.ID); err != nil {
		w.t.Fatal(err)
	}
	delete(w.tasks, a.ID)
	err := w.once(taskID(Due{EventID: a.ID, Round: 1}))
	return w.records[a.ID].deliveries[0], err
}

func TestADeliveryWaitsForItsTurn(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	w.channels[0].RateLimit = &ratelimit.Rate{N: 1, Per: time.Second}
	a := w.accept(granted)
	w.gate.says = w.until(w.now.Add(time.Minute), 7, false)
	d, err := w.one(a)
	var again *Again
	if !errors.As(err, &again) || again.Failed() || again.After != time.Minute-lookAhead {
		t.Errorf("%v: %+v", err, again)
	}
	if d.State != event.StateThrottled || d.LastReason != "rate_limit" || d.Turn != 7 || !d.NextAttemptAt.Equal(w.now.Add(time.Minute)) ||
		d.Attempts != 0 || d.RetriesUsed != 0 {
		t.Errorf("%+v", d)
	}
	if e := w.gate.entered[0]; e.Rate == nil || e.EventID != a.ID || e.DeliveryID != d.ID() || e.ChannelID != "id-all" || e.Timeout != policy.Timeout || e.Test {
		t.Errorf("%+v", e)
	}
	w.run()
	d = w.records[a.ID].deliveries[0]
	if d.State != event.StateDelivered || d.Attempts != 1 || d.RetriesUsed != 0 || d.LastError != "" || d.Turn != 0 {
		t.Errorf("%+v", d)
	}
	if e := w.gate.entered[len(w.gate.entered)-1]; e.Turn != 7 {
		t.Errorf("it came back with turn %d", e.Turn)
	}
}

// A rate may have been raised: whoever has a turn asks now and then, and early.
func TestALongWaitIsAskedAgain(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	a := w.accept(granted)
	w.gate.says = w.until(w.now.Add(5*time.Hour), 7, false)
	d, err := w.one(a)
	var again *Again
	if !errors.As(err, &again) || again.After != longestWait || d.NextAttemptAt.Sub(w.now) != 5*time.Hour {
		t.Fatalf("%v, %+v", err, d)
	}
	w.now = w.now.Add(longestWait)
	w.gate.says = func(Entry) Pass { return Pass{} }
	if err := w.once(taskID(Due{EventID: a.ID, Round: 1})); err != nil || w.records[a.ID].deliveries[0].State != event.StateDelivered {
		t.Errorf("%v, %+v", err, w.records[a.ID].deliveries[0])
	}
}

// More wait than the rate lets through: who has no turn asks again, for those before
// it may end, and says why it waits.
func TestWithoutATurnItAsksAgain(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	a := w.accept(granted)
	began := w.now
	w.gate.says = func(Entry) Pass { return Pass{Wait: 2 * policy.MaxAge} }
	d, err := w.one(a)
	var again *Again
	if !errors.As(err, &again) || again.After != longestWait || d.NextAttemptAt.Sub(w.now) != longestWait || !strings.Contains(d.LastError, "more wait") {
		t.Errorf("%v, %+v", err, d)
	}
	if e := w.gate.entered[0]; e.Left != policy.MaxAge {
		t.Errorf("it can wait %v", e.Left)
	}
	w.now = w.now.Add(longestWait)
	w.gate.says = func(e Entry) Pass {
		if e.Turn != 0 || e.Left != policy.MaxAge-longestWait {
			t.Errorf("%+v", e)
		}
		return Pass{}
	}
	if err := w.once(taskID(Due{EventID: a.ID, Round: 1})); err != nil || w.records[a.ID].deliveries[0].State != event.StateDelivered {
		t.Errorf("%v, %+v", err, w.records[a.ID].deliveries[0])
	}

	b := w.accept(`{"type":"grant.active","request":{"id":"b"}}`)
	w.gate.says = func(Entry) Pass { return Pass{Wait: 2 * policy.MaxAge} }
	w.run()
	if d := w.records[b.ID].deliveries[0]; d.State != event.StateDead || d.LastReason != "max_age" || d.DeadAt.Before(began.Add(policy.MaxAge)) {
		t.Errorf("%+v", d)
	}
}

// A worker stands still while deliveries wait in it for their turns: another one has
// delivered them when it goes on.
func TestASleeperLooksAtItsRecord(t *testing.T) {
	w, r := newWorld(t, fakeChannel("all"))
	a := w.accept(granted)
	if err := w.once(a.ID); err != nil {
		t.Fatal(err)
	}
	w.gate.says = w.until(w.now.Add(2*time.Second), 7, false)
	r.sleep = func(string, time.Duration) bool {
		w.now = w.now.Add(time.Minute)
		d := &w.records[a.ID].deliveries[0]
		d.State, d.Attempts, d.DeliveredAt = event.StateDelivered, 1, w.now
		return true
	}
	var again *Again
	if err := r.Delivery(t.Context(), Due{EventID: a.ID, Round: 1}); !errors.As(err, &again) || len(w.sends) != 0 {
		t.Errorf("%v, sent %v", err, w.sends)
	}
	if err := r.Delivery(t.Context(), Due{EventID: a.ID, Round: 1}); err != nil || len(w.sends) != 0 {
		t.Errorf("%v, sent %v", err, w.sends)
	}
}

// A test that fails while the breaker is open ends like any other.
func TestATestDoesNotTryForEver(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	ev := &event.Event{ID: event.NewID(w.now), TenantID: tenant, Type: event.Test, Platform: "own", ReceivedAt: w.now}
	w.records[ev.ID] = &record{ev: ev, deliveries: []event.Delivery{{
		EventID: ev.ID, Round: 1, ChannelID: "id-all", ChannelType: "fake", State: event.StatePending, RoundAt: w.now,
	}}}
	w.tasks["test"] = Due{EventID: ev.ID, Round: 1}
	w.gate.says = func(Entry) Pass { return Pass{Broken: true} }
	w.answers = func(*channel.Channel, int) error { return failed(transport.Retry, 0) }
	w.run()
	if d := w.records[ev.ID].deliveries[0]; d.State != event.StateDead || d.Attempts != 4 || d.RetriesUsed != 3 {
		t.Errorf("%+v", d)
	}
}

// What is near is waited for in the worker, and that is written nowhere.
func TestANearTurnIsWaitedForHere(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	a := w.accept(granted)
	w.gate.says = w.until(w.now.Add(lookAhead), 7, false)
	if d, err := w.one(a); err != nil || d.State != event.StateDelivered || len(w.gate.entered) != 2 {
		t.Errorf("%v, asked %d times: %+v", err, len(w.gate.entered), d)
	}
}

func TestAChannelThatIsDisabledMeanwhileGetsNothing(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	a := w.accept(granted)
	open := w.until(w.now.Add(time.Second), 7, false)
	w.gate.says = func(e Entry) Pass { w.setEnabled("id-all", false); return open(e) }
	if d, err := w.one(a); err != nil || d.State != event.StateDead || d.LastReason != "channel_disabled" || len(w.sends) != 0 {
		t.Errorf("%v, %+v, sent %v", err, d, w.sends)
	}
}

func TestWhoWaitsDiesOfMaxAgeAndNotBefore(t *testing.T) {
	for name, closed := range map[string]time.Duration{"in time": policy.MaxAge - time.Millisecond, "too late": policy.MaxAge + time.Hour} {
		t.Run(name, func(t *testing.T) {
			w, _ := newWorld(t, fakeChannel("all"))
			a := w.accept(granted)
			began := w.now
			w.gate.says = w.until(began.Add(closed), 7, true)
			w.run()
			d := w.records[a.ID].deliveries[0]
			if closed < policy.MaxAge {
				if d.State != event.StateDelivered || d.RetriesUsed != 0 {
					t.Errorf("%+v", d)
				}
				return
			}
			if d.State != event.StateDead || d.LastReason != "max_age" || !strings.Contains(d.LastError, "breaker") ||
				d.DeadAt.Before(began.Add(policy.MaxAge)) || d.DeadAt.After(began.Add(policy.MaxAge+lookAhead)) || d.Attempts != 0 {
				t.Errorf("after %v: %+v", d.DeadAt.Sub(began), d)
			}
		})
	}
}

// Of a channel that was changed what was said before does not count.
func TestTheGateIsToldWhichVersionOfTheChannel(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	w.accept(granted)
	w.channels[0].UpdatedAt = t0
	w.run()
	if got := w.gate.entered[0].Version; got != t0.UnixMicro() {
		t.Errorf("%d", got)
	}
	if got := version(fakeChannel("of the file")); got != 0 {
		t.Errorf("of a file's channel %d", got)
	}
}

// Waiting is counted once, however often the gate is asked.
func TestWaitingIsCountedOnce(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	a := w.accept(granted)
	w.gate.says = func(Entry) Pass { return Pass{Wait: time.Minute, Turn: 7, Broken: true} }
	if err := w.once(a.ID); err != nil {
		t.Fatal(err)
	}
	r := w.relay()
	for range 5 {
		_ = r.Delivery(t.Context(), Due{EventID: a.ID, Round: 1})
		w.now = w.now.Add(time.Minute)
	}
	if n := testutil.ToFloat64(r.Metrics.failures.WithLabelValues("fake", "breaker_open")); n != 1 {
		t.Errorf("counted %v times", n)
	}
}

func TestWhoTriesTheBreakerUsesNoRetry(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	a := w.accept(granted)
	w.gate.says = func(Entry) Pass { return Pass{Broken: true} }
	w.gate.news = News{Wait: 20 * time.Second}
	w.answers = func(_ *channel.Channel, n int) error {
		if n < 9 {
			return failed(transport.Retry, 0)
		}
		return nil
	}
	d, _ := w.one(a)
	if d.State != event.StateThrottled || d.RetriesUsed != 0 || d.Attempts != 1 || d.LastReason != "server_error" ||
		!d.NextAttemptAt.Equal(w.now.Add(20*time.Second)) {
		t.Errorf("%+v", d)
	}
	w.run()
	if d := w.records[a.ID].deliveries[0]; d.State != event.StateDelivered || d.RetriesUsed != 0 || d.Attempts != 9 {
		t.Errorf("%+v", d)
	}
}

// The destination's word holds the channel, and whoever was told keeps its turn.
func TestRetryAfterHoldsTheChannel(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	a := w.accept(granted)
	w.gate.says = func(Entry) Pass { return Pass{Turn: 7} }
	w.answers = func(*channel.Channel, int) error {
		return &transport.SendError{Reason: transport.ReasonRateLimited, Class: transport.Throttle, RetryAfter: 30 * time.Second}
	}
	d, _ := w.one(a)
	if d.State != event.StateThrottled || d.Turn != 7 || !d.NextAttemptAt.Equal(w.now.Add(30*time.Second)) {
		t.Errorf("%+v", d)
	}
	if got := w.gate.results; len(got) != 1 || got[0] != (Result{Alive: true, Hold: 30 * time.Second}) {
		t.Errorf("told %+v", got)
	}
}

func TestWhatAFailureSaysOfTheDestination(t *testing.T) {
	alive := map[transport.Reason]bool{
		transport.ReasonClientError: true, transport.ReasonRedirect: true, transport.ReasonGone: true, transport.ReasonRejected: true,
	}
	down := map[transport.Reason]bool{
		transport.ReasonConnection: true, transport.ReasonTLS: true, transport.ReasonTimeout: true, transport.ReasonServerError: true,
		transport.ReasonUnavailable: true, transport.ReasonBadResponse: true, transport.ReasonDeferred: true, transport.ReasonRateLimited: true,
	}
	for _, reason := range transport.Reasons() {
		got := says(&transport.SendError{Reason: reason, Class: transport.Retry})
		if got.Alive != alive[reason] || got.Down != down[reason] {
			t.Errorf("%s: %+v", reason, got)
		}
		if got := says(&transport.SendError{Reason: reason, NoAttempt: true}); got != (Result{}) {
			t.Errorf("%s without an attempt: %+v", reason, got)
		}
	}
}

func TestATestSaysThatItIsOne(t *testing.T) {
	w, r := newWorld(t, fakeChannel("all"))
	ev := &event.Event{ID: event.NewID(w.now), TenantID: tenant, Type: event.Test, Platform: "own", ReceivedAt: w.now}
	w.records[ev.ID] = &record{ev: ev, deliveries: []event.Delivery{{
		EventID: ev.ID, Round: 1, ChannelID: "id-all", ChannelType: "fake", State: event.StatePending, RoundAt: w.now,
	}}}
	if err := r.Delivery(t.Context(), Due{EventID: ev.ID, Round: 1}); err != nil || !w.gate.entered[0].Test {
		t.Errorf("%v, %+v", err, w.gate.entered)
	}
}

func TestAThrottlerThatNamesNoTimeIsAskedEverMoreSeldom(t *testing.T) {
	for attempts, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 7: time.Minute, 1000: time.Minute} {
		got := throttleFor(event.Delivery{Attempts: attempts}, failed(transport.Throttle, 0))
		if got < want || got > want*12/10 {
			t.Errorf("after %d attempts it waits %v, want %v and up to a fifth more", attempts, got, want)
		}
	}
}

// What the transport says of the recipients is on record, and it is told again.
func TestRecipientsAreKept(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	a := w.accept(granted)
	stand := []event.Recipient{{Address: "a@example.com", State: event.StateDelivered}, {Address: "b@example.com", State: event.StatePending}}
	var told [][]event.Recipient
	w.recipients = func(a transport.Attempt) []event.Recipient {
		told = append(told, a.Recipients)
		if len(told) == 2 {
			return nil // it got nowhere
		}
		return stand
	}
	w.answers = func(_ *channel.Channel, n int) error {
		if n < 3 {
			return failed(transport.Retry, 0)
		}
		return nil
	}
	w.run()
	if len(told) != 3 || told[0] != nil || len(told[1]) != 2 || len(told[2]) != 2 {
		t.Errorf("told %v", told)
	}
	if d := w.records[a.ID].deliveries[0]; d.State != event.StateDelivered || len(d.Recipients) != 2 || d.Recipients[0] != stand[0] {
		t.Errorf("%+v", d)
	}
}

func TestAChannelDoesNotSeeWhatIsRedacted(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	w.channels[0].Redact = []string{"request.reason"}
	w.accept(granted)
	var got *event.Event
	w.recipients = func(a transport.Attempt) []event.Recipient { got = a.Event; return nil }
	w.run()
	if got == nil || got.Request == nil || got.Request.Reason != "" || got.Request.ID != "r1" {
		t.Errorf("it saw %+v", got)
	}
}

// A mailbox that takes nothing stops nobody else: its server is well.
func TestWhoIsNotTakenIsNoFailureOfTheDestination(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	w.accept(granted)
	w.gate.says = func(Entry) Pass { return Pass{Broken: true} } // also where the breaker is open
	w.gate.news = News{Closed: true}
	w.answers = func(*channel.Channel, int) error {
		return &transport.SendError{Reason: transport.ReasonDeferred, Class: transport.Retry, Alive: true}
	}
	w.run()
	for id, r := range w.records {
		if d := r.deliveries[0]; d.State != event.StateDead || d.Attempts != 4 || d.RetriesUsed != 3 || d.LastReason != "deferred" {
			t.Errorf("%s: %+v", id, d)
		}
	}
	for _, got := range w.gate.results {
		if got != (Result{Alive: true}) {
			t.Errorf("told %+v", got)
		}
	}
}

// A try of the breaker of which nothing could be told is not made again at once.
func TestATryThatIsNotToldWaits(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"))
	a := w.accept(granted)
	w.gate.says = func(Entry) Pass { return Pass{Broken: true} }
	w.answers = func(*channel.Channel, int) error { return failed(transport.Retry, 0) }
	d, _ := w.one(a)
	if d.State != event.StateThrottled || d.NextAttemptAt.Sub(w.now) != probeAgain {
		t.Errorf("%+v", d)
	}
}
