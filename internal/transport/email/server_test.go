package email

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
)

// server is a mail server without TLS that answers as it is told, and notes what
// it is sent.
type server struct {
	l net.Listener
	// reply answers a command ("RCPT TO:<a@example.com>"), the connection ("") or
	// the end of a message ("."). "" is the usual answer, "cut" none. tls is the
	// session's so far.
	reply func(command string, secure bool) string
	tls   *tls.Config // for STARTTLS; nil: none

	mu       sync.Mutex
	commands []string
	mails    []string
	sessions sync.WaitGroup
}

func serve(t *testing.T, reply func(command string, secure bool) string) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{l: l, reply: reply}
	s.sessions.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.sessions.Go(func() { s.session(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); s.sessions.Wait() })
	return s
}

func (s *server) port() int { return s.l.Addr().(*net.TCPAddr).Port }

func (s *server) seen() (commands, mails []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.commands...), append([]string(nil), s.mails...)
}

// usual is the answer that goes on.
func (s *server) usual(command string, secure bool) string {
	verb, rest, _ := strings.Cut(command, " ")
	switch verb {
	case "":
		return "220 mail.example"
	case "EHLO":
		offers := "250-mail.example\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
		if s.tls != nil && !secure {
			offers += "250-STARTTLS\r\n"
		}
		return offers + "250 AUTH PLAIN LOGIN CRAM-MD5"
	case "STARTTLS":
		return "220 go on"
	case "AUTH":
		if strings.HasPrefix(rest, "CRAM-MD5") {
			return "334 PDEyMzQ+" // <1234>
		}
		if rest == "LOGIN" {
			return "334 VXNlcm5hbWU6"
		}
		return "235 welcome"
	case "DATA":
		return "354 go on"
	case "QUIT":
		return "221 bye"
	}
	return "250 ok"
}

func (s *server) answer(command string, secure bool) string {
	s.mu.Lock()
	s.commands = append(s.commands, command)
	s.mu.Unlock()
	if s.reply != nil {
		if r := s.reply(command, secure); r != "" {
			return r
		}
	}
	return s.usual(command, secure)
}

func (s *server) session(c net.Conn) {
	defer func() { _ = c.Close() }()
	secure, waiting := false, 0 // waiting: for how many lines of a login
	r := textproto.NewReader(bufio.NewReader(c))
	command := ""
	for {
		reply := s.answer(command, secure)
		if reply == "cut" {
			return
		}
		if _, err := io.WriteString(c, reply+"\r\n"); err != nil || command == "QUIT" {
			return
		}
		switch {
		case command == "STARTTLS" && strings.HasPrefix(reply, "220"):
			over := tls.Server(c, s.tls)
			if over.Handshake() != nil {
				return
			}
			c, secure = over, true
			r = textproto.NewReader(bufio.NewReader(c))
		case command == "AUTH LOGIN" && strings.HasPrefix(reply, "334"):
			waiting = 2
		case strings.HasPrefix(command, "AUTH CRAM-MD5") && strings.HasPrefix(reply, "334"):
			waiting = 1
		}
		if command == "DATA" && strings.HasPrefix(reply, "354") {
			mail, err := r.ReadDotBytes()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.mails = append(s.mails, string(mail))
			s.mu.Unlock()
			command = "."
			continue
		}
		line, err := r.ReadLine()
		if err != nil {
			return
		}
		if waiting > 0 {
			if waiting--; waiting == 0 {
				line = "AUTH =" + line
			} else {
				s.mu.Lock()
				s.commands = append(s.commands, line)
				s.mu.Unlock()
				if _, err := io.WriteString(c, "334 UGFzc3dvcmQ6\r\n"); err != nil {
					return
				}
				if line, err = r.ReadLine(); err != nil {
					return
				}
				waiting, line = 0, "AUTH ="+line
			}
		}
		command = line
	}
}
