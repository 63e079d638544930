package wording

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/event"
)

func TestFacts(t *testing.T) {
	at := time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC)
	ann := &event.Person{Name: "Ann", Email: "ann@example.com"}
	full := event.Event{
		Type: event.GrantRevoked, Requester: ann, Grantee: &event.Person{ID: "u1"}, Request: &event.Request{ID: "1", DisplayID: "AR-1"},
		Access: []event.Access{{
			Resource: &event.Resource{Path: "prod/db", Type: "rds"}, Permission: &event.Permission{Name: "admin", Description: "admin"},
			Integration: &event.Integration{Name: "AWS", Type: "aws"},
		}},
		Window: &event.Window{StartsAt: at, EndsAt: at.Add(time.Hour)},
	}
	with := func(change func(*event.Event)) event.Event {
		ev := full
		change(&ev)
		return ev
	}
	tests := []struct {
		name string
		ev   event.Event
		want string
	}{
		{"everything", full, "Requested by=Ann (ann@example.com); For=u1; Resource=prod/db (rds); Permission=admin; System=AWS (aws); " +
			"From=2026-01-15 09:30 UTC; Was to end=2026-01-15 10:30 UTC; Request=AR-1"},
		{"for oneself", with(func(ev *event.Event) { ev.Grantee, ev.Access, ev.Window = ann, nil, nil }), "Requested by=Ann (ann@example.com); Request=AR-1"},
		{"of a user", event.Event{Type: event.UserInvited, Grantee: ann}, "User=Ann (ann@example.com)"},
		{"of a channel", event.Event{Type: event.ChannelDisabled, Access: []event.Access{{Resource: &event.Resource{Name: "slack"}}}}, "Channel=slack"},
		{"of a resource without a name", event.Event{Access: []event.Access{{Resource: &event.Resource{Type: "ssh"}}}}, "Kind of access=ssh"},
		{"several", with(func(ev *event.Event) { ev.Access, ev.Window = make([]event.Access, 2), &event.Window{} }), "Requested by=Ann (ann@example.com); For=u1; Request=AR-1"},
		{"ended", event.Event{Type: event.GrantExpired, Window: &event.Window{EndsAt: at}}, "Ended=2026-01-15 09:30 UTC"},
		{"nothing", event.Event{}, ""},
		{"blanks", event.Event{Requester: &event.Person{Name: " \n"}, Request: &event.Request{ID: "\x00"}}, ""},
	}
	for _, tt := range tests {
		var got []string
		for _, f := range Facts(&tt.ev, Plain, 220) {
			got = append(got, f.Label+"="+f.Value)
		}
		if s := strings.Join(got, "; "); s != tt.want {
			t.Errorf("%s: %s\nwant %s", tt.name, s, tt.want)
		}
	}
}

func TestLists(t *testing.T) {
	ev := &event.Event{}
	if l := Accesses(ev, Plain, 50, 3); len(l.Rows) != 0 || len(Approvals(ev, Plain, 50, 3).Rows) != 0 {
		t.Errorf("of nothing: %+v", l)
	}
	for i := range 5 {
		ev.Access = append(ev.Access, event.Access{Resource: &event.Resource{Name: fmt.Sprintf("db%d", i)}, Permission: &event.Permission{Name: "read"}})
	}
	ev.Access[1] = event.Access{Integration: &event.Integration{Type: "aws"}}
	if got, want := Accesses(ev, Plain, 50, 3), (List{"Access", []string{"read on db0", "(aws)", "read on db2"}, 2}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	ev.Approvals = []event.Approval{
		{Status: "APPROVED", Approver: &event.Person{Name: "Bo"}, Name: "Owners", Comment: "ok\nfine"}, {Status: "rejected"}, {Status: "pending"}, {Status: "escalated"}, {},
	}
	want := List{"Approvals", []string{"Approved by Bo (Owners): ok fine", "Denied", "Not decided yet", "escalated", "Decision"}, 0}
	if got := Approvals(ev, Plain, 50, 9); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestLink(t *testing.T) {
	for in, want := range map[string]string{
		"https://app.example/r/1?x=1&y=2":                       "https://app.example/r/1?x=1&y=2",
		"http://app.example/":                                   "http://app.example/",
		"https://app.example/ü":                                 "https://app.example/%C3%BC",
		"https://app.example/?a b":                              "https://app.example/?a%20b",
		`https://app.example/"<x>`:                              "https://app.example/%22%3Cx%3E",
		"javascript:alert(1)":                                   "",
		"https:///x":                                            "",
		"https://good.example@evil.example/":                    "",
		"//app.example/":                                        "",
		"https://app.example/\nx":                               "",
		`https://app.example/?"`:                                "",
		"https://ünicode.example/":                              "https://%C3%BCnicode.example/",
		"https://app.example/" + strings.Repeat("a", maxLink):   "",
		"https://app.example/" + strings.Repeat("ü", maxLink/3): "",
		"": "",
	} {
		if got := Link(&event.Event{Request: &event.Request{URL: in}}); got != want {
			t.Errorf("Link(%.60q) = %q, want %q", in, got, want)
		}
	}
	if got := Link(&event.Event{}); got != "" {
		t.Errorf("without a request: %q", got)
	}
}

func TestTexts(t *testing.T) {
	for want, f := range map[string]*event.Failure{
		"": nil, "(7)": {ID: "7"}, "internal: boom (7)": {ID: "7", Type: "internal", Message: "boom"}, "boom": {Message: "boom"},
	} {
		if got := Failure(&event.Event{Error: f}); got != want {
			t.Errorf("Failure = %q, want %q", got, want)
		}
	}
	ev := &event.Event{ID: "evt_1", Platform: "p0", Source: "a\nb", ReceivedAt: time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC)}
	if got, want := strings.Join(Origin(ev, Plain, 50), "|"), "p0|a b|evt_1|2026-01-15 09:30 UTC"; got != want {
		t.Errorf("Origin = %q, want %q", got, want)
	}
}

// A style's escape counts against the budget, and is never cut in two.
func TestStyle(t *testing.T) {
	st := Style{
		Escape: func(r, _ rune) string {
			if r == '&' {
				return "&amp;"
			}
			return string(r)
		},
		Strong: func(s string) string { return "*" + s + "*" },
		Date:   func(time.Time) string { return "then" },
	}
	for _, tt := range []struct {
		in     string
		budget int
		want   string
	}{{"a&b", 7, "a&amp;b"}, {"a&b", 6, "a…"}, {"a\tb\r\nc", 9, "a b c"}, {"ab cd", 4, "ab…"}, {"x\u202ey\x00", 9, "xy"}, {"\xff", 9, "\uFFFD"}, {strings.Repeat("\x00", 5000) + "b", 9, "…"}} {
		if got := st.Line(tt.in, tt.budget); got != tt.want {
			t.Errorf("Line(%.20q, %d) = %q, want %q", tt.in, tt.budget, got, tt.want)
		}
	}
	ev := &event.Event{Type: event.GrantActive, Grantee: &event.Person{Name: "A&B"}, Window: &event.Window{EndsAt: time.Unix(1, 0)}}
	if got, want := Sentence(ev, st), "*A&amp;B* now has access, until then."; got != want {
		t.Errorf("Sentence = %q, want %q", got, want)
	}
	keep, cut := Lines("a\n\n  b  c\r\nd\u2028e", 99, 3)
	if fmt.Sprint(keep, cut) != "[a b c d] true" {
		t.Errorf("Lines = %q, %t", keep, cut)
	}
}
