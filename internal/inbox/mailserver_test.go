package inbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

func listenMail(t *testing.T) *MailServer {
	t.Helper()
	m, err := ListenMail("127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// serveMail is an inbox with its mail listener.
func serveMail(t *testing.T, c Config) (*site, *MailServer) {
	t.Helper()
	s := serve(t, c)
	m := listenMail(t)
	m.Serve(s.in)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := m.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return s, m
}

func send(m *MailServer, mail string, to ...string) error {
	return smtp.SendMail(m.Addr(), nil, "relay@example.com", to, []byte(mail))
}

func code(err error) int {
	var e *textproto.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

func TestMailArrives(t *testing.T) {
	s, m := serveMail(t, Config{})
	mail := alternative("hello", "<p>hello</p>")
	if err := send(m, mail, "demo@example.com", "Other+tag@example.org"); err != nil {
		t.Fatal(err)
	}
	got := s.messages("").Data
	if len(got) != 2 || got[0].Path != "/email/demo" || got[1].Path != "/email/Other+tag" {
		t.Fatalf("%+v", got)
	}
	first := got[0]
	if first.Kind != "email" || first.Status != 250 || first.Problem != "" || first.Body != mail || first.Attempt != 1 {
		t.Errorf("%+v", first)
	}
	if first.Mail.Sender != "relay@example.com" || first.Mail.Recipient != "demo@example.com" || first.Mail.Text != "hello" || first.Headers["Subject"] != "Break glass" {
		t.Errorf("%+v", first.Mail)
	}
	// Again: one Message-ID is one mail, whatever else of it differs.
	if err := send(m, alternative("later", "<p>later</p>"), "demo@example.com"); err != nil {
		t.Fatal(err)
	}
	if again := s.newest(); again.Attempt != 2 {
		t.Errorf("attempt %d", again.Attempt)
	}
}

func TestMailIsHeldAgainstTheStandard(t *testing.T) {
	s, m := serveMail(t, Config{MaxBody: 4096})
	err := send(m, strings.Replace(mailHeader, "Date:", "X-Date:", 1)+"\r\nx\r\n", "demo@example.com")
	if got := s.newest(); code(err) != 550 || got.Status != 550 || got.Problem != "header Date: is missing" {
		t.Errorf("%v, shown as %d %q", err, got.Status, got.Problem)
	}
	err = send(m, mailHeader+"\r\n"+strings.Repeat("too long\r\n", 1000), "demo@example.com")
	if got := s.newest(); code(err) != 552 || got.Status != 552 || got.Body != "" || !strings.Contains(got.Problem, "larger than 4096") {
		t.Errorf("%v, shown as %d %q", err, got.Status, got.Problem)
	}
	to := make([]string, maxMailRecipients+1)
	for i := range to {
		to[i] = fmt.Sprintf("n%d@example.com", i)
	}
	if err := send(m, mailHeader+"\r\nx\r\n", to...); code(err)/100 != 4 && code(err)/100 != 5 {
		t.Errorf("%d recipients: %v", len(to), err)
	}
}

func TestMailFailsOnPurpose(t *testing.T) {
	s, m := serveMail(t, Config{})
	mail := alternative("hello", "<p>hello</p>")
	if r := s.do("POST", "/fail?path=/email/demo&status=452&times=2", "", nil); r.status != 204 {
		t.Fatalf("POST /fail = %d %q", r.status, r.body)
	}
	for attempt, want := range []int{452, 452, 250} {
		err := send(m, mail, "demo@example.com")
		got := s.newest()
		if code(err) != want && (err != nil || want != 250) || got.Status != want || got.OnPurpose != (want == 452) || got.Attempt != attempt+1 {
			t.Errorf("attempt %d: %v, shown as %d", attempt+1, err, got.Status)
		}
		if got.Mail.Subject != "Break glass" {
			t.Error("what was refused is not seen")
		}
	}
	// A recipient alone: the others have their mail.
	s.do("POST", "/fail?path=/email/gone&stage=rcpt&status=550", "", nil)
	c, err := smtp.Dial(m.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := errors.Join(c.Mail("relay@example.com"), c.Rcpt("demo@example.com")); err != nil {
		t.Fatal(err)
	}
	if err := c.Rcpt("gone@example.com"); code(err) != 550 {
		t.Errorf("the recipient: %v", err)
	}
	refused := s.newest()
	if refused.Path != "/email/gone" || refused.Status != 550 || !refused.OnPurpose || refused.Mail.Recipient != "gone@example.com" {
		t.Errorf("%+v", refused)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, mail)
	if err := w.Close(); err != nil || s.newest().Path != "/email/demo" || s.newest().Status != 250 {
		t.Errorf("the other recipient: %v, %+v", err, s.newest())
	}
	for _, q := range []string{"status=250", "stage=later", "retry_after=5", "status=600"} {
		if r := s.do("POST", "/fail?path=/email/demo&"+q, "", nil); r.status != 400 {
			t.Errorf("POST /fail with %s = %d", q, r.status)
		}
	}
}

// talk is a connection by hand.
func talk(t *testing.T, m *MailServer) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", m.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c, bufio.NewReader(c)
}

// say sends a line and returns the last line of the answer.
func say(t *testing.T, c net.Conn, r *bufio.Reader, line string) string {
	t.Helper()
	if line != "" {
		fmt.Fprint(c, line+"\r\n")
	}
	for {
		got, err := r.ReadString('\n')
		if err != nil {
			return ""
		}
		if len(got) > 3 && got[3] != '-' {
			return strings.TrimSpace(got)
		}
	}
}

// At a shutdown an idle connection is let go at once; a mail under way is taken.
func TestMailDrains(t *testing.T) {
	s := serve(t, Config{})
	m := listenMail(t)
	m.Serve(s.in)
	idle, idleR := talk(t, m)
	busy, busyR := talk(t, m)
	say(t, idle, idleR, "")
	say(t, busy, busyR, "")
	for _, line := range []string{"EHLO x", "MAIL FROM:<a@example.com>", "RCPT TO:<demo@example.com>", "DATA"} {
		if got := say(t, busy, busyR, line); got == "" || got[0] > '3' {
			t.Fatalf("%s: %s", line, got)
		}
	}
	stopped := make(chan error, 1)
	go func() { stopped <- m.Shutdown(t.Context()) }()
	if got := say(t, idle, idleR, ""); !strings.HasPrefix(got, "421 ") {
		t.Errorf("the idle connection: %q", got)
	}
	if got := say(t, busy, busyR, mailHeader+"\r\nx\r\n."); !strings.HasPrefix(got, "250 ") {
		t.Errorf("the mail under way: %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if s.newest().Path != "/email/demo" {
		t.Error("it is not there")
	}
	if err, ok := <-m.Failed(); ok {
		t.Errorf("a shutdown is no failure: %v", err)
	}
	if c, err := net.Dial("tcp", m.Addr()); err == nil {
		_ = c.Close()
		t.Error("it still listens")
	}
}

// One that never ends is cut off.
func TestMailIsCutOff(t *testing.T) {
	s := serve(t, Config{})
	m := listenMail(t)
	m.Serve(s.in)
	c, r := talk(t, m)
	say(t, c, r, "")
	say(t, c, r, "EHLO x")
	if got := say(t, c, r, "MAIL FROM:<a@example.com>"); !strings.HasPrefix(got, "250 ") {
		t.Fatal(got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("%v", err)
	}
	if got := say(t, c, r, ""); got != "" {
		t.Errorf("still there: %s", got)
	}
	if n := len(s.messages("").Data); n != 0 {
		t.Errorf("half a mail is shown: %d", n)
	}
}

// Made and given up before it served.
func TestMailNeverServed(t *testing.T) {
	m := listenMail(t)
	if _, err := ListenMail(m.Addr(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("two listen at one address")
	}
	if err := m.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", m.Addr()); err == nil {
		_ = c.Close()
		t.Error("it still listens")
	}
}

func TestMailConnectionsAreBounded(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newMailListener(ln, 1)
	for range 2 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_ = c.Close()
		}
		second <- err
	}()
	select {
	case <-second:
		t.Error("two connections at a limit of one")
	default:
	}
	_ = first.Close()
	if err := first.Close(); err == nil {
		t.Error("closed twice gives two places back")
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
	l.drain()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepts after the end: %v", err)
	}
}

// A chunked mail (BDAT) that is broken off leaves nothing.
func TestChunkedMail(t *testing.T) {
	s, m := serveMail(t, Config{})
	mail := mailHeader + "\r\nchunked\r\n"
	for _, chunk := range []string{"BDAT 6\r\nFrom", fmt.Sprintf("BDAT %d LAST\r\n%s", len(mail), strings.TrimSuffix(mail, "\r\n"))} {
		c, r := talk(t, m)
		say(t, c, r, "")
		for _, line := range []string{"EHLO x", "MAIL FROM:<a@example.com>", "RCPT TO:<demo@example.com>", chunk} {
			if got := say(t, c, r, line); !strings.HasPrefix(got, "250 ") {
				t.Fatalf("%q: %s", line, got)
			}
		}
		_ = c.Close()
	}
	if got := s.messages("").Data; len(got) != 1 || got[0].Mail.Text != "chunked\n" {
		t.Errorf("%+v", got)
	}
}
