package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestClientsFor(t *testing.T) {
	tenant, operator := &http.Client{}, &http.Client{Timeout: time.Second}
	c := Clients{Tenant: tenant, Operator: operator}
	for by, want := range map[channel.ManagedBy]*http.Client{
		channel.ManagedByAPI: tenant, channel.ManagedByFile: operator, "": tenant, "FILE": tenant,
	} {
		if c.For(&channel.Channel{ManagedBy: by}) != want {
			t.Errorf("managed by %q: the other client", by)
		}
	}
}

func TestReasonsHoldEveryReasonOnce(t *testing.T) {
	seen := map[Reason]bool{}
	for _, r := range Reasons() {
		if seen[r] || r == "" {
			t.Errorf("%q twice or empty", r)
		}
		seen[r] = true
	}
}

func TestAsSendError(t *testing.T) {
	se := &SendError{Reason: ReasonGone, Class: Gone}
	if AsSendError(fmt.Errorf("sending: %w", se)) != se {
		t.Error("a wrapped *SendError is not found")
	}
	if got := AsSendError(errors.New("canary")); got.Class != Retry || strings.Contains(got.Error(), "canary") {
		t.Errorf("%+v", got)
	}
}

func TestBrokenOffLookup(t *testing.T) {
	tests := []struct {
		err    error
		reason Reason
		text   string
	}{
		{&net.DNSError{Err: "no such host", Name: "canary.example", Server: "10.0.0.2:53", IsNotFound: true}, ReasonConnection, "does not exist"},
		{&net.DNSError{Err: "server misbehaving", Name: "canary.example", Server: "10.0.0.2:53"}, ReasonConnection, "could not be looked up"},
		{&net.DNSError{Err: "i/o timeout", Name: "canary.example", Server: "10.0.0.2:53", IsTimeout: true}, ReasonTimeout, "no answer in time"},
		{errors.New("canary"), ReasonConnection, "could not be made or was lost"},
	}
	for _, tt := range tests {
		err := &net.OpError{Op: "dial", Net: "tcp", Err: tt.err}
		se := brokenOff(context.Background(), err, &trace{})
		if se.Reason != tt.reason || se.Class != Retry || !strings.Contains(se.Error(), tt.text) ||
			strings.Contains(se.Error(), "canary") || strings.Contains(se.Error(), "10.0.0.2") {
			t.Errorf("%v gives %+v: %v", tt.err, se, se)
		}
	}
}

func TestEnvelopeTimestamp(t *testing.T) {
	at := time.Date(2026, 1, 15, 10, 30, 0, 500, time.FixedZone("", 3600))
	tests := []struct {
		ev   event.Event
		want string
	}{
		{event.Event{Type: event.Test, OccurredAt: at, ReceivedAt: at.Add(time.Hour)}, `{"type":"test","timestamp":"2026-01-15T09:30:00.0000005Z","data":{`},
		{event.Event{Type: event.Test, ReceivedAt: at.Add(time.Hour)}, `{"type":"test","timestamp":"2026-01-15T10:30:00.0000005Z","data":{`},
	}
	for _, tt := range tests {
		got, err := Envelope(&tt.ev)
		if err != nil || !strings.HasPrefix(string(got), tt.want) {
			t.Errorf("%s, %v; want %s…", got, err, tt.want)
		}
	}
	_, err := Envelope(&event.Event{ReceivedAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)})
	if se := AsSendError(err); se.Reason != ReasonRender || !se.NoAttempt {
		t.Errorf("a year that RFC 3339 cannot write: %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 15, 9, 31, 0, 0, time.UTC)
	const none = -1
	tests := []struct {
		value string
		want  time.Duration // none: not a Retry-After
	}{
		{"0", 0},
		{"007", 7 * time.Second},
		{" 120\t", 2 * time.Minute},
		{"86400", 24 * time.Hour},
		{"86401", 24 * time.Hour},
		{"99999999999999999999", 24 * time.Hour},
		{"Thu, 15 Jan 2026 09:31:30 GMT", 30 * time.Second},
		{"Thursday, 15-Jan-26 09:31:30 GMT", 30 * time.Second},
		{"Thu Jan 15 09:31:30 2026", 30 * time.Second},
		{"Thu, 15 Jan 2026 09:30:00 GMT", 0},
		{"Sun, 15 Mar 2026 09:31:00 GMT", 24 * time.Hour},
		{"", none},
		{" ", none},
		{"-", none},
		{"-0", none},
		{"-1", none},
		{"-99999999999999999999", none},
		{"+1", none},
		{"1.5", none},
		{"1e3", none},
		{"0x10", none},
		{"1 2", none},
		{"7s", none},
		{"\u0661", none}, // a digit, but not one of HTTP's
		{"soon", none},
		{"2026-01-15T09:31:30Z", none},
	}
	for _, tt := range tests {
		wait, ok := retryAfter(tt.value, now)
		if wantOK := tt.want != none; ok != wantOK || wait != max(tt.want, 0) {
			t.Errorf("retryAfter(%q) = %v, %v; want %v, %v", tt.value, wait, ok, max(tt.want, 0), wantOK)
		}
		unavailable := &Answer{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {tt.value}}}
		want := Throttle
		if tt.want == none {
			want = Retry
		}
		if got := unavailable.Outcome(now, ""); got.Class != want || got.RetryAfter != wait {
			t.Errorf("503 with Retry-After %q: %+v, want class %v", tt.value, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 1, 15, 9, 31, 0, 0, time.UTC)
	for _, s := range []string{"", "0", "120", "-1", "99999999999999999999", "Thu, 15 Jan 2026 09:31:30 GMT", "Thursday, 15-Jan-26 09:31:30 GMT", "Thu Jan 15 09:31:30 2026", "1e3", " 7\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		wait, ok := retryAfter(s, now)
		if wait < 0 || wait > maxRetryAfter || (!ok && wait != 0) {
			t.Errorf("retryAfter(%q) = %v, %v", s, wait, ok)
		}
	})
}
