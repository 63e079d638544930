// Package transporttest holds what every transport must do, whatever protocol it
// speaks, what it says and to whom: one suite, which every type of channel
// passes. It runs against real servers on loopback that do as they are told.
package transporttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

// Case is one type of channel: what it tells the suite about itself.
type Case struct {
	// Protocol is what its destinations speak: [HTTP], [SMTP] or [SNS].
	Protocol Protocol
	// New makes the transport, with n as its only way out.
	New func(n Network) transport.Transport
	// Config makes a config for the destination at p, as the type's Kind reads
	// it, with a secret planted wherever the type keeps one.
	Config func(p Place) (channel.Config, error)
	// Secrets are the planted ones, none of which may show in an error.
	Secrets []string
	// Varies names the headers that differ between two attempts to send one
	// event. Everything else is the same to the byte.
	Varies []string
	// Cut are texts of which a message holds at least one that leaves out a part
	// of the event; empty if none ever does.
	Cut []string
	// Chosen says that the config has a template: what it does not name is left
	// out without a word, what it names is not.
	Chosen bool
}

// Place is where a destination listens.
type Place struct {
	Host   string // as somebody may write it, who wants to get where he must not
	Port   int
	Secure bool // it speaks TLS
}

// URL is the place's address for protocols over HTTP, without a path.
func (p Place) URL() string {
	scheme := "http"
	if p.Secure {
		scheme = "https"
	}
	host := p.Host
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	return scheme + "://" + host + ":" + strconv.Itoa(p.Port)
}

// Run runs the suite.
func Run(t *testing.T, c Case) {
	t.Helper()
	s := suite{c}
	t.Run("delivers", s.delivers)
	t.Run("same event same bytes", s.sameBytes)
	t.Run("many at once", s.concurrent)
	t.Run("hostile text", s.hostileText)
	t.Run("oversize", s.oversize)
	t.Run("redacted", s.redacted)
	t.Run("orders", s.orders)
	t.Run("outcomes", s.outcomes)
	t.Run("hangs", s.hangs)
	t.Run("cancelled", s.cancelled)
	t.Run("too late", s.tooLate)
	t.Run("connection refused", s.refused)
	t.Run("TLS", s.tls)
	t.Run("guard", s.guard)
	t.Run("the inside, spelt", s.inside)
	t.Run("names that move", s.moving)
	t.Run("policy is replaced", s.policy)
	t.Run("no config", s.noConfig)
	t.Run("leaves nothing running", s.leaks)
	for _, own := range c.Protocol.own {
		t.Run(own.name, func(t *testing.T) { own.run(t, s) })
	}
}

type suite struct{ Case }

// Send makes one attempt.
func Send(ctx context.Context, tr transport.Transport, ch *channel.Channel, ev *event.Event, now time.Time) error {
	_, err := tr.Send(ctx, transport.Attempt{Channel: ch, Event: ev, Now: now})
	return err
}

// longTime ends an attempt that should have ended by itself.
const longTime = 30 * time.Second

// now is the time of every attempt, so that Retry-After dates can be told.
var now = time.Date(2026, 1, 15, 9, 31, 0, 0, time.UTC)

const (
	tenantID  = "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11"
	channelID = "6f0d9a52-0a53-4c8e-9a39-0c8f2d8d7f10"
)

// scene is a transport, a channel and the destination that it points at.
type scene struct {
	s   suite
	tr  transport.Transport
	ch  *channel.Channel
	net Network
	destination
}

// stage starts a destination that confirms, and a transport that may reach it.
func (s suite) stage(t *testing.T) *scene {
	t.Helper()
	return s.stageTLS(t, s.Protocol.usual)
}

func (s suite) stageTLS(t *testing.T, k security) *scene {
	t.Helper()
	d := s.Protocol.start(t, k)
	n := newNetwork(t, k.trusted())
	tr := s.New(n)
	return &scene{s, tr, s.channel(t, tr, d.place()), n, d}
}

func (s suite) channel(t *testing.T, tr transport.Transport, p Place) *channel.Channel {
	t.Helper()
	config, err := s.Config(p)
	if err != nil {
		t.Fatalf("a config for %s: %v", p.Host, err)
	}
	return &channel.Channel{
		ID: channelID, TenantID: tenantID, Name: "c", Type: tr.Type(),
		Enabled: true, ManagedBy: channel.ManagedByFile, Config: config,
	}
}

// send makes one attempt that must leave the event as it is, and tells no
// secret in what it says of the recipients.
func (sc *scene) send(ctx context.Context, t *testing.T, ev *event.Event) error {
	t.Helper()
	return sc.s.try(ctx, t, sc.tr, sc.ch, ev)
}

func (s suite) try(ctx context.Context, t *testing.T, tr transport.Transport, ch *channel.Channel, ev *event.Event) error {
	t.Helper()
	before := shown(t, ev)
	ctx, cancel := context.WithTimeout(ctx, longTime)
	defer cancel()
	recipients, err := tr.Send(ctx, transport.Attempt{Channel: ch, Event: ev, Now: now})
	if after := shown(t, ev); after != before {
		t.Errorf("the attempt has changed the event:\n%s\n%s", before, after)
	}
	for _, r := range recipients {
		s.checkText(t, "a recipient", r.LastError)
	}
	return err
}

// shown is all of ev, also what JSON could not hold.
func shown(t *testing.T, ev *event.Event) string {
	t.Helper()
	e := *ev
	raw := string(e.Raw)
	e.Raw = nil
	b, err := json.Marshal(&e)
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + raw
}

// want is what an attempt must come to; the zero value is a delivery.
type want struct {
	reason    transport.Reason
	class     transport.Class
	after     time.Duration // anyWait: whatever the type's own rule is
	noAttempt bool
}

// anyWait is a throttling whose length the destination does not tell.
const anyWait time.Duration = -1

func retry(r transport.Reason) want { return want{reason: r, class: transport.Retry} }
func dead(r transport.Reason) want  { return want{reason: r, class: transport.Dead} }
func gone() want                    { return want{reason: transport.ReasonGone, class: transport.Gone} }
func throttle(r transport.Reason, d time.Duration) want {
	return want{reason: r, class: transport.Throttle, after: d}
}

func (w want) unsent() want { w.noAttempt = true; return w }

// check fails t unless err is w and tells nothing that it must not.
func (s suite) check(t *testing.T, err error, w want) {
	t.Helper()
	if w == (want{}) {
		if err != nil {
			t.Errorf("not delivered: %v", err)
		}
		return
	}
	if err == nil {
		t.Errorf("delivered, want %s", w.reason)
		return
	}
	var se *transport.SendError
	if !errors.As(err, &se) {
		t.Errorf("error is a %T, want a *SendError: %v", err, err)
		return
	}
	got := want{se.Reason, se.Class, se.RetryAfter, se.NoAttempt}
	if w.after == anyWait {
		w.after = got.after
	}
	if got != w {
		t.Errorf("got %+v (%v), want %+v", got, err, w)
	}
	s.checkError(t, err)
}

// checkError looks for secrets in err and in every error that it wraps, however
// they may be printed.
func (s suite) checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%q"} {
		s.checkText(t, "the error", fmt.Sprintf(format, err))
	}
	switch wrapping := err.(type) { //nolint:errorlint // it is the chain itself that is walked
	case interface{ Unwrap() error }:
		s.checkError(t, wrapping.Unwrap())
	case interface{ Unwrap() []error }:
		for _, e := range wrapping.Unwrap() {
			s.checkError(t, e)
		}
	}
}

func (s suite) checkText(t *testing.T, what, text string) {
	t.Helper()
	for _, secret := range append([]string{"canary", "CANARY", "127.0.0.1", "http://", "https://"}, s.Secrets...) {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows %q: %.500s", what, secret, text)
		}
	}
}

// HTTP is what webhooks speak. confirm answers as the destination does that has
// taken the message.
func HTTP(confirm http.HandlerFunc) Protocol { return httpProtocol(confirm) }

// SMTP is what mail is sent with, with TLS from the start (implicit) or after
// STARTTLS.
func SMTP(implicit bool) Protocol { return smtpProtocol(implicit) }

// SNS is AWS's Simple Notification Service: its Query protocol over HTTP.
func SNS() Protocol { return snsProtocol() }
