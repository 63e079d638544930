package sample

import (
	"bytes"
	"regexp"
	"testing"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
	"accessrelay/internal/source/p0"
)

// Each platform, and every type that its samples are to show.
var covered = []struct {
	platform source.Platform
	types    []event.Type
}{
	{p0.New(), []event.Type{
		event.PreapprovalCreated, event.PreapprovalExpired,
		event.RequestPending, event.RequestApproved, event.RequestDenied, event.RequestFailed,
		event.GrantActive, event.GrantExpired, event.GrantRevoked, event.Unrecognized,
	}},
}

func TestSamples(t *testing.T) {
	if len(covered) != len(platforms) {
		t.Errorf("%d of %d platforms are tested", len(covered), len(platforms))
	}
	for _, c := range covered {
		names, types := map[string]bool{}, map[event.Type]bool{}
		for _, s := range For(c.platform.Name()) {
			t.Run(c.platform.Name()+"/"+s.Name, func(t *testing.T) {
				if names[s.Name] || !regexp.MustCompile(`^[a-z-]+$`).MatchString(s.Name) {
					t.Errorf("the name %q is there twice or cannot be typed", s.Name)
				}
				names[s.Name], types[s.Event] = true, true
				body := s.Body("7f3a")
				if err := c.platform.Check(body); err != nil {
					t.Fatalf("Check: %v", err)
				}
				var e event.Event
				c.platform.Normalize(body, &e)
				if e.Type != s.Event {
					t.Errorf("it gives %s, and claims %s", e.Type, s.Event)
				}
				if e.Request == nil || e.Grantee == nil || len(e.Access) == 0 {
					t.Errorf("not much of an example: %+v", e)
				}
				checkUnique(t, s)
			})
		}
		for _, typ := range c.types {
			if !types[typ] {
				t.Errorf("no sample of %s gives %s", c.platform.Name(), typ)
			}
		}
	}
}

func checkUnique(t *testing.T, s Sample) {
	t.Helper()
	odd := `q"uo\te` + "\n😀"
	one, again, other, strange := s.Body("1"), s.Body("1"), s.Body("2"), s.Body(odd)
	if !bytes.Equal(one, again) {
		t.Error("one unique text gives two bodies")
	}
	prints := map[string]bool{}
	for _, b := range [][]byte{one, other, strange} {
		f, err := event.Fingerprint(b)
		if err != nil {
			t.Fatal(err)
		}
		prints[f] = true
	}
	if len(prints) != 3 {
		t.Error("two unique texts give one event")
	}
}

func TestForUnknown(t *testing.T) {
	if got := For("nobody"); got != nil {
		t.Errorf("For an unknown platform: %v", got)
	}
	For("p0")[0].Name = "changed"
	if For("p0")[0].Name == "changed" {
		t.Error("the samples can be changed from outside")
	}
}
