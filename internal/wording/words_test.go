package wording

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"accessrelay/internal/event"
)

func TestEveryTypeHasWords(t *testing.T) {
	titles := map[string]event.Type{}
	for _, typ := range event.Types() {
		if _, ok := wordsOf[typ]; !ok {
			t.Errorf("%s has no words", typ)
		}
		emoji, title := Title(typ)
		if other, twice := titles[title]; twice || emoji == "" {
			t.Errorf("%s has emoji %q and title %q, which %s has too", typ, emoji, title, other)
		}
		titles[title] = typ
		if s := Sentence(&event.Event{Type: typ}, Plain); s == "" || !strings.HasSuffix(s, ".") {
			t.Errorf("%s, of which nothing is known: %q", typ, s)
		}
	}
	if got, want := Headline(&event.Event{Type: "grant.paused\n"}), "Access event: Event grant.paused."; got != want {
		t.Errorf("a type newer than the words: %q, want %q", got, want)
	}
}

func TestHeadline(t *testing.T) {
	ann, ben := &event.Person{Name: "Ann"}, &event.Person{Email: "ben@example.com"}
	access := []event.Access{{Permission: &event.Permission{Name: "admin"}, Resource: &event.Resource{Path: "prod/db"}}, {}}
	tests := []struct {
		ev   event.Event
		want string
	}{
		{event.Event{Type: event.RequestPending, Requester: ann, Grantee: ben, Access: access}, "Access requested: Ann is asking for admin on prod/db and 1 other thing for ben@example.com."},
		{event.Event{Type: event.RequestPending}, "Access requested: Somebody is asking for access."},
		{event.Event{
			Type: event.RequestDenied, Requester: ann,
			Approvals: []event.Approval{{Status: "denied", Approver: ben}, {Status: "approved", Approver: ann}},
		}, "Access request denied: The request by Ann for access was denied by ben@example.com."},
		{event.Event{
			Type: event.GrantActive, Grantee: ben, Window: &event.Window{EndsAt: time.Date(2026, 1, 15, 10, 30, 59, 0, time.UTC)},
		}, "Access granted: ben@example.com now has access, until 2026-01-15 10:30 UTC."},
		{event.Event{Type: event.UserInvited, Grantee: &event.Person{Name: "a\r\nBcc: b\u202e"}}, "User invited: a Bcc: b was invited."},
	}
	for _, tt := range tests {
		if got := Headline(&tt.ev); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.ev.Type, got, tt.want)
		}
	}
}

func TestHeadlineIsBounded(t *testing.T) {
	long := strings.Repeat("漢字 ", 20_000)
	p := &event.Person{Name: long}
	for _, typ := range append(event.Types(), event.Type(long)) {
		ev := &event.Event{Type: typ, Requester: p, Grantee: &event.Person{Name: "x" + long}, PlatformEvent: long, Access: []event.Access{{
			Permission: &event.Permission{Name: long}, Resource: &event.Resource{Name: long},
		}, {}}, Approvals: []event.Approval{{Status: "approved", Approver: p}, {Status: "denied", Approver: p}}}
		if n := utf8.RuneCountInString(Headline(ev)); n > 500 {
			t.Errorf("%.20s: %d runes", typ, n)
		}
	}
}

// Of many who approved a few are named and the rest counted, without looking at
// their names.
func TestManyApprovals(t *testing.T) {
	names := func(ns ...string) *event.Event {
		ev := &event.Event{Type: event.RequestApproved}
		for _, n := range ns {
			ev.Approvals = append(ev.Approvals, event.Approval{Status: "Approved", Approver: &event.Person{Name: n}})
		}
		return ev
	}
	for _, tt := range []struct {
		ev   *event.Event
		want string
	}{
		{names("a"), " by a."},
		{names("a", "b"), " by a and b."},
		{names("a", "b", "c"), " by a, b and c."},
		{names("a", "b", "c", "d"), " by a, b, c and 1 other."},
		{names("a", "\u202e", "b", "c", "d", " ", "e"), " by a, b, c and 2 others."},
		{names("\u202e", "\u202e", "\u202e", "d", "e"), " by 2 persons."},
		{names("\u202e", "\u202e", "a", "\u202e", "d"), " by a and 1 other."},
		{names("", " "), " was approved."},
	} {
		if got := Sentence(tt.ev, Plain); !strings.HasSuffix(got, tt.want) {
			t.Errorf("%q, want it to end with %q", got, tt.want)
		}
	}
	for _, name := range []string{strings.Repeat("x", 50), strings.Repeat("\u202e", 16)} {
		many := make([]string, 20_000)
		for i := range many {
			many[i] = name
		}
		escaped := 0
		st := Style{Escape: func(r, _ rune) string {
			escaped++
			return string(r)
		}}
		ev := names(many...)
		if n := testing.AllocsPerRun(1, func() { Sentence(ev, st) }); n > 500 || escaped > 1000 {
			t.Errorf("20,000 times %q: %v allocations, %d runes escaped", name[:8], n, escaped)
		}
	}
}
