package relay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/source/canonical"
)

const revoked = `{"type":"grant.revoked","timestamp":"2026-01-15T09:30:00Z","data":{"request":{"id":"r1"}}}`

// publish accepts an event of the API; key may be "".
func (w *world) publish(key, body string) Accepted {
	a := w.accept(body)
	a.Source, a.Platform, a.IdempotencyKey = canonical.API, canonical.API, key
	w.tasks[a.ID] = a
	return a
}

func (w *world) duplicateOf(a Accepted) string { return w.records[a.ID].receipt.DuplicateOf }

func TestPublishedEventIsDelivered(t *testing.T) {
	w, _ := newWorld(t, fakeChannel("all"), fakeChannel("requests", "request.*"))
	a := w.publish("", revoked)
	w.run()
	if want := map[string]int{"all grant.revoked": 1}; fmt.Sprint(w.sends) != fmt.Sprint(want) {
		t.Errorf("sent %v, want %v", w.sends, want)
	}
	ev := w.records[a.ID].ev
	if ev.Type != event.GrantRevoked || ev.Source != "api" || ev.Platform != "api" || ev.Request.ID != "r1" ||
		string(ev.Raw) != revoked || !ev.OccurredAt.Equal(time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC)) {
		t.Errorf("canonical event %+v", ev)
	}
}

func TestTheKeyDecidesWhatIsARepeat(t *testing.T) {
	other := strings.Replace(revoked, "r1", "r2", 1)
	w, _ := newWorld(t, fakeChannel("all"))
	first := w.publish("k1", revoked)
	w.run()
	for _, c := range []struct {
		name      string
		key, body string
		repeats   string
	}{
		{"the same again", "k1", revoked, first.ID},
		{"another body", "k1", other, first.ID},
		{"a body that cannot be read", "k1", `x`, first.ID},
		{"another key", "k2", revoked, ""},
		{"a key in another case", "K1", revoked, ""},
		{"no key", "", revoked, ""},
	} {
		a := w.publish(c.key, c.body)
		w.run()
		if got := w.duplicateOf(a); got != c.repeats {
			t.Errorf("%s: repeats %q, want %q", c.name, got, c.repeats)
		}
	}
	// Without a key the payload decides, as for hooks.
	again := w.publish("", `{"data":{"request":{"id":"r1"}},"timestamp":"2026-01-15T09:30:00Z","type":"grant.revoked"}`)
	w.run()
	if w.duplicateOf(again) == "" {
		t.Error("an equal payload without a key is no repeat")
	}
}

// A key that no channel's event took may be used again, as a payload may.
func TestAKeyOfAnUnroutedEventIsFree(t *testing.T) {
	w, _ := newWorld(t)
	w.publish("k", revoked)
	w.run()
	w.channels = append(w.channels, fakeChannel("late"))
	a := w.publish("k", revoked)
	w.run()
	if w.duplicateOf(a) != "" || w.sends["late grant.revoked"] != 1 {
		t.Errorf("repeats %q, sent %v", w.duplicateOf(a), w.sends)
	}
}

// Tenants, sources, keys and payloads never meet in one claim.
func TestClaimKeysAreApart(t *testing.T) {
	base := Accepted{ID: "evt_1", TenantID: tenant, Source: "api", Platform: canonical.API, Body: []byte(revoked)}
	with := func(change func(*Accepted)) Accepted {
		a := base
		change(&a)
		return a
	}
	fingerprint, err := event.Fingerprint(base.Body)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for name, a := range map[string]Accepted{
		"the payload":                    base,
		"a key":                          with(func(a *Accepted) { a.IdempotencyKey = "k" }),
		"another key":                    with(func(a *Accepted) { a.IdempotencyKey = "k:" }),
		"a key like the fingerprint":     with(func(a *Accepted) { a.IdempotencyKey = fingerprint }),
		"a key like a claim":             with(func(a *Accepted) { a.IdempotencyKey = "key:" + fingerprint }),
		"another payload":                with(func(a *Accepted) { a.Body = []byte(granted) }),
		"another tenant":                 with(func(a *Accepted) { a.TenantID = "0b0b0b0b-1111-4222-8333-abcdefabcdef" }),
		"another tenant's key":           with(func(a *Accepted) { a.TenantID, a.IdempotencyKey = "0b0b0b0b-1111-4222-8333-abcdefabcdef", "k" }),
		"a source of the file named api": with(func(a *Accepted) { a.Platform = "p0" }),
		"the relay's own":                with(func(a *Accepted) { a.Source, a.Platform = canonical.Relay, canonical.Relay }),
		"a source named relay":           with(func(a *Accepted) { a.Source, a.Platform = canonical.Relay, "p0" }),
		"no payload":                     with(func(a *Accepted) { a.Body = []byte("x") }),
		"no payload either":              with(func(a *Accepted) { a.Body, a.ID = []byte("x"), "evt_2" }),
	} {
		key := claimKey(a, &event.Event{Raw: a.Body})
		if other, taken := all[key]; taken {
			t.Errorf("%s and %s have one claim: %s", name, other, key)
		}
		all[key] = name
		if strings.ContainsAny(key, "{}") {
			t.Errorf("%s: %s would be cut as a hash tag", name, key)
		}
	}
	keyed := with(func(a *Accepted) { a.IdempotencyKey = "k" })
	otherBody := keyed
	otherBody.ID, otherBody.Body = "evt_2", []byte("x")
	if claimKey(keyed, &event.Event{Raw: keyed.Body}) != claimKey(otherBody, &event.Event{Raw: otherBody.Body}) {
		t.Error("one key has two claims")
	}
}

// What the platform of an event is says whose it is: the file may have sources of
// the same ids.
func TestSourcesOfTheFileNamedLikeTheRelaysOwn(t *testing.T) {
	w, r := newWorld(t, fakeChannel("all"))
	r.Source = func(string) (Source, bool) { return Source{Platform: panicking{}, DedupWindow: 0}, true }
	for range 2 {
		if err := r.Event(t.Context(), w.publish("", revoked)); err != nil {
			t.Fatal(err)
		}
	}
	notice := w.accept(`{"type":"relay.channel_disabled"}`)
	notice.Source, notice.Platform = canonical.Relay, canonical.Relay
	if err := r.Event(t.Context(), notice); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(w.log.String(), "panicked") {
		t.Error("the file's source read an event of the relay's own")
	}
	originals := 0
	for _, rec := range w.records {
		if rec.receipt.DuplicateOf == "" {
			originals++
		}
	}
	if originals != 2 {
		t.Errorf("%d events, want one published and one notice", originals)
	}

	w, r = newWorld(t, fakeChannel("all"))
	r.Source = func(id string) (Source, bool) {
		return Source{Platform: canonical.New("own"), DedupWindow: 0}, id == canonical.API
	}
	hook := w.accept(granted)
	hook.Source, hook.Platform = canonical.API, "own"
	if err := r.Event(t.Context(), hook); err != nil {
		t.Fatal(err)
	}
	if ev := w.records[hook.ID].ev; ev == nil || ev.Type != event.GrantActive || ev.Platform != "own" {
		t.Errorf("an event of the file's source: %+v", ev)
	}
}

func TestTheRelaysOwnEventsHaveWindowsOfTheirOwn(t *testing.T) {
	_, r := newWorld(t)
	for _, tt := range []struct {
		platform, channel string
		want              time.Duration
	}{{canonical.API, "", 2 * time.Hour}, {canonical.Relay, "", noticeWindow}, {canonical.Relay, "c", 0}} {
		src, err := r.source(t.Context(), r.Log, Accepted{Source: tt.platform, Platform: tt.platform, ChannelID: tt.channel})
		if err != nil || src.DedupWindow != tt.want || src.Platform.Name() != tt.platform {
			t.Errorf("%+v: %+v, %v", tt, src, err)
		}
	}
}
