package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/safenet"
	"accessrelay/internal/transport"
	"accessrelay/internal/transport/transporttest"
)

// certificate is one for 127.0.0.1, and what trusts it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return &tls.Config{Certificates: srv.TLS.Certificates, MinVersion: tls.VersionTLS10}, roots
}

var login = map[string]any{"tls": "starttls", "username": "relay", "password": "canary"}

func TestLogin(t *testing.T) {
	conf, roots := certificate(t)
	plain := "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00relay\x00canary"))
	tests := []struct {
		name, offers string
		want         []string // from AUTH on, up to MAIL
		reason       transport.Reason
		text         string
	}{
		{"plain", "AUTH LOGIN PLAIN", []string{plain}, "", ""},
		{"login", "AUTH XOAUTH2 LOGIN", []string{"AUTH LOGIN", "cmVsYXk=", "AUTH =Y2FuYXJ5"}, "", ""},
		{"lower case", "AUTH plain", []string{plain}, "", ""},
		// A keyed hash of the challenge <1234>.
		{"cram-md5", "AUTH CRAM-MD5", []string{"AUTH CRAM-MD5", "AUTH =cmVsYXkgZjVkZDZkYTkwOTFjN2M0NjkyMDQ0ZWUwNTU5ZGQzNTE="}, "", ""},
		{"none that we speak", "AUTH XOAUTH2 SCRAM-SHA-256", nil, "bad_response", "no login by PLAIN, LOGIN or CRAM-MD5"},
		{"no login", "SIZE 1000", nil, "bad_response", "no login by PLAIN, LOGIN or CRAM-MD5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, func(command string, secure bool) string {
				switch {
				case strings.HasPrefix(command, "EHLO") && secure:
					return "250-mail.example\r\n250 " + tt.offers
				case strings.HasPrefix(command, "EHLO"): // in the clear anybody can offer anything
					return "250-mail.example\r\n250-AUTH PLAIN\r\n250 STARTTLS"
				}
				return ""
			})
			s.setTLS(conf)
			_, err := attempt(t.Context(), New(operator(safenet.Options{RootCAs: roots})), channelTo(t, s.port(), login), nil)
			checkFailure(t, err, tt.reason, tt.text)
			commands, mails := s.seen()
			if (len(mails) == 1) != (tt.reason == "") {
				t.Errorf("%d mails arrived", len(mails))
			}
			var got []string
			if from := slices.IndexFunc(commands, func(c string) bool { return strings.HasPrefix(c, "AUTH") }); from >= 0 {
				got = commands[from:]
				got = got[:max(slices.IndexFunc(got, func(c string) bool { return strings.HasPrefix(c, "MAIL") }), 0)]
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if tls := slices.Index(commands, "STARTTLS"); tls < 0 || slices.ContainsFunc(commands[:tls], func(c string) bool { return strings.HasPrefix(c, "AUTH") || strings.HasPrefix(c, "MAIL") }) {
				t.Errorf("in the clear: %q", commands)
			}
		})
	}
}

// What came before TLS counts for nothing after it: answers that somebody slips in
// behind the one to STARTTLS are not taken for the server's.
func TestNothingFromBeforeTLSCounts(t *testing.T) {
	conf, roots := certificate(t)
	s := serve(t, func(command string, secure bool) string {
		switch {
		case command == "STARTTLS":
			return "220 go on\r\n250-mail.example\r\n250 AUTH PLAIN\r\n235 welcome\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 ok"
		case strings.HasPrefix(command, "EHLO") && secure:
			return "250-mail.example\r\n250 AUTH LOGIN"
		case strings.HasPrefix(command, "MAIL"):
			return "550 5.7.1 the server's own"
		}
		return ""
	})
	s.setTLS(conf)
	_, err := attempt(t.Context(), New(operator(safenet.Options{RootCAs: roots})), channelTo(t, s.port(), login), nil)
	checkFailure(t, err, transport.ReasonRejected, "550 5.7.1")
	commands, mails := s.seen()
	if tls := slices.Index(commands, "STARTTLS"); len(mails) != 0 || len(commands) < tls+3 || commands[tls+2] != "AUTH LOGIN" {
		t.Errorf("the server was given %q", commands)
	}
}

func TestNoSTARTTLS(t *testing.T) {
	for name, reply := range map[string]func(command string, secure bool) string{
		"not offered":         nil,
		"only HELO":           func(c string, _ bool) string { return map[bool]string{true: "502 what?"}[strings.HasPrefix(c, "EHLO")] },
		"offered, put off":    func(c string, _ bool) string { return tlsReply(c, "454 4.7.0 canary") },
		"offered and refused": func(c string, _ bool) string { return tlsReply(c, "502 5.5.1 canary") },
	} {
		s := serve(t, reply)
		_, err := attempt(t.Context(), New(operator(safenet.Options{})), channelTo(t, s.port(), login), nil)
		switch name {
		case "offered, put off":
			checkFailure(t, err, transport.ReasonDeferred, "deferred STARTTLS (454 4.7.0)")
		case "offered and refused":
			checkFailure(t, err, transport.ReasonRejected, "refused STARTTLS (502 5.5.1)")
		default:
			checkFailure(t, err, transport.ReasonTLS, "the server offers no STARTTLS")
		}
		if commands, mails := s.seen(); len(mails) != 0 || slices.ContainsFunc(commands, func(c string) bool { return strings.HasPrefix(c, "AUTH") || strings.HasPrefix(c, "MAIL") }) {
			t.Errorf("%s: the server was given %q", name, commands)
		}
	}
}

func tlsReply(command, reply string) string {
	switch {
	case strings.HasPrefix(command, "EHLO"):
		return "250-mail.example\r\n250 STARTTLS"
	case command == "STARTTLS":
		return reply
	}
	return ""
}

// The greeting says nothing of this machine, and the commands nothing but ASCII.
func TestCommands(t *testing.T) {
	s := serve(t, nil)
	ch := channelTo(t, s.port(), map[string]any{"from_address": "Ünal <relay@sub.example.com>"})
	if _, err := attempt(t.Context(), New(operator(safenet.Options{})), ch, nil); err != nil {
		t.Fatal(err)
	}
	commands, _ := s.seen()
	want := []string{
		"", "EHLO sub.example.com", "MAIL FROM:<relay@sub.example.com> BODY=8BITMIME",
		"RCPT TO:<ann@example.com>", "RCPT TO:<ben@example.com>", "RCPT TO:<cyd@example.com>", "DATA", ".", "QUIT",
	}
	if !slices.Equal(commands, want) {
		t.Errorf("%q, want %q", commands, want)
	}
}

// A reply without end is not read to its end.
func TestEndlessReplies(t *testing.T) {
	for name, stage := range map[string]string{"greeting": "", "EHLO": "EHLO sub.example.com", "one line": "", "DATA": "DATA"} {
		s := serve(t, func(command string, _ bool) string {
			if command != stage {
				return ""
			}
			code := map[string]string{"greeting": "220", "EHLO": "250", "one line": "220", "DATA": "354"}[name]
			if name == "one line" {
				return code + " " + strings.Repeat("canary", maxAnswers)
			}
			return strings.Repeat(code+"-canary\r\n", maxAnswers/8) + code + " end"
		})
		ch := channelTo(t, s.port(), map[string]any{"from_address": "relay@sub.example.com"})
		_, err := attempt(t.Context(), New(operator(safenet.Options{})), ch, nil)
		checkFailure(t, err, transport.ReasonBadResponse, "not what SMTP lays down")
	}
}

// Whatever a server is at when the attempt is over, the attempt is over.
func TestContextEndsIt(t *testing.T) {
	conf, roots := certificate(t)
	for _, stage := range []string{"", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", ".", "QUIT"} {
		t.Run(stage, func(t *testing.T) {
			arrived := make(chan struct{}, 1)
			release := make(chan struct{})
			s := serve(t, func(command string, _ bool) string {
				verb, _, _ := strings.Cut(command, " ")
				if verb == stage {
					arrived <- struct{}{}
					<-release
					return "cut"
				}
				return ""
			})
			s.setTLS(conf)
			t.Cleanup(func() { close(release) })
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-arrived; cancel() }()
			got, err := attempt(ctx, New(operator(safenet.Options{RootCAs: roots})), channelTo(t, s.port(), login), nil)
			if stage == "QUIT" { // the mail is in
				if err != nil || got[0].State != event.StateDelivered {
					t.Errorf("%v, %s", err, shown(got))
				}
				return
			}
			checkFailure(t, err, transport.ReasonConnection, "stopped before the answer came")
			if !errors.Is(err, context.Canceled) || shown(got) != "ann pending, ben pending, cyd pending" {
				t.Errorf("%v, %s", err, shown(got))
			}
		})
	}
}

// A tenant may not have mail sent in the clear, nor to the inside.
func TestGuard(t *testing.T) {
	s := serve(t, nil)
	resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}
	g := safenet.NewGuard(safenet.Policy{}, safenet.Options{Resolver: resolver})
	tr := New(transport.Guards{Tenant: g, Operator: g})
	for host, text := range map[string]string{
		"127.0.0.1": "loopback", "169.254.169.254": "link-local", "10.0.0.1": "private", "::ffff:127.0.0.1": "loopback",
		"192.0.9.1": "tls: none is not allowed to this host", // public
	} {
		got, err := attempt(t.Context(), tr, channelTo(t, s.port(), map[string]any{"smtp_host": host}), nil)
		checkFailure(t, err, transport.ReasonAddressBlocked, text)
		var blocked *safenet.BlockedError
		if se := transport.AsSendError(err); !errors.As(err, &blocked) || !se.NoAttempt || got != nil {
			t.Errorf("%s: %+v, %s", host, se, shown(got))
		}
	}
	if commands, _ := s.seen(); len(commands) != 0 {
		t.Errorf("connected: %q", commands)
	}
	_, err := attempt(t.Context(), tr, channelTo(t, 25, map[string]any{"smtp_host": "mail.example"}), nil)
	checkFailure(t, err, transport.ReasonConnection, "could not be looked up")
}

// A subject that comes to more than a template may is the event's and the
// channel's business, and never the server's.
func TestUnrenderable(t *testing.T) {
	s := serve(t, nil)
	ch := channelTo(t, s.port(), map[string]any{"subject_template": "{{#each access}}{{#each @root.access}}{{#each @root.access}}x{{/each}}{{/each}}{{/each}}"})
	ev := transporttest.Event()
	for range 1000 {
		ev.Access = append(ev.Access, event.Access{})
	}
	_, err := New(operator(safenet.Options{})).Send(t.Context(), transport.Attempt{Channel: ch, Event: ev, Now: time.Now()})
	if se := transport.AsSendError(err); se.Reason != transport.ReasonRender || se.Class != transport.Dead || !se.NoAttempt {
		t.Errorf("%v", err)
	}
	if commands, _ := s.seen(); len(commands) != 0 {
		t.Errorf("connected: %q", commands)
	}
}

func (s *server) setTLS(c *tls.Config) { s.tls = c }

// What a proxy says is told by its status alone.
func TestProxyRefuses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 403 canary\r\n\r\ncanary")
		_ = c.Close()
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	u := &url.URL{Scheme: "http", Host: l.Addr().String()}
	_, err = attempt(t.Context(), New(operator(safenet.Options{ProxyURL: u})), channelTo(t, 587, login), nil)
	checkFailure(t, err, transport.ReasonConnection, "the proxy answered 403")
}
