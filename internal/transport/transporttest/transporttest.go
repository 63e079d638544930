// Package transporttest holds what every transport over HTTP must do, whatever
// it says and to whom. It runs against real servers on loopback.
package transporttest

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/safenet"
	"accessrelay/internal/transport"
)

// Case is one transport and how its destinations speak.
type Case struct {
	New func(transport.Clients) transport.Transport
	// Config makes a config for the destination at base (scheme://host:port),
	// with a secret planted wherever the type keeps one.
	Config func(t *testing.T, base string) channel.Config
	// Secrets are the planted ones, none of which may show in an error.
	Secrets []string
	// Confirm answers as a destination does that has taken the message.
	Confirm func(w http.ResponseWriter)
}

// Run runs the suite.
func Run(t *testing.T, c Case) {
	t.Helper()
	s := suite{c}
	t.Run("delivers", s.delivers)
	t.Run("same event same bytes", s.sameBytes)
	t.Run("connection is reused", s.reuse)
	t.Run("many at once", s.concurrent)
	t.Run("hostile text", s.hostileText)
	t.Run("statuses", s.statuses)
	t.Run("redirect is not followed", s.redirect)
	t.Run("slow server", s.slow)
	t.Run("slow body", s.slowBody)
	t.Run("cancelled", s.cancelled)
	t.Run("broken answers", s.brokenAnswers)
	t.Run("huge answer", s.hugeAnswer)
	t.Run("connection refused", s.refused)
	t.Run("TLS", s.tls)
	t.Run("guard", s.guard)
	t.Run("no config", s.noConfig)
}

type suite struct{ Case }

// Send makes one attempt.
func Send(ctx context.Context, tr transport.Transport, ch *channel.Channel, ev *event.Event, now time.Time) error {
	_, err := tr.Send(ctx, transport.Attempt{Channel: ch, Event: ev, Now: now})
	return err
}

// now is the time of every attempt, so that Retry-After dates can be told.
var now = time.Date(2026, 1, 15, 9, 31, 0, 0, time.UTC)

// Event returns an event with a text in every place. Its texts hold eventCanary.
func Event() *event.Event {
	at := time.Date(2026, 1, 15, 9, 30, 0, 120_000_000, time.UTC)
	p := &event.Person{ID: "u-1", Name: "Alice " + eventCanary, Email: "alice@acme.example"}
	return &event.Event{
		ID: "evt_01kf04w5g0000000000000000a", Type: event.GrantActive, TenantID: "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11",
		Source: "acme-p0", Platform: "p0", PlatformEvent: "access-request", OccurredAt: at, ReceivedAt: at.Add(time.Second),
		Request:   &event.Request{ID: "r-1", Reason: "because " + eventCanary, URL: "https://app.example/" + eventCanary},
		Requester: p, Grantee: p,
		Access:    []event.Access{{Permission: &event.Permission{Name: eventCanary}}},
		Approvals: []event.Approval{{Status: "approved", Approver: p, Comment: eventCanary}},
		Window:    &event.Window{EndsAt: at.Add(time.Hour)},
		Raw:       []byte(`{ "n": 1.50, "text": "` + eventCanary + ` <&>" }`),
	}
}

const eventCanary = "canary-of-the-event"

// clients returns guarded clients: the tenant's as strict as can be, the
// operator's trusting roots.
func clients(t *testing.T, roots *x509.CertPool) transport.Clients {
	t.Helper()
	c := transport.Clients{
		Tenant:   safenet.NewClient(safenet.Policy{}, safenet.Options{RootCAs: roots}),
		Operator: safenet.NewClient(safenet.Policy{Operator: true}, safenet.Options{RootCAs: roots}),
	}
	t.Cleanup(func() { c.Tenant.CloseIdleConnections(); c.Operator.CloseIdleConnections() })
	return c
}

func (s suite) channel(t *testing.T, tr transport.Transport, base string) *channel.Channel {
	t.Helper()
	return &channel.Channel{
		ID: "6f0d9a52-0a53-4c8e-9a39-0c8f2d8d7f10", TenantID: "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11", Name: "c",
		Type: tr.Type(), Enabled: true, ManagedBy: channel.ManagedByFile, Config: s.Config(t, base),
	}
}

// serve starts a server that handles with h and a transport that may reach it.
func (s suite) serve(t *testing.T, h http.Handler) (transport.Transport, *channel.Channel) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	tr := s.New(clients(t, nil))
	return tr, s.channel(t, tr, srv.URL)
}

// want is what a failure must be.
type want struct {
	reason    transport.Reason
	class     transport.Class
	after     time.Duration
	noAttempt bool
}

// check fails t unless err is a *SendError that says w and nothing it must not.
func (s suite) check(t *testing.T, err error, w want) {
	t.Helper()
	if err == nil {
		t.Errorf("delivered, want %s", w.reason)
		return
	}
	var se *transport.SendError
	if !errors.As(err, &se) {
		t.Errorf("error is a %T, want a *SendError", err)
		return
	}
	if got := (want{se.Reason, se.Class, se.RetryAfter, se.NoAttempt}); got != w {
		t.Errorf("got %+v (%v), want %+v", got, err, w)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, shown := range []string{e.Error(), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e)} {
			for _, secret := range append([]string{eventCanary, "canary", "127.0.0.1", "http://", "https://"}, s.Secrets...) {
				if strings.Contains(shown, secret) {
					t.Errorf("the error shows %q: %s", secret, shown)
				}
			}
		}
	}
}
