package transporttest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"
)

// stage is where in a session a mail server can say something.
type stage string

const (
	atBanner   stage = "banner"
	atEHLO     stage = "EHLO"
	atSTARTTLS stage = "STARTTLS"
	atAUTH     stage = "AUTH"
	atMAIL     stage = "MAIL"
	atRCPT     stage = "RCPT"
	atDATA     stage = "DATA"
	atEnd      stage = "end of data"
)

// smtpScript is what a server does otherwise than usual: at each stage a reply
// as it goes over the wire, without its CR LF, or one of smtpCut and smtpHang.
type smtpScript map[stage]string

const (
	smtpCut  = "\x00cut"
	smtpHang = "\x00hang"
)

// smtpDestination is a mail server for one message a session.
type smtpDestination struct {
	*record
	l        net.Listener
	tls      *tls.Config
	implicit bool
	open     sync.WaitGroup

	mu     sync.Mutex
	script smtpScript
	conns  map[net.Conn]bool
	closed bool
}

func startSMTP(t *testing.T, k security, implicit bool) *smtpDestination {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &smtpDestination{record: newRecord(), l: l, tls: k.config(), implicit: implicit, conns: map[net.Conn]bool{}}
	d.open.Go(d.accept)
	t.Cleanup(d.stop)
	return d
}

func (d *smtpDestination) place() Place {
	return Place{Host: "127.0.0.1", Port: d.l.Addr().(*net.TCPAddr).Port, Secure: true}
}

func (d *smtpDestination) stop() {
	_ = d.l.Close()
	d.mu.Lock()
	d.closed = true
	for c := range d.conns {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.open.Wait()
}

func (d *smtpDestination) obey(script any) {
	s, ok := script.(smtpScript)
	if !ok {
		s = smtpOrders[script.(order)]
	}
	if s == nil {
		panic(fmt.Sprintf("no such script: %v", script))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.script = s
}

// What a server says holds all that an error must not show.
var smtpOrders = map[order]smtpScript{
	confirm:    {},
	refuse:     {atEnd: "554 5.7.1 canary"},
	deferIt:    {atEnd: "451 4.7.1 canary http://canary.example/"},
	hangBefore: {atBanner: smtpHang},
	hangAfter:  {atEnd: smtpHang},
	cut:        {atEnd: smtpCut},
	redirectIt: {atRCPT: "551 5.1.6 please try <canary@127.0.0.1>"},
	babble:     {atBanner: "HTTP/1.1 400 canary"},
}

func (d *smtpDestination) accept() {
	for {
		c, err := d.l.Accept()
		if err != nil {
			return
		}
		d.record.conns.Add(1)
		d.mu.Lock()
		if d.closed {
			d.mu.Unlock()
			_ = c.Close()
			return
		}
		d.conns[c] = true
		script := d.script
		d.mu.Unlock()
		d.open.Go(func() {
			s := &smtpSession{d: d, script: script}
			if s.use(c, d.implicit && d.tls != nil) {
				s.run()
			}
			_ = s.c.Close()
			d.mu.Lock()
			delete(d.conns, c)
			d.mu.Unlock()
		})
	}
}

// smtpSession is one connection.
type smtpSession struct {
	d      *smtpDestination
	script smtpScript
	c      net.Conn
	r      *bufio.Reader
	secure bool
}

// use continues over c, with TLS if secure, and reports whether that works.
func (s *smtpSession) use(c net.Conn, secure bool) bool {
	s.c, s.secure = c, secure
	if secure {
		over := tls.Server(c, s.d.tls)
		s.c = over
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		if over.Handshake() != nil {
			return false
		}
		_ = c.SetDeadline(time.Time{})
	}
	s.r = bufio.NewReader(s.c)
	return true
}

// say answers as the script has it, else with usual. It reports whether the
// session goes on.
func (s *smtpSession) say(at stage, usual string) bool {
	reply, scripted := s.script[at]
	if !scripted {
		reply = usual
	}
	switch reply {
	case smtpCut:
		return false
	case smtpHang:
		s.d.hangs <- struct{}{}
		_, _ = io.Copy(io.Discard, s.r) // until the sender leaves
		return false
	}
	_, err := io.WriteString(s.c, reply+"\r\n")
	return err == nil && !strings.HasPrefix(reply, "421") && (reply == usual || !strings.HasPrefix(reply, "221"))
}

func (s *smtpSession) run() {
	if !s.say(atBanner, "220 mail.example ESMTP") {
		return
	}
	m := Message{}
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, rest, _ := strings.Cut(line, " ")
		var on bool
		switch strings.ToUpper(verb) {
		case "EHLO", "HELO":
			on = s.say(atEHLO, s.hello(strings.ToUpper(verb)))
		case "STARTTLS":
			on = s.startTLS()
		case "AUTH":
			on = s.auth(rest)
		case "MAIL":
			m.From = rest
			on = s.say(atMAIL, "250 2.1.0 ok")
		case "RCPT":
			m.To = append(m.To, rest)
			on = s.say(atRCPT, "250 2.1.5 ok")
		case "DATA":
			on = s.data(&m)
		case "QUIT":
			_, _ = io.WriteString(s.c, "221 2.0.0 bye\r\n")
			return
		case "RSET", "NOOP":
			_, err = io.WriteString(s.c, "250 2.0.0 ok\r\n")
			on = err == nil
		default:
			_, err = io.WriteString(s.c, "500 5.5.2 canary "+line+"\r\n")
			on = err == nil
		}
		if !on {
			return
		}
	}
}

func (s *smtpSession) hello(verb string) string {
	if verb == "HELO" {
		return "250 mail.example"
	}
	offers := []string{"mail.example", "PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"}
	if s.secure {
		offers = append(offers, "AUTH PLAIN LOGIN")
	} else if s.d.tls != nil {
		offers = append(offers, "STARTTLS")
	}
	var b strings.Builder
	for i, o := range offers {
		sep := "-"
		if i == len(offers)-1 {
			sep = " "
		}
		b.WriteString("250" + sep + o)
		if i < len(offers)-1 {
			b.WriteString("\r\n")
		}
	}
	return b.String()
}

func (s *smtpSession) startTLS() bool {
	const ready = "220 2.0.0 ready"
	if s.secure || s.d.tls == nil {
		return s.say(atSTARTTLS, "502 5.5.1 canary")
	}
	if !s.say(atSTARTTLS, ready) {
		return false
	}
	if reply, scripted := s.script[atSTARTTLS]; scripted && !strings.HasPrefix(reply, "220") {
		return true
	}
	return s.use(s.c, true)
}

// auth takes any credentials, in as many lines as the mechanism has.
func (s *smtpSession) auth(rest string) bool {
	if _, scripted := s.script[atAUTH]; !scripted {
		mechanism, initial, _ := strings.Cut(rest, " ")
		prompts := []string{"334 "}
		if strings.EqualFold(mechanism, "LOGIN") {
			prompts = []string{"334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"}
		}
		if initial != "" {
			prompts = prompts[1:]
		}
		for _, p := range prompts {
			if _, err := io.WriteString(s.c, p+"\r\n"); err != nil {
				return false
			}
			if _, err := s.r.ReadString('\n'); err != nil {
				return false
			}
		}
	}
	return s.say(atAUTH, "235 2.7.0 ok")
}

func (s *smtpSession) data(m *Message) bool {
	const begin = "354 go on"
	if !s.say(atDATA, begin) {
		return false
	}
	if reply, scripted := s.script[atDATA]; scripted && !strings.HasPrefix(reply, "354") {
		return true
	}
	raw, err := readMail(s.r)
	if err != nil {
		return false
	}
	m.Raw, m.Header = raw, nil
	_, m.Body, _ = bytes.Cut(raw, []byte("\r\n\r\n"))
	if parsed, err := mail.ReadMessage(bytes.NewReader(raw)); err == nil { // or it is told when it is read
		m.Header = textproto.MIMEHeader(parsed.Header)
	}
	reply, scripted := s.script[atEnd]
	if !scripted || strings.HasPrefix(reply, "250") {
		s.d.add(*m)
	}
	m.To = nil
	return s.say(atEnd, "250 2.0.0 ok")
}
