package generic

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
	"accessrelay/internal/sourcetest"
)

func configured(tb testing.TB, s Settings) Platform {
	tb.Helper()
	p, err := s.compile()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// scenes are the configurations that the goldens are for.
func scenes() map[string]Settings {
	return map[string]Settings{
		"": asIfConfigured(),
		"words": {
			EventType: "$.event.name",
			EventTypes: map[string]string{
				"ACCESS_GRANTED": "grant.active", "access.revoked": "grant.revoked", "7": "request.cancelled",
				"PING": "unrecognized", "ACCESS_FAILED": "grant.failed", "grant.expired": "grant.expired",
			},
			Fields: map[string]string{
				"approver.id": "$.approvals[-1].by.id", "approver.name": "$.approvals[-1].by.name", "approval.comment": "$.approvals[*].note",
				"error.id": "$.error['code']", "error.message": `$["error"]["text"]`,
			},
		},
		"anywhere": {EventType: "$..type", Fields: map[string]string{"grantee.email": "$.data['user','email']"}},
	}
}

func TestPlatform(t *testing.T) {
	for dir, s := range scenes() {
		t.Run(dir, func(t *testing.T) {
			want := sourcetest.Want{Dir: "testdata/golden/" + dir, Goldens: map[string]int{"": 23, "words": 7, "anywhere": 5}[dir]}
			sourcetest.Run(t, configured(t, s), want)
		})
	}
}

func TestContract(t *testing.T) {
	p := New()
	if p.Name() != "generic" || !slices.Equal(p.Methods(), []string{"POST"}) || p.EmptyReply() {
		t.Errorf("%s %v %t", p.Name(), p.Methods(), p.EmptyReply())
	}
}

// A source that has left the file still has events on their way.
func TestUnconfigured(t *testing.T) {
	for _, body := range []string{`{}`, `{"kind":"grant.active"}`, `{"kind":null}`} {
		if err := New().Check([]byte(body)); err != nil {
			t.Errorf("Check(%s): %v", body, err)
		}
		e := sourcetest.Normalize(New(), []byte(body))
		if e.Type != event.Unrecognized || e.PlatformEvent != "" || string(e.Raw) != body {
			t.Errorf("%s gives %s, %q, raw %s", body, e.Type, e.PlatformEvent, e.Raw)
		}
	}
	if New().Check([]byte(`[]`)) == nil {
		t.Error("Check passes a list")
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct{ path, body, field string }{
		{"$.kind", `{"kind":"x"}`, ""},
		{"$.kind", `{"kind":""}`, ""}, // there, and no business of the check
		{"$.kind", `{"kind":{}}`, ""},
		{"$.kind", `{"kind":false}`, ""},
		{"$.kind", `{"kind":null}`, "$.kind"},
		{"$.kind", `{"Kind":"x","a":{"kind":"x"}}`, "$.kind"},
		{"$.kind", `{"kind":"x","kind":null}`, "$.kind"},
		{"$.kind", `{"kind":null,"kind":"x"}`, ""},
		{"$.kind", `{}`, "$.kind"},
		{"$.a.b", `{"a":"b"}`, "$.a.b"},
		{"$.a[0]", `{"a":[]}`, "$.a[0]"},
		{"$.a[-1]", `{"a":[1,null]}`, "$.a[-1]"},
		{"$..kind", `{"a":[[{"kind":0}]]}`, ""},
	} {
		err := configured(t, Settings{EventType: c.path}).Check([]byte(c.body))
		var env *source.EnvelopeError
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%s in %s: %v", c.path, c.body, err)
		case c.field != "" && (!errors.As(err, &env) || env.Field != c.field || err.Error() != c.field+": required, but missing or null"):
			t.Errorf("%s in %s: %v", c.path, c.body, err)
		}
	}
}

func TestSettingsRefuse(t *testing.T) {
	for _, c := range []struct {
		s    Settings
		want string // of the error, its beginning
	}{
		{Settings{}, "event_type: is missing: "},
		{Settings{EventType: "kind"}, "event_type: not a JSONPath of this version: at character 1: a path begins with $"},
		{Settings{EventType: "$.kind", EventTypes: map[string]string{"X": "grant.actve"}}, `event_types.X: not an event type, did you mean "grant.active"?`},
		{Settings{EventType: "$.kind", EventTypes: map[string]string{"X": "opened"}}, `event_types.X: not an event type; there are request.pending, `},
		{Settings{EventType: "$.kind", EventTypes: map[string]string{"X": "test"}}, "event_types.X: test is the relay's own"},
		{Settings{EventType: "$.kind", EventTypes: map[string]string{"X": "relay.channel_disabled"}}, "event_types.X: relay.channel_disabled is the relay's own"},
		{Settings{EventType: "$.kind", EventTypes: map[string]string{"grant.active": "grant.expired"}}, "event_types.grant.active: grant.active is an event type and means itself"},
		{Settings{EventType: "$.kind", EventTypes: map[string]string{"b": "x", "a": "x"}}, "event_types.a: "}, // always the same one
		{Settings{EventType: "$.kind", Fields: map[string]string{"request.idd": "$.id"}}, `fields.request.idd: not a fact, did you mean "request.id"?`},
		{Settings{EventType: "$.kind", Fields: map[string]string{"raw": "$.id"}}, `fields.raw: not a fact; there are occurred_at, request.id, `},
		{Settings{EventType: "$.kind", Fields: map[string]string{"request.id": "$.id["}}, "fields.request.id: not a JSONPath of this version: at character 6: "},
	} {
		_, err := c.s.Platform()
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %v\nwant %s…", c.s, err, c.want)
		}
	}
	// What means itself may be listed, the relay's own words may mean something.
	fine := Settings{EventType: "$.kind", EventTypes: map[string]string{"grant.active": "grant.active", "test": "grant.active"}}
	if _, err := fine.Platform(); err != nil {
		t.Error(err)
	}
}

// Every fact can be had, alone, and comes out under its name.
func TestFacts(t *testing.T) {
	if len(facts) != 30 {
		t.Errorf("%d facts; the docs list 30", len(facts))
	}
	for _, f := range facts {
		p := configured(t, Settings{EventType: "$.kind", Fields: map[string]string{f.name: "$.fact"}})
		e := sourcetest.Normalize(p, []byte(fmt.Sprintf(`{"kind":"grant.active","fact":%q}`, f.sample)))
		bare := sourcetest.Normalize(p, []byte(`{"kind":"grant.active","fact":[]}`))
		if got := leaves(t, e); !slices.Equal(got, append(leaves(t, bare), canonicalKey(f.name)+"="+f.sample)) {
			t.Errorf("%s gives %v", f.name, got)
		}
	}
}

// canonicalKey is where an event has the fact.
func canonicalKey(fact string) string {
	head, _, _ := strings.Cut(fact, ".")
	switch head {
	case "integration", "resource", "permission":
		return "access." + fact
	case "approver":
		return "approvals." + fact
	case "approval":
		return "approvals." + strings.TrimPrefix(fact, "approval.")
	}
	return fact
}

// Samples read by the path they are made for, whatever it looks like.
func TestSamples(t *testing.T) {
	for path, want := range map[string]int{
		"$.kind": 22, "$.a.b.c": 22, "$['x y']": 22, "$.id": 22, "$.id.sample_id": 22, "$.a[2].kind": 22, "$.a[-3]": 22,
		"$..kind": 22, "$.*": 22, "$.*.kind": 22, "$..[1]": 22, "$..*": 22, "$.a[*]['x','y']": 22, "$.a..b[0][1]": 22,
		"$.a[100]": 0, "$.a[1000000]": 0,
	} {
		p := configured(t, Settings{EventType: path, Fields: map[string]string{"request.id": "$.request.id", "request.reason": path + ".below", "occurred_at": "$.when[0]"}})
		samples := p.Samples()
		if len(samples) != want {
			t.Errorf("%s has %d samples, want %d", path, len(samples), want)
		}
		for _, s := range samples {
			if e := sourcetest.Normalize(p, s.Body("1")); e.Type != s.Event {
				t.Errorf("%s: %s reads as %s: %s", path, s.Name, e.Type, s.Body("1"))
			}
		}
	}
	words := configured(t, scenes()["words"])
	for _, s := range words.Samples() {
		if e := sourcetest.Normalize(words, s.Body("1")); s.Event == event.GrantActive && e.PlatformEvent != "ACCESS_GRANTED" {
			t.Errorf("the sample does not use the platform's own word: %s", s.Body("1"))
		}
	}
	if got := New().Samples(); len(got) != 22 || got[0].Event != event.RequestPending || !strings.Contains(string(got[0].Body("7f3a")), `"kind":"request.pending"`) {
		t.Errorf("unconfigured: %d samples", len(got))
	}
}
