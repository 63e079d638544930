package event

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the goldens anew")

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

// The canonical event as everybody outside sees it. A changed golden is a
// changed contract.
func TestEventJSON(t *testing.T) {
	john := &Person{ID: "u1", Name: "John Smith", Email: "john@example.com"}
	for _, c := range []struct {
		golden string
		ev     Event
	}{
		{"minimal", Event{
			ID: "evt_00000000000000000000000000", Type: Unrecognized, TenantID: "t", Source: "s", Platform: "p0",
			ReceivedAt: at("2026-01-15T09:30:00Z"),
		}},
		{"full", Event{
			ID: "evt_00000000000000000000000000", Type: RequestApproved, TenantID: "t", Source: "acme-apono", Platform: "apono",
			PlatformEvent: "AccessRequestApproved",
			OccurredAt:    at("2026-01-15T09:29:59.851898Z"),
			ReceivedAt:    at("2026-01-15T09:30:00.000000001Z"),
			Request:       &Request{ID: "123", DisplayID: "AR-123", Reason: `to <fix> "it" & go`, URL: "https://example.com/r/123"},
			Requester:     john, Grantee: &Person{Email: "jane@example.com"},
			Access: []Access{{
				Integration: &Integration{ID: "i", Name: "Prod", Type: "aws"},
				Resource:    &Resource{ID: "r", Name: "db", Path: "prod/db", Type: "rds"},
				Permission:  &Permission{ID: "p", Name: "read", Description: "Read only"},
			}, {Resource: &Resource{ID: "r2"}}},
			Approvals: []Approval{{Name: "Admins", Type: "Group", Status: "approved", Approver: john, Comment: "ok"}, {Status: "pending"}},
			Window:    &Window{StartsAt: at("2026-01-15T09:30:00.5Z"), EndsAt: at("2026-01-15T10:30:00.12Z")},
			Error:     &Failure{ID: "e", Type: "internal", Message: "boom"},
			Raw:       json.RawMessage(`{"z":1.0, "a":12345678901234567890}`),
		}},
		{"open_window", Event{
			ID: "evt_00000000000000000000000000", Type: GrantActive, TenantID: "t", Source: "s", Platform: "p0",
			ReceivedAt: at("2026-01-15T09:30:00Z"),
			Window:     &Window{EndsAt: at("2026-01-15T10:30:00Z")},
		}},
	} {
		t.Run(c.golden, func(t *testing.T) {
			got, err := json.MarshalIndent(&c.ev, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			path := filepath.Join("testdata", "golden", c.golden+".json")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got %s\nwant %s", got, want)
			}
			var back Event
			if err := json.Unmarshal(want, &back); err != nil {
				t.Fatal(err)
			}
			again, err := json.MarshalIndent(&back, "", "  ")
			if err != nil || !bytes.Equal(append(again, '\n'), want) {
				t.Errorf("read and written again: %s, %v", again, err)
			}
		})
	}
}

func TestAt(t *testing.T) {
	received, occurred := at("2026-01-15T09:30:00Z"), at("2026-01-15T09:29:00Z")
	if got := (&Event{ReceivedAt: received}).At(); !got.Equal(received) {
		t.Errorf("without a time of its own: %s", got)
	}
	if got := (&Event{ReceivedAt: received, OccurredAt: occurred}).At(); !got.Equal(occurred) {
		t.Errorf("with a time of its own: %s", got)
	}
}

func TestPersonLabel(t *testing.T) {
	for want, p := range map[string]*Person{
		"":     nil,
		"John": {ID: "u", Name: "John", Email: "j@x.com"},
		"j@x":  {ID: "u", Email: "j@x"},
		"u":    {ID: "u"},
	} {
		if got := p.Label(); got != want {
			t.Errorf("Label of %+v = %q, want %q", p, got, want)
		}
	}
	if got := (&Person{}).Label(); got != "" {
		t.Errorf("Label of nobody = %q", got)
	}
}

func TestUnixMilli(t *testing.T) {
	for _, c := range []struct {
		ms   int64
		want string // "" = refused
	}{
		{782735400000, "1994-10-21T10:30:00Z"},
		{1, "1970-01-01T00:00:00.001Z"},
		{0, "1970-01-01T00:00:00Z"},
		{-1, "1969-12-31T23:59:59.999Z"},
		{-62135596800000, "0001-01-01T00:00:00Z"},
		{-62135596800001, ""},
		{253402300799999, "9999-12-31T23:59:59.999Z"},
		{253402300800000, ""},
		{1 << 62, ""},
		{-1 << 63, ""},
	} {
		got, ok := UnixMilli(c.ms)
		if ok != (c.want != "") {
			t.Errorf("UnixMilli(%d): ok = %t", c.ms, ok)
			continue
		}
		if ok {
			if text, err := json.Marshal(got); err != nil || string(text) != `"`+c.want+`"` {
				t.Errorf("UnixMilli(%d) = %s, %v; want %s", c.ms, text, err, c.want)
			}
		}
	}
}
